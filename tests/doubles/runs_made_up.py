"""A run that nobody ran, with figures that are easy to reckon with."""

from datetime import UTC, datetime

from carbon_advisor.measurement.hardware import Hardware
from carbon_advisor.measurement.place import Place
from carbon_advisor.measurement.profile import ComponentEnergy
from carbon_advisor.measurement.run_identity import RunIdentity
from carbon_advisor.measurement.run_result import RunResult, TaskResult

RUN = RunResult(
    identity=RunIdentity(
        id="0123456789abcdef0123456789abcdef",
        project="bert",
        run_name="lr-3e-4",
        started_at=datetime(2026, 11, 23, 6, 0, tzinfo=UTC),
        interval_s=1.0,
        place=Place("DE", 400.0, 2025, 1.2),
        host="here",
        pid=4_000_000,
    ),
    state="finished",
    exit_code=None,
    duration_s=10.0,
    cpu_time_s=12.0,
    memory_peak_gb=0.5,
    energy=(
        ComponentEnergy("cpu", 1e-6, 2e-6, "measured", "counter 0", 0.02),
        ComponentEnergy("cpu", 2e-6, 4e-6, "measured", "counter 1", 0.02),
        ComponentEnergy("memory", 1e-6, 5e-6, "modelled", "a model", 0.5),
    ),
    hardware=Hardware(
        cpu_name="AMD EPYC",
        cpu_vendor="AuthenticAMD",
        cpu_family=25,
        cpu_model_number=1,
        microarchitecture="EPYC 3rd Gen",
        architecture="x86_64",
        vcpus=4,
        memory_gb=16 * 1024**3 / 1e9,
        gpus=(),
        operating_system="Linux",
        virtualization=None,
    ),
    tasks=(TaskResult("epoch", 9.0, 3.5e-6),),
    notes=("a note",),
)
