"""A workload: what translation needs to know of a job, from a profile or from stated inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from carbon_advisor.advisor.estimate.phases import SECONDS_PER_HOUR, Phase, phases_of
from carbon_advisor.advisor.estimate.translate import second_thread_gains
from carbon_advisor.advisor.interval import log_sd
from carbon_advisor.measurement.cpu_lookup import resolve_hardware
from carbon_advisor.measurement.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.measurement.cpu_lookup import ResolvedCpu
    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.profile import Profile

WHOLE_CORES = "(one thread per core)"  # ends a microarchitecture's row whose threads are cores

Basis = Literal["measured", "modelled", "assumed", "stated"]
Precision = Literal["fp32", "tf32", "fp16", "fp8"]
# What most training and inference runs in; Lambda's half-precision runs, MLPerf and ML.ENERGY do.
USUAL_PRECISION: Precision = "fp16"
SPELLINGS = {"float32": "fp32", "float16": "fp16", "bf16": "fp16", "bfloat16": "fp16",
             "half": "fp16", "amp": "fp16", "int8": "fp8", "float8": "fp8"}  # fmt: skip


@dataclass(frozen=True)
class Workload:
    """A job in terms that do not depend on where it was measured, beside the speed of that machine.

    Attributes:
        duration_h: how long it took (or would take) where it was measured.
        core_hours: CPU time, summed over cores.
        busy_cores: cores busy at the same time while it computed; at least 1 if it computed at all.
        single_thread_score: Geekbench 6 single-core score of the machine it was measured on.
        score_basis: how that score was found: "model", "cpuid", "fallback".
        memory_gb: peak resident memory.
        gpus: accelerators it used; 0 for none.
        accelerator: row in catalog.accelerators of the one it used; -1 for none.
        gpu_load: (power - idle) / (limit - idle) of those accelerators, 0..1.
        gpu_memory_gb: peak memory on one accelerator.
        energy_kwh: energy as measured (or stated) there, without PUE.
        measurement_sd: log-sd of what was measured; shared by all candidates.
        score_sd: log-sd of the source machine's speed; shared by all candidates.
        phases: how its computing is spread over numbers of cores; busy_cores throughout if empty.
        cores: physical cores of the machine it was measured on; inf if no thread shared its core.
        second_thread_gain: what a core's second thread adds there, as a share of the first.
        chip: row in catalog.microarchitectures of that machine; -1 where not known.
        precision: in which its accelerators compute.
        precision_basis: "stated" or "assumed".
        gpu_busy: share of its time in which the accelerators computed, 0..1.
    """

    name: str
    duration_h: float
    core_hours: float
    busy_cores: float
    single_thread_score: float
    score_basis: str
    memory_gb: float
    gpus: int
    accelerator: int
    gpu_load: float
    gpu_memory_gb: float
    energy_kwh: float
    measurement_sd: float
    score_sd: float
    phases: tuple[Phase, ...] = ()
    cores: float = float("inf")
    second_thread_gain: float = 0.0
    chip: int = -1
    precision: Precision = USUAL_PRECISION
    precision_basis: Basis = "assumed"
    gpu_busy: float = 1.0

    @property
    def computing(self) -> tuple[Phase, ...]:
        """Its phases; one of `busy_cores` where they are not known."""
        if self.phases or self.core_hours <= 0:
            return self.phases
        return (Phase(self.core_hours / self.busy_cores, self.busy_cores),)

    @property
    def waiting_h(self) -> float:
        """Hours in which no core computed: input, output, network; the same on any machine."""
        return max(0.0, self.duration_h - sum(phase.hours for phase in self.computing))


def workload_of(profile: Profile, catalog: Catalog, precision: str = "") -> Workload:
    """Return the workload that a profile describes.

    Args:
        profile: what was measured.
        catalog: the facts.
        precision: in which its accelerators compute; the usual one, as an assumption, for "".

    Raises:
        UnknownNameError: the profile's accelerator is not in the catalogue, or no such precision.
        InputError: it used accelerators of several kinds.
    """
    hardware = profile.hardware
    cpu = resolve_hardware(hardware)
    known = cpu.single_thread_score is not None
    accelerator = _accelerator(profile, catalog)
    chip = catalog.microarchitectures.id.tolist().index(cpu.microarchitecture.name)
    return Workload(
        name=profile.name,
        duration_h=profile.duration_s / SECONDS_PER_HOUR,
        core_hours=profile.cpu_time_s / SECONDS_PER_HOUR,
        busy_cores=max(1.0, profile.busy_cores_mean),
        single_thread_score=cpu.single_thread_score or _median_score(catalog),
        score_basis=cpu.how if known else "fallback",
        memory_gb=profile.memory_peak_gb,
        gpus=profile.gpu_count,
        accelerator=accelerator,
        gpu_load=_gpu_load(profile, accelerator, catalog),
        gpu_memory_gb=profile.gpu_memory_peak_gb,
        energy_kwh=profile.energy_kwh,
        measurement_sd=_measurement_sd(profile),
        score_sd=catalog.translation[f"score_{_score_of(cpu)}_sd"].value,
        phases=phases_of(profile),
        cores=max(1.0, hardware.vcpus / threads_per_core(hardware, cpu)),
        second_thread_gain=float(second_thread_gains(catalog)[chip]),
        chip=-1 if cpu.how == "fallback" else chip,
        precision=parse_precision(precision) if precision else USUAL_PRECISION,
        precision_basis="stated" if precision else "assumed",
        gpu_busy=profile.gpu_utilization_mean,
    )


def threads_per_core(hardware: Hardware, cpu: ResolvedCpu) -> int:
    """Return how many of a machine's threads share a core: 2 on x86 unless it is known better."""
    whole = cpu.microarchitecture.name.endswith(WHOLE_CORES)
    return 1 if whole or hardware.architecture == "arm64" else 2


