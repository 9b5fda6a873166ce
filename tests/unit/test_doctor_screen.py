"""How `advisor doctor` shows a machine whose counters are there, but not for this user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from carbon_advisor.advisor.cli.doctor import _print, diagnosis_json
from carbon_advisor.measurement.diagnosis import Diagnosis, Finding
from carbon_advisor.measurement.hardware import Hardware
from carbon_advisor.measurement.perf_energy import GRANT_PERF
from carbon_advisor.measurement.powermetrics import GRANT_POWERMETRICS
from carbon_advisor.measurement.rapl import GRANT_RAPL
from carbon_advisor.measurement.source_choice import LookedFor

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Conforms

HARDWARE = Hardware(
    "Intel [Xeon]", "GenuineIntel", 6, 85, None, "x86_64", 4, 16.0, (), "Linux", None
)
REFUSED = "its RAPL counters are there, but this user may not read them"


def diagnosis(method: str) -> Diagnosis:
    why, remedy = (REFUSED, GRANT_RAPL) if method == "modelled" else ("", "")
    return Diagnosis(
        HARDWARE,
        "Cascade Lake (by cpuid)",
        (Finding("cpu", method, "a source", 0.2, why, remedy),),
        (
            LookedFor("cpu", "RAPL by powercap", "refused", REFUSED, GRANT_RAPL),
            LookedFor("cpu", "RAPL by perf events", "refused", "not for this user", GRANT_PERF),
            LookedFor("cpu", "hwmon energy counters", "missing", "no /sys/class/hwmon"),
            LookedFor("cpu", "powermetrics", "refused", "root only", GRANT_POWERMETRICS),
        ),
        (),
    )


def test_each_refused_counter_comes_with_the_command_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _print(diagnosis("modelled"))
    lines = capsys.readouterr().out.splitlines()
    for remedy in (GRANT_RAPL, GRANT_PERF, GRANT_POWERMETRICS):
        assert [line.strip() for line in lines].count(remedy) == 1
    assert "  looked for hwmon energy counters: no /sys/class/hwmon" in lines
    assert max(len(line) for line in lines if "sudo" not in line) <= 100


def test_what_is_measured_needs_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    _print(diagnosis("measured"))
    assert "sudo" not in capsys.readouterr().out


def test_it_conforms_to_its_schema(conforms: Conforms) -> None:
    document = json.loads(json.dumps(diagnosis_json(diagnosis("modelled"))))
    gpu = {**document["findings"][0], "component": "gpu"}
    conforms({**document, "findings": [*document["findings"], gpu]}, "diagnosis")
