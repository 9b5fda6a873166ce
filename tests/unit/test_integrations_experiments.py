"""MLflow, Weights & Biases, Comet and TensorBoard: the real packages, in programs of their own.

What they kept is read back from their own stores: SQLite, the offline run, the archive, the events.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from optional_packages import need_installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = {
    "duration_s", "cpu_time_s", "memory_peak_gb", "power_w", "energy_kwh", "machine_energy_kwh",
    "cpu_energy_kwh", "memory_energy_kwh", "gpu_energy_kwh", "emissions_g",
}  # fmt: skip
QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
}
LOGGED = {f"carbon_advisor/{name}" for name in NAMES}
TRACKED = """
import json, sys, time
from carbon_advisor.measurement import Tracker

def tracked(output, **more):
    with Tracker("bert", "lr", here="DE", interval_s=0.05, outputs=[output], **more) as tracker:
        time.sleep(0.3)
    result = tracker.result
    return {
        "energy_kwh": result.energy_kwh,
        "emissions_g": result.emissions_g,
        "notes": [note for note in result.notes if note.startswith("output")],
        "id": result.id,
    }
"""


def told_by(script: str, folder: Path, **environment: str) -> Any:
    """The JSON on the last line of what a program prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", TRACKED + script],
        cwd=folder,
        env={**os.environ, **QUIET, "ADVISOR_HOME": str(folder / "home"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_mlflow_keeps_the_figures_of_the_active_run(tmp_path: Path) -> None:
    need_installed("mlflow", "MLflow")
    script = """
import os
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client, told = mlflow.MlflowClient(), {}

def kept(run):
    return client.get_run(run.info.run_id).data.metrics

with mlflow.start_run() as active:
    told["active"] = tracked("mlflow")
told["kept"] = kept(active)
told["times"] = len(client.get_metric_history(active.info.run_id, "carbon_advisor/energy_kwh"))
tracker = Tracker(outputs=["mlflow"]).start()
with mlflow.start_run() as later:
    tracker.stop()
told["later"] = kept(later)
told["without"] = tracked("mlflow")["notes"]
os.environ.update(RANK="1", WORLD_SIZE="2")
with mlflow.start_run() as shared:
    told["rank 1"] = tracked("mlflow")["notes"], kept(shared)
print(json.dumps(told))
"""
    told = told_by(script, tmp_path)
    active = told["active"]
    assert active["notes"] == []
    assert set(told["kept"]) == LOGGED
    assert told["kept"]["carbon_advisor/energy_kwh"] == pytest.approx(active["energy_kwh"])
    assert told["kept"]["carbon_advisor/emissions_g"] == pytest.approx(active["emissions_g"])
    assert told["kept"]["carbon_advisor/power_w"] > 0
    assert told["times"] >= 2
    assert set(told["later"]) >= {"carbon_advisor/energy_kwh"}
    without = "no MLflow run is active in this thread: nothing was logged"
    assert told["without"] == [f"output mlflow failed: {without}"]
    assert told["rank 1"] == [[], {}]


def wandb_records(path: Path) -> Iterator[Any]:
    """Records of an offline run: protobufs in blocks of 32 KiB, as LevelDB's log has them."""
    from wandb.proto import wandb_internal_pb2

    content, at, record = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        record += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {1, 4}:  # whole, or the last piece
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""


@pytest.mark.slow
def test_wandb_keeps_the_figures_and_the_programs_steps(tmp_path: Path) -> None:
    need_installed("wandb", "Weights & Biases")
    script = """
import wandb
told = {"without": tracked("wandb")["notes"]}
run = wandb.init(mode="offline", project="bert", dir=".")
run.log({"loss": 3}, step=0)
told["active"] = tracked("wandb")
run.log({"loss": 2}, step=1)
run.log({"loss": 1}, step=2)
run.finish()
print(json.dumps(told))
"""
    told = told_by(script, tmp_path, WANDB_SILENT="true")
    (path,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    history, summary = [], {}
    for record in wandb_records(path):
        if record.WhichOneof("record_type") == "history":
            pairs = {"/".join(i.nested_key) or i.key: i.value_json for i in record.history.item}
            history.append({name: json.loads(value) for name, value in pairs.items()})
        if record.WhichOneof("record_type") == "summary":
            changed = {"/".join(i.nested_key) or i.key: i.value_json for i in record.summary.update}
            summary |= {name: json.loads(value) for name, value in changed.items()}
    assert told["active"]["notes"] == []
    assert [(row["_step"], row["loss"]) for row in history] == [(0, 3), (1, 2), (2, 1)]
    assert set(summary) >= LOGGED
    assert summary["carbon_advisor/energy_kwh"] == pytest.approx(told["active"]["energy_kwh"])
    assert any(set(row) >= LOGGED for row in history)
    without = "no run of Weights & Biases is active: the end was not logged"
    assert told["without"] == [f"output wandb failed: {without}"]


@pytest.mark.slow
def test_comet_keeps_the_figures_of_the_running_experiment(tmp_path: Path) -> None:
    need_installed("comet_ml", "Comet")
    script = """
import comet_ml
experiment = comet_ml.OfflineExperiment(
    workspace="w", project_name="bert", offline_directory=".", log_code=False,
    log_git_metadata=False, log_env_details=False, auto_output_logging=False, log_graph=False,
)
experiment.log_metric("loss", 1.0, step=7)
told = tracked("comet")
told["step"] = experiment.curr_step
experiment.end()
told["without"] = tracked("comet")["notes"]
print(json.dumps(told))
"""
    told = told_by(script, tmp_path, COMET_LOGGING_CONSOLE="error")
    (path,) = tmp_path.glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        messages = [json.loads(line) for line in archive.read("messages.json").splitlines()]
    metrics = [each["payload"]["metric"] for each in messages if each["type"] == "metric_msg"]
    ours = [each for each in metrics if each["metricName"].startswith("carbon_advisor/")]
    last = {each["metricName"]: each["metricValue"] for each in ours}
    assert (told["notes"], told["step"]) == ([], 7)
    assert {each["step"] for each in ours} == {7}
    assert set(last) == LOGGED
    assert last["carbon_advisor/energy_kwh"] == pytest.approx(told["energy_kwh"])
    assert told["without"] == [
        "output comet failed: no Comet experiment is running: the end was not logged"
    ]


@pytest.mark.slow
def test_tensorboard_reads_the_scalars(tmp_path: Path) -> None:
    need_installed("tensorboard", "TensorBoard")
    script = """
told = tracked("tensorboard:logs")
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
read = EventMultiplexer().AddRunsFromDirectory("logs").Reload()
((run, tags),) = read.Runs().items()
told["run"] = run
told["kept"] = {tag: read.Scalars(run, tag)[-1].value for tag in tags["scalars"]}
told["times"] = len(read.Scalars(run, "carbon_advisor/energy_kwh"))
print(json.dumps(told))
"""
    told = told_by(script, tmp_path)
    assert told["notes"] == []
    assert told["run"] == f"carbon-advisor-{told['id'][:8]}"
    assert set(told["kept"]) == LOGGED
    assert told["kept"]["carbon_advisor/energy_kwh"] == pytest.approx(told["energy_kwh"], rel=1e-6)
    assert told["times"] >= 2
