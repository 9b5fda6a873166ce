"""Opens Windows' energy meters (EMI) and talks to them: cfgmgr32 and kernel32 through ctypes.

Written from Microsoft's documentation and checked by type only: not run on Windows.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.measurement.windows_emi import EmiDevice

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    # GUID_DEVICE_ENERGY_METER, {45BD8344-7ED6-49cf-A440-C276C933B053}, as it lies in memory
    _INTERFACE = bytes.fromhex("4483bd45d67ecf49a440c276c933b053")
    _PRESENT = 0  # CM_GET_DEVICE_INTERFACE_LIST_PRESENT
    _GENERIC_READ = 0x80000000
    _SHARE_READ_WRITE = 3
    _OPEN_EXISTING = 3
    _NO_HANDLE = wintypes.HANDLE(-1).value

    class WindowsEmiDevice:
        """One open energy meter.

        Raises:
            OSError: it cannot be opened; PermissionError where this user may not.
        """

        def __init__(self, path: str) -> None:
            self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            create = self._kernel.CreateFileW
            create.restype = wintypes.HANDLE
            create.argtypes = [
                wintypes.LPCWSTR,
                wintypes.DWORD,
                wintypes.DWORD,
                wintypes.LPVOID,
                wintypes.DWORD,
                wintypes.DWORD,
                wintypes.HANDLE,
            ]
            self._handle = create(
                path, _GENERIC_READ, _SHARE_READ_WRITE, None, _OPEN_EXISTING, 0, None
            )
            if self._handle in (None, _NO_HANDLE):
                raise ctypes.WinError(ctypes.get_last_error())
            self._control = self._kernel.DeviceIoControl
            self._control.restype = wintypes.BOOL
            self._control.argtypes = [
                wintypes.HANDLE,
                wintypes.DWORD,
                wintypes.LPVOID,
                wintypes.DWORD,
                wintypes.LPVOID,
                wintypes.DWORD,
                ctypes.POINTER(wintypes.DWORD),
                wintypes.LPVOID,
            ]

        def control(self, code: int, size: int) -> bytes:
            """Send a request without input; return its answer."""
            answer = ctypes.create_string_buffer(size)
            length = wintypes.DWORD()
            if not self._control(
                self._handle, code, None, 0, answer, size, ctypes.byref(length), None
            ):
                raise ctypes.WinError(ctypes.get_last_error())
            return answer.raw[: length.value]

        def __del__(self) -> None:
            if getattr(self, "_handle", _NO_HANDLE) not in (None, _NO_HANDLE):
                self._kernel.CloseHandle(wintypes.HANDLE(self._handle))

    def open_devices() -> Sequence[EmiDevice]:
        """Open every energy meter that is present; PermissionError if one may not be opened."""
        return [WindowsEmiDevice(path) for path in _device_paths()]

    def _device_paths() -> list[str]:
        """Paths of the devices with this interface; none if the system cannot say."""
        manager = ctypes.WinDLL("cfgmgr32")
        interface = ctypes.create_string_buffer(_INTERFACE, len(_INTERFACE))
        length = wintypes.ULONG()
        if manager.CM_Get_Device_Interface_List_SizeW(
            ctypes.byref(length), interface, None, _PRESENT
        ):
            return []
        names = ctypes.create_unicode_buffer(length.value)
        if manager.CM_Get_Device_Interface_ListW(interface, None, names, length, _PRESENT):
            return []
        return [path for path in ctypes.wstring_at(names, length.value).split("\0") if path]

else:

    def open_devices() -> Sequence[EmiDevice]:
        """Say that there are none here."""
        raise OSError("energy meters (EMI) exist on Windows only")
