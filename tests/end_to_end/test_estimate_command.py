"""`advisor estimate` through the installed command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Advisor, Conforms

AT = "2026-03-10T09:30+00:00"


class Answer(Protocol):
    """The JSON that `advisor estimate` prints for some arguments, checked against its schema."""

    def __call__(self, *arguments: str) -> dict[str, Any]: ...


@pytest.fixture
def answer(advisor: Advisor, conforms: Conforms) -> Answer:
    def ask(*arguments: str) -> dict[str, Any]:
        done = advisor("estimate", *arguments, "--at", AT, "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        conforms(document, "estimate")
        return document

    return ask


def test_gpus_before_there_is_anything_to_measure(answer: Answer) -> None:
    found = answer("--gpus", "V100:8", "--hours", "36", "--region", "azure:westus2")
    gpu_kwh = 8 * 0.300 * 36
    assert found["energy_kwh"] == pytest.approx(gpu_kwh / 0.74, rel=0.05)  # Dodge et al. 2022
    total_g = found["operational_g"] + found["embodied_g"]
    assert found["emissions_g"] == pytest.approx(total_g)
    operational_g = found["energy_kwh"] * found["pue"] * found["intensity_g_per_kwh"]
    assert found["operational_g"] == pytest.approx(operational_g)
    assert found["interval_g"][0] < found["emissions_g"] < found["interval_g"][1]
    text = json.dumps(found["provenance"])
    assert "US-NW-BPAT" in text
    assert "Dodge" in text


def test_everything_stated_needs_no_catalogue_figure(answer: Answer) -> None:
    """Patterson et al. 2021, GPT-3: 1287 MWh with PUE 1.1 inside, 429 g/kWh: 552.1 t."""
    found = answer("--energy-kwh", "1170000", "--pue", "1.1", "--intensity-g-per-kwh", "429")
    assert found["emissions_g"] == pytest.approx(552.1e6, rel=0.001)
    assert found["embodied_g"] == 0
    assert found["interval_g"] == [found["emissions_g"]] * 2


def test_devices_of_known_power(answer: Answer) -> None:
    found = answer(
        "--device-power-w", "330", "--count", "10000", "--hours", "355.68",
        "--region", "zone:US-CAL-CISO", "--embodied-g", "1000",
    )  # fmt: skip
    assert found["energy_kwh"] == pytest.approx(1_173_744)
    assert found["embodied_g"] == 1000


def test_an_instance_type_carries_its_embodied_share(answer: Answer) -> None:
    one = answer("--instance", "aws:g5.xlarge", "--hours", "10", "--region", "FR")
    two = answer("--instance", "aws:g5.xlarge", "--count", "2", "--hours", "10", "--region", "FR")
    assert one["embodied_g"] > 0
    assert two["emissions_g"] == pytest.approx(2 * one["emissions_g"])
    idle = answer(
        "--instance", "aws:g5.xlarge", "--hours", "10", "--region", "FR",
        "--utilization", "0",
    )  # fmt: skip
    assert idle["energy_kwh"] < one["energy_kwh"] / 3


def test_data_and_water_beside_the_sum(answer: Answer) -> None:
    given = ("--gpus", "A100:8", "--hours", "10", "--region", "aws:eu-north-1")
    plain = answer(*given)
    moved = answer(*given, "--data-gb", "500", "--data-from", "DE")
    assert plain["transfer_g"] == 0
    total_g = plain["emissions_g"] + moved["transfer_g"]
    assert moved["emissions_g"] == pytest.approx(total_g)
    assert moved["water_l"] == plain["water_l"] == pytest.approx(plain["energy_kwh"] * 0.02)
    assert answer("--energy-kwh", "1", "--region", "DE")["water_l"] is None
    assert "Luccioni" in json.dumps(plain["provenance"])


def test_the_screen_shows_the_chain(advisor: Advisor) -> None:
    done = advisor("estimate", "--gpus", "A100", "--hours", "1", "--region", "gcp:us-central1")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    for word in ("CO2eq", "driving", "PUE", "utilisation", "assumed"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--gpus", "V101:8", "--hours", "1", "--region", "DE"), "V100"),
        (("--gpus", "V100:0", "--hours", "1", "--region", "DE"), "V100:8"),
        (("--gpus", "V100:-1", "--hours", "1", "--region", "DE"), "V100:8"),
        (("--gpus", "V100:8", "--region", "DE"), "--hours"),
        (("--gpus", "V100:8", "--hours", "nan", "--region", "DE"), "--hours"),
        (("--gpus", "V100:8", "--hours", "-1", "--region", "DE"), "--hours"),
        (("--gpus", "V100:8", "--hours", "1"), "--region"),
        (("--gpus", "V100:8", "--hours", "1", "--region", "azure:westus9"), "azure:westus"),
        (("--gpus", "V100:8", "--hours", "1", "--region", "DE", "--pue", "0.5"), "PUE"),
        (("--gpus", "V100", "--hours", "1", "--region", "DE", "--utilization", "1.5"), "--util"),
        (("--gpus", "V100", "--energy-kwh", "3", "--hours", "1", "--region", "DE"), "one of"),
        (("--instance", "aws:g5.xlrge", "--hours", "1", "--region", "DE"), "g5.xlarge"),
        (("--hours", "1", "--region", "DE"), "--gpus"),
        (("--energy-kwh", "inf", "--region", "DE"), "--energy-kwh"),
        (("--gpus", "V100", "--hours", "1", "--device-hours", "2", "--region", "DE"), "exclude"),
        (("--energy-kwh", "1", "--region", "DE", "--data-from", "FR"), "--data-gb"),
        (("--energy-kwh", "1", "--region", "DE", "--data-gb", "-1"), "--data-gb"),
        (("--energy-kwh", "1", "--region", "DE", "--data-gb", "1", "--data-from", "XX"), "XX"),
        (("--energy-kwh", "1", "--region", "DE", "--lifetime-years", "4"), "--lifetime-years"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    advisor: Advisor, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = advisor("estimate", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert not (tmp_path / "home").exists()
