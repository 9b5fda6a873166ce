"""Callbacks of training loops: a run per training, a task per epoch, and how it ended.

Keras fits a real model on JAX; Hugging Face's own CallbackHandler calls ours. PyTorch is 0.5 GB
and gigabytes of CUDA, so Lightning's hooks are called here by hand, in the order of its
documentation ("Hooks", lightning.ai/docs/pytorch/stable) and of trainer/call.py of 2.6.6.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pickle
import subprocess
import sys
import time
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from optional_packages import need_installed

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.integrations.training import Training
from carbon_advisor.measurement.recovery import journalled_runs

if TYPE_CHECKING:
    from pathlib import Path

EPOCH_S = 0.05


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HERE", "PROJECT", "RUN_NAME", "INTERVAL_S", "OUTPUTS"):
        monkeypatch.delenv(f"ADVISOR_{name}", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("on_ci", [False, True])
def test_a_missing_package_is_told_aloud_and_fails_on_ci(
    monkeypatch: pytest.MonkeyPatch, *, on_ci: bool
) -> None:
    monkeypatch.setenv("CI", str(on_ci).lower())
    outcome = pytest.fail.Exception if on_ci else pytest.skip.Exception
    with pytest.raises(outcome, match="Nonesuch is NOT TESTED: no_such_package is missing"):
        need_installed("no_such_package", "Nonesuch")


def test_a_training_is_a_run_with_a_task_per_epoch(home: Path) -> None:
    training = Training("bert", "lr", interval_s=0.02)
    for _ in range(2):
        training = pickle.loads(pickle.dumps(training))  # strategies send callbacks to workers
        training.begin()
        for number in (1, 2):
            training.begin_epoch(number)
            time.sleep(EPOCH_S)
            training.end_epoch()
        training.end()
    assert training.result is not None
    assert [task.name for task in training.result.tasks] == ["epoch 1", "epoch 2"]
    assert all(task.duration_s >= EPOCH_S for task in training.result.tasks)
    assert [run.state for run in journalled_runs(home)] == ["finished", "finished"]


def test_a_training_that_never_ended_has_failed_when_the_next_begins(home: Path) -> None:
    training = Training(None, None)
    training.begin()
    training.begin_epoch(1)
    training.begin()
    training.end()
    assert [run.state for run in journalled_runs(home)] == ["failed", "finished"]
    assert [task.name for task in journalled_runs(home)[0].tasks] == ["epoch 1"]


def test_a_wrong_setting_is_an_error_when_the_callback_is_made() -> None:
    with pytest.raises(InputError, match="unknown output 'josn'"):
        Training("bert", None, outputs=["josn:run.json"])


def test_hugging_faces_handler_calls_it(home: Path) -> None:
    need_installed("transformers", "Hugging Face Trainer")
    from transformers import TrainerControl, TrainerState, TrainingArguments
    from transformers.trainer_callback import CallbackHandler, DefaultFlowCallback

    from carbon_advisor.measurement.integrations.hugging_face import AdvisorCallback

    ours = AdvisorCallback(project="bert", interval_s=0.02)
    handler = CallbackHandler([DefaultFlowCallback, ours], None, None, None, None)
    arguments, state, control = TrainingArguments("out"), TrainerState(), TrainerControl()
    handler.on_train_begin(arguments, state, control)
    for number in range(2):
        state.epoch = float(number)
        handler.on_epoch_begin(arguments, state, control)
        handler.on_step_begin(arguments, state, control)
        time.sleep(EPOCH_S)
        state.epoch = number + 1.0
        handler.on_epoch_end(arguments, state, control)
    handler.on_train_end(arguments, state, control)
    run = ours.training.result
    assert (run.project, run.state) == ("bert", "finished")
    assert [task.name for task in run.tasks] == ["epoch 1", "epoch 2"]


KERAS = """
import json
import keras, numpy
from carbon_advisor.measurement.integrations.keras import AdvisorCallback

ours = AdvisorCallback(project="digits", interval_s=0.05, outputs="jsonl:runs.jsonl")
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
model.compile(loss="mse")
data = numpy.ones((64, 4)), numpy.ones((64, 1))
model.fit(*data, epochs=3, verbose=0, callbacks=[ours])
model.fit(*data, epochs=1, verbose=0, callbacks=[ours, keras.callbacks.TerminateOnNaN()])
tasks = [task.name for task in ours.training.result.tasks]
print(json.dumps([ours.training.result.state, tasks]))
"""


@pytest.mark.slow
def test_keras_calls_it(home: Path, tmp_path: Path) -> None:
    need_installed("keras", "Keras")
    need_installed("jax", "Keras")
    done = subprocess.run(
        [sys.executable, "-c", KERAS],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["finished", ["epoch 1"]]
    first, second = map(json.loads, (tmp_path / "runs.jsonl").read_text().splitlines())
    assert [task["name"] for task in first["tasks"]] == ["epoch 1", "epoch 2", "epoch 3"]
    assert first["energy_kwh"] > 0
    assert first["id"] != second["id"]


HOOKS = {  # of Callback: "Called when …"
    "on_fit_start": ["trainer", "pl_module"],
    "on_fit_end": ["trainer", "pl_module"],
    "on_train_epoch_start": ["trainer", "pl_module"],
    "on_train_epoch_end": ["trainer", "pl_module"],
    "on_exception": ["trainer", "pl_module", "exception"],
}


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def lightning_callback(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Our callback, on a base class with the documented hooks, under either name of the package."""
    name: str = request.param
    base = type("Callback", (), {hook: lambda self, *_: None for hook in HOOKS})
    for module in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    for module in (name.partition(".")[0], name, f"{name}.callbacks"):
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    sys.modules[f"{name}.callbacks"].Callback = base  # type: ignore[attr-defined]
    ours = "carbon_advisor.measurement.integrations.lightning"
    monkeypatch.delitem(sys.modules, ours, raising=False)
    callback = importlib.import_module(ours).AdvisorCallback
    monkeypatch.delitem(sys.modules, ours)
    assert issubclass(callback, base)
    return callback


def test_lightnings_hooks_are_those_of_its_documentation(lightning_callback: Any) -> None:
    for hook, parameters in HOOKS.items():
        assert (
            list(inspect.signature(getattr(lightning_callback, hook)).parameters)[1:] == parameters
        )
    own = {name for name in vars(lightning_callback) if name.startswith("on_")}
    assert own == set(HOOKS)


def fit(callback: Any, epochs: int, error: BaseException | None = None) -> None:
    """As Trainer.fit does: hooks in order, and on_exception instead of on_fit_end."""
    trainer = SimpleNamespace(current_epoch=0)
    callback.on_fit_start(trainer, None)
    for trainer.current_epoch in range(epochs):
        callback.on_train_epoch_start(trainer, None)
        time.sleep(EPOCH_S)
        if error is not None:
            callback.on_exception(trainer, None, error)
            return
        callback.on_train_epoch_end(trainer, None)
    callback.on_fit_end(trainer, None)


@pytest.mark.parametrize(
    ("error", "state"),
    [(None, "finished"), (RuntimeError("NaN"), "failed"), (KeyboardInterrupt(), "interrupted")],
)
def test_lightnings_order_of_hooks(
    lightning_callback: Any, error: BaseException | None, state: str
) -> None:
    callback = lightning_callback(project="bert", interval_s=0.02)
    fit(callback, epochs=2, error=error)
    run = callback.training.result
    names = ["epoch 1", "epoch 2"] if error is None else ["epoch 1"]
    assert (run.state, [task.name for task in run.tasks]) == (state, names)
    fit(callback, epochs=1)
    assert callback.training.result.id != run.id
