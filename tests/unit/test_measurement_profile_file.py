"""Profiles survive the way to a file and back; a wrong file is named by its field."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.measurement.errors import InputError, ProfileError
from carbon_advisor.measurement.hardware import Gpu, Hardware
from carbon_advisor.measurement.profile import ComponentEnergy, Profile, Series, scaled
from carbon_advisor.measurement.profile_file import (
    LARGEST_BYTES,
    check_writable,
    profile_json,
    read_profile,
    write_profile,
)

if TYPE_CHECKING:
    from pathlib import Path

HARDWARE = Hardware(
    cpu_name="AMD EPYC",
    cpu_vendor="AuthenticAMD",
    cpu_family=25,
    cpu_model_number=17,
    microarchitecture="EPYC 4th Gen (Genoa)",
    architecture="x86_64",
    vcpus=2,
    memory_gb=16.0,
    gpus=(),
    operating_system="Linux 6.1",
    virtualization="kvm",
)
PROFILE = Profile(
    name="train",
    command=("python", "train.py", "--note", "naïve\n\udcff×"),
    started_at=datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC),
    exit_code=0,
    duration_s=20.0,
    measured_duration_s=20.0,
    scale=1.0,
    scale_basis="whole",
    cpu_time_s=30.0,
    busy_cores_mean=1.5,
    busy_cores_peak=2.0,
    memory_mean_gb=0.5,
    memory_peak_gb=0.75,
    gpu_utilization_mean=0.0,
    gpu_memory_peak_gb=0.0,
    energy=(
        ComponentEnergy("cpu", 5e-5, 6e-5, "modelled", "a model", 0.25),
        ComponentEnergy("memory", 1e-5, 1e-5, "modelled", "another", 0.5),
    ),
    hardware=HARDWARE,
    series=Series(10.0, (10.0, 11.6), (1.0, 2.0), (0.25, 0.75), (0.0, 0.0)),
    notes=("a note",),
)
SCHEMA = json.loads((files("carbon_advisor.data") / "schemas/profile.schema.json").read_text())

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates included
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
HARDWARES = st.builds(
    Hardware,
    cpu_name=ANY_TEXT,
    cpu_vendor=ANY_TEXT,
    cpu_family=st.none() | st.integers(0, 255),
    cpu_model_number=st.none() | st.integers(0, 4095),
    microarchitecture=st.none() | ANY_TEXT,
    architecture=st.sampled_from(["x86_64", "arm64"]),
    vcpus=st.integers(1, 4096),
    memory_gb=st.floats(0, 30_000),
    gpus=st.lists(st.builds(Gpu, ANY_TEXT, st.floats(0, 300)), max_size=3).map(tuple),
    operating_system=ANY_TEXT,
    virtualization=st.none() | ANY_TEXT,
)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Profiles whose figures agree with each other, as measured ones do."""
    duration_s = draw(st.floats(0.01, 1e6))
    count = draw(st.integers(1, 20))

    def values(high: float) -> tuple[float, ...]:
        return tuple(draw(st.lists(st.floats(0, high), min_size=count, max_size=count)))

    power_w, busy, memory = values(5000), values(512), values(4000)
    energy_kwh = sum(power_w) / count * duration_s / 3.6e6
    parts = draw(st.integers(1, 3))
    measured = Profile(
        name=draw(ANY_TEXT),
        command=tuple(draw(st.lists(ANY_TEXT, max_size=4))),
        started_at=draw(
            st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=OFFSETS)  # noqa: DTZ001
        ),
        exit_code=draw(st.integers(0, 255)),
        duration_s=duration_s,
        measured_duration_s=duration_s,
        scale=1.0,
        scale_basis="whole",
        cpu_time_s=sum(busy) / count * duration_s,
        busy_cores_mean=sum(busy) / count,
        busy_cores_peak=max(busy),
        memory_mean_gb=sum(memory) / count,
        memory_peak_gb=max(memory),
        gpu_utilization_mean=draw(st.floats(0, 1)),
        gpu_memory_peak_gb=draw(st.floats(0, 300)),
        energy=tuple(
            ComponentEnergy(
                draw(st.sampled_from(["cpu", "memory"])),
                energy_kwh / parts,
                energy_kwh / parts * draw(st.floats(1, 1.2)),
                draw(st.sampled_from(["measured", "modelled", "assumed"])),
                draw(ANY_TEXT),
                draw(st.floats(0, 2)),
            )
            for _ in range(parts)
        ),
        hardware=draw(HARDWARES),
        series=Series(duration_s / count, power_w, busy, memory, values(1)),
        notes=tuple(draw(st.lists(ANY_TEXT, max_size=3))),
    )
    if draw(st.booleans()):
        return scaled(measured, draw(st.floats(0.5, 100)), draw(st.sampled_from(["repeat"])))
    return measured


