"""`advisor power` through the installed command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from tests.conftest import Advisor, Conforms


class Answer(Protocol):
    """The JSON that `advisor power` prints for some arguments, checked against its schema."""

    def __call__(self, *arguments: str) -> dict[str, Any]: ...


@pytest.fixture
def answer(advisor: Advisor, conforms: Conforms) -> Answer:
    def ask(*arguments: str) -> dict[str, Any]:
        done = advisor("power", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        conforms(document, "power")
        return document

    return ask


def test_a_known_cpu(answer: Answer) -> None:
    found = answer(
        "--cpu", "AMD EPYC 9654", "--sockets", "2", "--memory-gb", "384", "--utilization", "0.5",
    )  # fmt: skip
    low, high = found["interval_w"]
    assert found["idle_w"] < low < found["power_w"] < high
    assert found["utilization"] == 0.5
    assert found["threads"] == 384
    watts = [point["power_w"] for point in found["curve"]]
    assert watts == sorted(watts)
    assert "SPECpower" in json.dumps(found["provenance"])
    assert found["notes"] == []


def test_an_unknown_cpu_by_its_figures(answer: Answer) -> None:
    found = answer(
        "--cpu", "Hygon C86 7490", "--tdp", "300", "--cores", "64", "--sockets", "2",
        "--memory-gb", "512", "--year", "2023", "--utilization", "1",
    )  # fmt: skip
    assert 400 < found["power_w"] < 1200
    text = json.dumps(found)
    assert "not in the tables" in text
    assert "other microarchitectures only" in text


def test_a_cloud_machines_share(answer: Answer) -> None:
    server = ("--cpu", "Xeon Platinum 8370C", "--sockets", "2", "--utilization", "0.3")
    whole, share = answer(*server), answer(*server, "--vcpus", "32")
    assert share["power_w"] == pytest.approx(whole["power_w"] / 4)
    assert share["threads"] == 32


def test_a_host_of_gpus(answer: Answer) -> None:
    found = answer("--gpu", "H100", "--count", "8", "--utilization", "1")
    assert 7500 < found["power_w"] < 9300
    text = json.dumps(found["provenance"])
    assert "power supply" in text
    assert "CPUs and memory" in text
    named = answer("--gpu", "H100", "--cpu", "Xeon Platinum 8480+", "--gpu-utilization", "1")
    assert 1000 < named["power_w"] < 1600


def test_the_screen_fits_and_shows_the_curve(advisor: Advisor) -> None:
    done = advisor("power", "--cpu", "Xeon 6787P", "--sockets", "2", "--utilization", "0.5")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    for word in ("50%", "idle", "full load", "threads", "TDP", "assumed"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--cpu"),
        (("--cpu", "EPYC 9T24"), "nearest known: EPYC"),
        (("--cpu", "EPYC 9T24", "--tdp", "300"), "--cores"),
        (("--cpu", "EPYC 9654", "--utilization", "1.5"), "--utilization"),
        (("--cpu", "EPYC 9654", "--utilization", "nan"), "--utilization"),
        (("--cpu", "EPYC 9654", "--tdp", "-3"), "--tdp"),
        (("--cpu", "EPYC 9654", "--vcpus", "1000"), "--vcpus"),
        (("--gpu", "H101"), "H100"),
        (("--gpu", "H100", "--vcpus", "8"), "--vcpus"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    advisor: Advisor, arguments: tuple[str, ...], says: str
) -> None:
    done = advisor("power", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
