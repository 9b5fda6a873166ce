"""Windows' energy meters against buffers packed as emi.h lays its structures out.

No recorded buffer was found. The names are those seen by users on an Intel laptop and on an AMD
laptop; the layout is EMI_METADATA_V1 and _V2 and EMI_CHANNEL_MEASUREMENT_DATA.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pytest

from carbon_advisor.measurement import windows_emi as emi
from carbon_advisor.measurement.power_source import EnergyMeter, SourceLostError

INTEL = ("RAPL_Package0_PKG", "RAPL_Package0_DRAM", "RAPL_Package0_PP0", "RAPL_Package0_PP1")
AMD = ("VDDCR_VDD Power", "VDDCR_SOC Power", "Current Socket Power", "Apu Power")
PWH_PER_J = 1 / 3.6e-9


@dataclass
class Device:
    """An energy meter that a test sets, in joules."""

    names: tuple[str, ...]
    joules: list[float] = field(default_factory=list)
    version: int = 2
    lost: bool = False

    def __post_init__(self) -> None:
        self.joules = self.joules or [1000.0] * len(self.names)

    def control(self, code: int, size: int) -> bytes:
        if self.lost:
            raise OSError(31, "A device attached to the system is not functioning")
        answers = {
            0x224000: lambda: struct.pack("<H", self.version),
            0x224004: lambda: struct.pack("<I", len(self._metadata())),
            0x224008: self._metadata,
            0x22400C: self._measurements,
        }
        answer = answers[code]()
        assert size >= len(answer)
        return answer

    def _metadata(self) -> bytes:
        makers = "Microsoft".encode("utf-16-le").ljust(32, b"\0") * 2
        names = [name.encode("utf-16-le") + b"\0\0" for name in self.names]
        if self.version == 1:
            return struct.pack("<i", 0) + makers + struct.pack("<HH", 1, len(names[0])) + names[0]
        channels = (struct.pack("<iH", 0, len(name)) + name for name in names)
        return makers + struct.pack("<HH", 1, len(names)) + b"".join(channels)

    def _measurements(self) -> bytes:
        return b"".join(struct.pack("<QQ", round(j * PWH_PER_J), 99) for j in self.joules)


def test_the_requests_are_those_of_emi_h() -> None:
    """As metadata of the Windows SDK gives them: 2244608 … 2244620."""
    assert (emi.GET_VERSION, emi.GET_MEASUREMENT) == (2_244_608, 2_244_620)


def test_a_package_contains_its_cores_and_not_its_dram() -> None:
    device = Device(INTEL)
    cpu = EnergyMeter(emi.EmiSource("cpu", lambda: [device]))
    memory = EnergyMeter(emi.EmiSource("memory", lambda: [device]))
    device.joules = [1005.0, 1002.0, 1004.0, 1001.0]
    assert cpu.advance() == pytest.approx(5.0)
    assert memory.advance() == pytest.approx(2.0)


def test_sockets_add_up_and_dies_that_repeat_a_name_do_not() -> None:
    devices = [
        Device(("RAPL_Package0_PKG",)),
        Device(("RAPL_Package0_PKG",)),
        Device(("RAPL_Package1_PKG", "RAPL_Package1_Core0_CORE")),
        Device(("RAPL_Package0_Core6_CORE",)),
    ]
    source = emi.EmiSource("cpu", lambda: devices)
    for device in devices:
        device.joules[0] += 3.0
    assert source.read().energy_j == pytest.approx(6.0)


def test_amd_is_its_socket_and_not_its_rails_beside() -> None:
    device = Device(AMD)
    source = emi.EmiSource("cpu", lambda: [device])
    device.joules = [j + 8.0 for j in device.joules]
    assert source.read().energy_j == pytest.approx(8.0)
    assert source.source.endswith("Current Socket Power")


def test_a_dram_channel_that_never_counted_is_no_counter() -> None:
    source = emi.EmiSource("memory", lambda: [Device(INTEL, [1000.0, 0.0, 1.0, 1.0])])
    assert not source.available()
    assert "DRAM" in source.missing


def test_the_first_version_has_one_channel_and_later_ones_are_left_out() -> None:
    assert emi.channel_names(Device(("RAPL_Package0_PKG",), version=1)) == ["RAPL_Package0_PKG"]
    source = emi.EmiSource("cpu", lambda: [Device(INTEL, version=3), Device(INTEL)])
    assert source.available()


def test_none_refused_or_silent_is_not_available_and_says_so() -> None:
    def refuse() -> list[emi.EmiDevice]:
        raise PermissionError(5, "Access is denied")

    refused = emi.EmiSource("cpu", refuse)
    assert (refused.available(), refused.refused) == (False, True)
    assert "administrator" in refused.remedy
    for devices in ([], [Device(INTEL, lost=True)], [Device(("Battery",))]):
        source = emi.EmiSource("cpu", lambda devices=devices: devices)  # type: ignore[misc]
        assert (source.available(), source.refused) == (False, False)
        assert "package" in source.missing
    assert "Windows only" in emi.EmiSource("cpu").missing  # on the machines that run these tests


def test_a_meter_that_fails_is_lost() -> None:
    device = Device(INTEL)
    source = emi.EmiSource("cpu", lambda: [device])
    device.lost = True
    with pytest.raises(SourceLostError, match="EMI"):
        source.read()
