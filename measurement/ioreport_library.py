"""macOS' libIOReport through ctypes: the channels of one group, and what they counted in between.

The library is private: its functions are as others call them (macmon, SocPowerBuddy). Tested
against a stand-in with the same functions, not on hardware.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_long, c_ubyte, c_uint32, c_uint64
from ctypes import c_void_p as ref
from typing import Any

CORE_FOUNDATION = "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"
IO_REPORT = "/usr/lib/libIOReport.dylib"
_UTF8 = 0x08000100
_LONGEST_NAME = 256
_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "CFRelease": (None, [ref]),
    "CFStringCreateWithCString": (ref, [ref, c_char_p, c_uint32]),
    "CFStringGetCString": (c_ubyte, [ref, c_char_p, c_long, c_uint32]),
    "CFDictionaryGetValue": (ref, [ref, ref]),
    "CFDictionaryCreateMutableCopy": (ref, [ref, c_long, ref]),
    "CFArrayGetCount": (c_long, [ref]),
    "CFArrayGetValueAtIndex": (ref, [ref, c_long]),
    "IOReportCopyChannelsInGroup": (ref, [ref, ref, c_uint64, c_uint64, c_uint64]),
    "IOReportCreateSubscription": (ref, [ref, ref, POINTER(ref), c_uint64, ref]),
    "IOReportCreateSamples": (ref, [ref, ref, ref]),
    "IOReportCreateSamplesDelta": (ref, [ref, ref, ref]),
    "IOReportChannelGetChannelName": (ref, [ref]),
    "IOReportChannelGetUnitLabel": (ref, [ref]),
    "IOReportSimpleGetIntegerValue": (c_int64, [ref, c_int]),
}


class IoReportLibrary:
    """A subscription to the channels of one group.

    Args:
        group: the group's name.
        libraries: where Core Foundation and libIOReport are.

    Raises:
        OSError: this system has no such library, group or channel.
    """

    def __init__(
        self,
        group: str = "Energy Model",
        libraries: tuple[str, str] = (CORE_FOUNDATION, IO_REPORT),
    ) -> None:
        self._call = _functions(libraries)
        self._channels_key = self._string("IOReportChannels")
        self._subscription, self._channels = self._subscribe(group)
        self._last = self._sample()

    def channels(self) -> list[tuple[str, str]]:
        """Return each channel's name and unit."""
        call = self._call
        return [
            (
                self._text(call["IOReportChannelGetChannelName"](channel)),
                self._text(call["IOReportChannelGetUnitLabel"](channel)).strip(),
            )
            for channel in self._each(self._last)
        ]

    def deltas(self) -> list[tuple[str, int]]:
        """Return each channel's name and what it counted since the last call.

        Raises:
            OSError: the system gives no sample.
        """
        call = self._call
        now = self._sample()
        delta = call["IOReportCreateSamplesDelta"](self._last, now, None)
        call["CFRelease"](self._last)
        self._last = now
        if not delta:
            raise OSError("IOReport gives no difference of samples")
        try:
            return [
                (
                    self._text(call["IOReportChannelGetChannelName"](channel)),
                    call["IOReportSimpleGetIntegerValue"](channel, 0),
                )
                for channel in self._each(delta)
            ]
        finally:
            call["CFRelease"](delta)

    def _subscribe(self, group: str) -> tuple[int, int]:
        call = self._call
        name = self._string(group)
        found = call["IOReportCopyChannelsInGroup"](name, None, 0, 0, 0)
        call["CFRelease"](name)
        if not found:
            raise OSError(f"IOReport has no group {group!r}")
        wanted = call["CFDictionaryCreateMutableCopy"](None, 0, found)
        call["CFRelease"](found)
        subscribed = ref()
        subscription = call["IOReportCreateSubscription"](None, wanted, byref(subscribed), 0, None)
        if not subscription:
            raise OSError(f"IOReport refuses a subscription to {group!r}")
        return subscription, subscribed.value or wanted

    def _sample(self) -> int:
        sample: int | None = self._call["IOReportCreateSamples"](
            self._subscription, self._channels, None
        )
        if not sample:
            raise OSError("IOReport gives no sample")
        return sample

    def _each(self, sample: int) -> list[int]:
        array = self._call["CFDictionaryGetValue"](sample, self._channels_key)
        if not array:
            return []
        count = self._call["CFArrayGetCount"](array)
        return [self._call["CFArrayGetValueAtIndex"](array, index) for index in range(count)]

    def _string(self, text: str) -> int:
        made: int = self._call["CFStringCreateWithCString"](None, text.encode(), _UTF8)
        return made

    def _text(self, string: int | None) -> str:
        if not string:
            return ""
        buffer = ctypes.create_string_buffer(_LONGEST_NAME)
        fits = self._call["CFStringGetCString"](string, buffer, _LONGEST_NAME, _UTF8)
        return buffer.value.decode() if fits else ""


def _functions(libraries: tuple[str, str]) -> dict[str, Any]:
    """The functions by name, with their types: a pointer taken for an int would be cut off."""
    foundation, report = (ctypes.CDLL(path) for path in libraries)
    found: dict[str, Any] = {}
    for name, (result, arguments) in _PROTOTYPES.items():
        try:
            function = getattr(foundation if name.startswith("CF") else report, name)
        except AttributeError as error:
            raise OSError(f"this system's IOReport has no {name}") from error
        function.restype, function.argtypes = result, arguments
        found[name] = function
    return found