@given(profiles())
def test_a_profile_comes_back_as_it_was_and_fits_its_schema(
    tmp_path_factory: pytest.TempPathFactory, profile: Profile
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.json"
    write_profile(profile, path)
    assert read_profile(path) == profile
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_file_is_readable_and_a_series_is_one_line(tmp_path: Path) -> None:
    lines = profile_json(PROFILE).splitlines()
    assert '    "power_w": [10.0, 11.6],' in lines
    assert lines[1] == '  "schema": "carbon-advisor/profile/1",'
    write_profile(PROFILE, tmp_path / "p.json")
    assert read_profile(tmp_path / "p.json") == PROFILE


def test_writing_replaces_in_one_step_and_leaves_nothing_else(tmp_path: Path) -> None:
    path, link = tmp_path / "p.json", tmp_path / "link.json"
    path.write_text("old")
    link.symlink_to(path)
    write_profile(PROFILE, link)
    assert link.is_symlink()
    assert read_profile(path) == PROFILE
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link.json", "p.json"]


def test_a_device_is_written_to_and_not_replaced() -> None:
    from pathlib import Path

    write_profile(PROFILE, Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_where_nothing_can_be_written_it_is_said_before_the_job_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder"):
        check_writable(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        check_writable(tmp_path / "nowhere" / "p.json")
    check_writable(tmp_path / "p.json")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="cannot write"):
        write_profile(PROFILE, tmp_path / "nowhere" / "p.json")


def edited(*path: str | int, to: Any) -> str:
    """The profile's JSON with one value replaced."""
    document = json.loads(profile_json(PROFILE))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return json.dumps(document)


def without(*path: str | int) -> str:
    document = json.loads(profile_json(PROFILE))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("{", "not valid JSON at line 1 column 2.*cut off"),
        (profile_json(PROFILE)[:900], "not valid JSON at line .*"),
        ("[1]", "expected a JSON object"),
        ("[" * 100_000, "not valid JSON"),
        ('{"schema": 1, "schema": 2}', "'schema' is there twice"),
        ("{}", "schema is missing; this version reads"),
        (edited("schema", to="carbon-advisor/profile/9"), "schema is 'carbon-advisor/profile/9'"),
        (without("duration_s"), "duration_s: missing"),
        (without("energy", 0, "method"), "energy.0.method: missing"),
        (edited("durations", to=1), "durations: unknown field; did you mean 'duration_s'"),
        (edited("hardware", "vcpu", to=1), "hardware.vcpu: unknown field; did you mean 'vcpus'"),
        (edited("duration_s", to="20"), "duration_s: expected a number .* s, not '20'"),
        (edited("duration_s", to=True), "duration_s: expected a number .*, not True"),
        (edited("duration_s", to=float("nan")), "duration_s: .* not NaN"),
        (edited("cpu_time_s", to=float("inf")), "cpu_time_s: .* not infinity"),
        (edited("memory_peak_gb", to=-1), "memory_peak_gb: expected .* not -1"),
        (edited("duration_s", to=1e12), "duration_s: expected"),
        (edited("busy_cores_peak", to=5000), "busy_cores_peak: expected"),
        (edited("busy_cores_peak", to=1), "busy_cores_peak: expected at least the mean, 1.5"),
        (edited("gpu_utilization_mean", to=1.2), "gpu_utilization_mean: expected"),
        (edited("series", "gpu_utilization", 1, to=2), "series.gpu_utilization.1: expected"),
        (edited("series", "busy_cores", to=[1.0]), "series.busy_cores: expected 2 entries"),
        (edited("series", "power_w", to={}), "series.power_w: expected a list, not an object"),
        (edited("series", "step_s", to=1), "series.step_s: expected 20"),
        (edited("started_at", to="2026-01-31T12:00:00"), "started_at: .* UTC offset"),
        (edited("started_at", to="yesterday"), "started_at: expected a date"),
        (edited("scale", to=3), "duration_s: expected 60"),
        (edited("scale_basis", to="half"), "scale_basis: expected one of whole, "),
        (edited("cpu_time_s", to=300), "cpu_time_s: expected 30"),
        (edited("energy", 0, "energy_kwh", to=7e-5), "energy.0.energy_kwh: expected at most"),
        (edited("energy", 1, "component", to="disk"), "energy.1.component: expected one of"),
        (edited("energy", 1, "machine_energy_kwh", to=5), "energy.1.machine_.* not 9e\\+05 W"),
        (edited("energy", 0, "energy_kwh", to=1e-5), "energy: expected 6e-05"),
        (edited("energy", to=[]), "energy: expected 1 to"),
        (edited("hardware", "vcpus", to=1.5), "hardware.vcpus: expected a whole number"),
        (edited("hardware", "gpus", to=[3]), "hardware.gpus.0: expected an object, not 3"),
        (edited("command", to=[1]), "command.0: expected text, not 1"),
        (edited("name", to=None), "name: expected text, not null"),
        (edited("exit_code", to=10**4000), "exit_code: expected"),
    ],
)
def test_a_wrong_file_is_one_line_with_its_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(ProfileError, match=message) as caught:
        read_profile(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) < 400


def test_files_that_are_no_profiles_at_all(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="no such file; write one with: advisor profile"):
        read_profile(tmp_path / "none.json")
    with pytest.raises(ProfileError, match="is a folder"):
        read_profile(tmp_path)
    binary = tmp_path / "binary"
    binary.write_bytes(b"{\xff\xfe}")
    with pytest.raises(ProfileError, match="not text in UTF-8"):
        read_profile(binary)
    huge = tmp_path / "huge.json"
    huge.touch()
    os.truncate(huge, LARGEST_BYTES + 1)
    with pytest.raises(ProfileError, match="larger than 64 MB"):
        read_profile(huge)


def test_a_scaled_profile_is_read_back(tmp_path: Path) -> None:
    whole = scaled(PROFILE, 50, "sample_of")
    write_profile(whole, tmp_path / "p.json")
    assert read_profile(tmp_path / "p.json") == whole
    assert replace(whole, notes=()) != PROFILE