def _score_of(cpu: ResolvedCpu) -> str:
    """What a CPU's score is the median of: machines with that model, or with that kind of CPU."""
    if cpu.single_thread_score is None:
        return "none"
    own = cpu.single_thread_score != cpu.microarchitecture.single_thread_score
    return "cpu_model" if own and cpu.cpu_model else "microarchitecture"


def _median_score(catalog: Catalog) -> float:
    return float(np.nanmedian(catalog.microarchitectures.single_thread_score))


def _accelerator(profile: Profile, catalog: Catalog) -> int:
    """Row of the accelerator that the profile used, -1 for none."""
    if profile.gpu_count == 0:
        return -1
    names = sorted({gpu.name for gpu in profile.hardware.gpus})
    if len(names) > 1:
        raise InputError(
            f"the profile used accelerators of several kinds ({', '.join(names)}); "
            "measure it on one kind, e.g. by CUDA_VISIBLE_DEVICES"
        )
    return catalog.find_accelerator(names[0])


def _gpu_load(profile: Profile, accelerator: int, catalog: Catalog) -> float:
    """Share of the accelerator's dynamic power range that the job used, from its mean power."""
    if accelerator < 0:
        return 0.0
    hours = profile.duration_s / SECONDS_PER_HOUR
    mean_w = profile.component_kwh("gpu") * 1000 / hours / profile.gpu_count
    idle_w = float(catalog.accelerators.idle_w[accelerator])
    limit_w = float(catalog.accelerators.tdp_w[accelerator])
    return min(1.0, max(0.0, (mean_w - idle_w) / (limit_w - idle_w)))


def _measurement_sd(profile: Profile) -> float:
    """Log-sd of the measured energy: the components' errors weighted by their energy."""
    total = profile.energy_kwh
    if total <= 0:
        return 0.0
    error = sum(part.relative_error * part.energy_kwh for part in profile.energy) / total
    return log_sd(error)


def parse_precision(text: str) -> Precision:
    """Return the precision that a word such as "bf16" or "int8" stands for, by its peak FLOPS.

    Raises:
        UnknownNameError: no such precision.
    """
    word = text.strip().lower()
    word = SPELLINGS.get(word, word)
    if word in get_args(Precision):
        return cast("Precision", word)
    raise UnknownNameError("precision", text, [*get_args(Precision), *SPELLINGS])


def parse_gpus(text: str, catalog: Catalog) -> tuple[int, int]:
    """Return (row in catalog.accelerators, count) of "V100:8", "V100" or "8xV100".

    Raises:
        UnknownNameError: no such accelerator.
        InputError: the count is not a positive whole number.
    """
    name, _, count = text.partition(":")
    first, times, rest = text.partition("x")
    if not count and times and first.isdigit():
        name, count = rest, first
    if count and (not count.isdigit() or int(count) == 0):
        raise InputError(f"'{text}': write accelerators as NAME:COUNT, e.g. V100:8")
    try:
        return catalog.find_accelerator(name), int(count or 1)
    except UnknownNameError as error:
        raise UnknownNameError("accelerator", name, catalog.accelerators.short.tolist()) from error
