"""CPU and DRAM energy on Windows 11 by its Energy Metering Interface (EMI), without a driver.

Tested on buffers built from the documented structures and channel names seen, not on hardware.
"""

from __future__ import annotations

import re
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from carbon_advisor.measurement.energy_counter import EnergyCounter
from carbon_advisor.measurement.power_source import Reading, SourceLostError
from carbon_advisor.measurement.rapl import RELATIVE_ERROR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from carbon_advisor.measurement.profile import Component, Method

# emi.h: CTL_CODE(FILE_DEVICE_UNKNOWN, 0 … 3, METHOD_BUFFERED, FILE_READ_ACCESS)
GET_VERSION, GET_METADATA_SIZE, GET_METADATA, GET_MEASUREMENT = range(0x224000, 0x224010, 4)
_JOULES_PER_PWH = 3.6e-9
_MEASUREMENT = struct.Struct("<QQ")  # energy in pWh, time in 100 ns
# Of each list, the first name that any device has counts; a package contains its cores (CORE,
# PP0) and graphics (PP1), a socket AMD's rails (VDDCR_VDD, VDDCR_SOC).
_CHANNELS: dict[Component, tuple[str, ...]] = {
    "cpu": (r"RAPL_Package\d+_PKG", r"Current Socket Power"),
    "memory": (r"RAPL_Package\d+_DRAM",),
}


class EmiDevice(Protocol):
    """One open device of the interface."""

    def control(self, code: int, size: int) -> bytes:
        """Send a request without input; return its answer of at most `size` bytes.

        Raises:
            OSError: the device does not answer it.
        """


@dataclass(slots=True)
class _Metered:
    """The channels of one device that are summed."""

    device: EmiDevice
    channel_count: int
    counters: dict[int, EnergyCounter]

    def advance(self) -> float:
        raw = _energies(self.device, self.channel_count)
        return sum(counter.advance(raw[index]) for index, counter in self.counters.items())


class EmiSource:
    """The summed energy of every package, or of its DRAM, since this object was made.

    Args:
        domain: "cpu" for the packages, "memory" for their DRAM.
        open_devices: opens this machine's devices; PermissionError if it may not.
    """

    method: Method = "measured"
    idle_power_w: float | None = None

    def __init__(
        self, domain: Component, open_devices: Callable[[], Sequence[EmiDevice]] | None = None
    ) -> None:
        self.domain: Component = domain
        self.relative_error = RELATIVE_ERROR[domain]
        self.refused = False
        self.missing = ""
        self.remedy = ""
        self._metered: list[_Metered] = []
        names: list[str] = []
        try:
            self._metered, names = _metered(domain, (open_devices or _devices_here)())
        except PermissionError:
            self.refused = True
            self.missing = "there are energy meters, but this user may not read them"
            self.remedy = "run it in a terminal that was opened as administrator"
        except (OSError, ValueError, struct.error) as error:
            self.missing = f"the energy meters cannot be read: {error}"
        if not self._metered and not self.missing:
            what = "package" if domain == "cpu" else "DRAM that counts"
            self.missing = f"no energy meter (EMI) of a {what}; Windows 11 on real hardware has one"
        self.source = f"Energy Metering Interface: {', '.join(names)}"

    def available(self) -> bool:
        """Say whether there is a channel of this domain."""
        return bool(self._metered)

    def read(self) -> Reading:
        """Return the joules since this object was made.

        Raises:
            SourceLostError: a device does not answer any more.
        """
        if not self._metered:
            raise SourceLostError(self.missing)
        try:
            energy_j = sum(metered.advance() for metered in self._metered)
        except (OSError, ValueError) as error:
            raise SourceLostError(f"energy meter (EMI) lost: {error}") from error
        return Reading(time.monotonic(), energy_j=energy_j)


def channel_names(device: EmiDevice) -> list[str]:
    """Return the names of a device's channels, in the order of its measurements.

    Raises:
        OSError: the device does not answer.
        ValueError: its version is unknown.
        struct.error: its answer is too short.
    """
    (version,) = struct.unpack_from("<H", device.control(GET_VERSION, 2))
    (size,) = struct.unpack_from("<I", device.control(GET_METADATA_SIZE, 4))
    metadata = device.control(GET_METADATA, size)
    if version == 1:  # unit, OEM[16], model[16], revision, size of the name, name
        (length,) = struct.unpack_from("<H", metadata, 70)
        return [_text(metadata[72 : 72 + length])]
    if version != 2:
        raise ValueError(f"version {version} of the interface is unknown")
    names, offset = [], 68  # OEM[16], model[16], revision, count, then unit, size and name of each
    for _ in range(struct.unpack_from("<H", metadata, 66)[0]):
        (length,) = struct.unpack_from("<H", metadata, offset + 4)
        names.append(_text(metadata[offset + 6 : offset + 6 + length]))
        offset += 6 + length
    return names


def _metered(domain: Component, devices: Sequence[EmiDevice]) -> tuple[list[_Metered], list[str]]:
    """The chosen channels by device, and their names; a name that comes again is a repeat.

    Dies of one AMD socket each show its counter under the same name. A counter at 0 is one that
    the processor does not have, as DRAM on most desktops.
    """
    known = [(device, names) for device in devices if (names := _names_or_none(device))]
    for pattern in _CHANNELS[domain]:
        chosen: list[_Metered] = []
        seen: list[str] = []
        for device, names in known:
            wanted = [i for i, name in enumerate(names) if re.fullmatch(pattern, name)]
            if not wanted:
                continue
            raw = _energies(device, len(names))
            counters = {}
            for index in wanted:
                if raw[index] and names[index] not in seen:
                    counters[index] = EnergyCounter(raw[index], _JOULES_PER_PWH)
                    seen.append(names[index])
            if counters:
                chosen.append(_Metered(device, len(names), counters))
        if chosen:
            return chosen, seen
    return [], []


def _names_or_none(device: EmiDevice) -> list[str]:
    """A device that does not answer is left out: some firmware shows one that meters nothing."""
    try:
        return channel_names(device)
    except (OSError, ValueError, struct.error):
        return []


def _energies(device: EmiDevice, channel_count: int) -> list[int]:
    """Each channel's energy in pWh."""
    raw = device.control(GET_MEASUREMENT, _MEASUREMENT.size * channel_count)
    if len(raw) != _MEASUREMENT.size * channel_count:
        raise ValueError(f"{len(raw)} bytes for {channel_count} channels")
    return [energy for energy, _ in _MEASUREMENT.iter_unpack(raw)]


def _text(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").split("\0")[0]


def _devices_here() -> Sequence[EmiDevice]:
    from carbon_advisor.measurement.windows_emi_devices import open_devices

    return open_devices()
