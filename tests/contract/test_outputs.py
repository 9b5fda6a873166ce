"""What every output does: ours by their names, and one that somebody else wrote."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from optional_packages import need_installed
from runs_made_up import RUN

from carbon_advisor.measurement import Tracker
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.outputs.registry import known_names, outputs_of
from carbon_advisor.measurement.ranks import Ranks

if TYPE_CHECKING:
    from pathlib import Path

    from carbon_advisor.measurement.outputs.fan_out import Outputs
    from carbon_advisor.measurement.outputs.output import Output
    from carbon_advisor.measurement.run_result import RunResult

TARGETS = {
    "codecarbon": "emissions.csv",
    "csv": "runs.csv",
    "json": "run.json",
    "jsonl": "runs.jsonl",
    "prometheus-push": "http://127.0.0.1:9",  # nobody listens there
    "prometheus-textfile": "run.prom",
    "tensorboard": "logs",
}
WITHOUT_TARGET = ("comet", "logging", "mlflow", "otel", "wandb")
ENDS_IN_A_NOTE = ("comet", "mlflow", "prometheus-push", "wandb")  # no gateway, no experiment
PACKAGES = {
    "comet": "comet_ml",
    "mlflow": "mlflow",
    "otel": "opentelemetry",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
}
RUNNING = replace(RUN, state="running", duration_s=0.0, energy=())


class OfAThirdParty:
    """Knows no base class of ours."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def started(self, run: RunResult) -> None:
        self.told.append(("started", run.state))

    def sampled(self, run: RunResult) -> None:
        self.told.append(("sampled", run.state))

    def ended(self, run: RunResult) -> None:
        self.told.append(("ended", run.state))


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ADVISOR_OUTPUTS", raising=False)


@pytest.fixture(params=[*TARGETS, *WITHOUT_TARGET, "of a third party"])
def outputs(request: pytest.FixtureRequest) -> Outputs:
    name: str = request.param
    if name == "of a third party":
        return outputs_of([OfAThirdParty()])
    if name in PACKAGES:
        need_installed(PACKAGES[name], f"output {name}")
    return outputs_of([f"{name}:{TARGETS[name]}" if name in TARGETS else name])


def test_every_known_output_is_tested_here() -> None:
    assert {*TARGETS, *WITHOUT_TARGET} <= set(known_names())


def test_it_takes_a_run_from_begin_to_end_and_raises_nothing(outputs: Outputs) -> None:
    outputs.started(RUNNING)
    for second in (1.0, 2.0, 3.0):
        if outputs.due():
            outputs.sampled(replace(RUN, state="running", duration_s=second))
    outputs.ended(RUN)
    expected = {f"output {name}" for name in ENDS_IN_A_NOTE}
    assert all(note.partition(" failed")[0] in expected for note in outputs.notes)


def test_it_takes_a_run_of_which_nothing_is_known(outputs: Outputs) -> None:
    nothing = replace(RUNNING, hardware=None, identity=replace(RUN.identity, place=None))
    outputs.started(nothing)
    outputs.sampled(nothing)
    outputs.ended(replace(nothing, state="failed"))
    assert all("LookupError" not in note and "NoneType" not in note for note in outputs.notes)


def test_it_takes_names_that_nobody_expects(outputs: Outputs) -> None:
    strange = 'a "b",\n\\ü/ \udcff{id}'
    ranks = Ranks("slurm:1", 0, 0, 2)
    identity = replace(RUN.identity, project=strange, run_name=strange, ranks=ranks)
    outputs.started(replace(RUNNING, identity=identity))
    outputs.ended(replace(RUN, identity=identity, notes=(strange,)))
    assert all(note.partition(" failed")[0][7:] in ENDS_IN_A_NOTE for note in outputs.notes)


def test_it_keeps_no_program_waiting(outputs: Outputs) -> None:
    outputs.started(RUNNING)
    begun_s = time.monotonic()
    for _ in range(10):
        outputs.sampled(replace(RUN, state="running"))
    assert time.monotonic() - begun_s < 0.5
    outputs.ended(RUN)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_is_not_installed_is_an_error_before_the_run(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = f"{name}:{TARGETS[name]}" if name in TARGETS else name
    for module in [module for module in sys.modules if module.startswith(PACKAGES[name])]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(InputError, match=rf"output {name} needs a package: pip install "):
        outputs_of(chosen)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_that_is_missing_is_an_error_before_the_run(name: str) -> None:
    with pytest.raises(InputError, match=f"output {name} needs a target: {name}:"):
        Tracker(outputs=[name])


@pytest.mark.parametrize("name", ["logging"])
def test_a_target_too_many_is_an_error_before_the_run(name: str) -> None:
    with pytest.raises(InputError, match=f"output {name} takes no target"):
        Tracker(outputs=f"{name}:somewhere")


def test_a_third_partys_output_follows_a_real_run() -> None:
    output: Output = OfAThirdParty()
    with Tracker(interval_s=0.05, outputs=[output]):
        time.sleep(0.3)
    assert isinstance(output, OfAThirdParty)
    first, *between, last = output.told
    assert (first, last) == (("started", "running"), ("ended", "finished"))
    assert len(between) >= 3
    assert set(between) == {("sampled", "running")}
