"""Translation between machines: its properties on any job, and pairs whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.estimate.phases import Phase
from carbon_advisor.advisor.estimate.speed_errors import pair_sd, speed_draws
from carbon_advisor.advisor.estimate.translate import (
    Processors,
    computing_hours,
    gpu_log_gain,
    translate,
)
from carbon_advisor.advisor.estimate.workload import Workload, parse_precision
from carbon_advisor.measurement.errors import UnknownNameError

catalog = load_catalog()
kinds = catalog.microarchitectures
JOB = Workload(
    name="job", duration_h=2, core_hours=8, busy_cores=4, single_thread_score=1600,
    score_basis="model", memory_gb=6, gpus=0, accelerator=-1, gpu_load=0, gpu_memory_gb=0,
    energy_kwh=0.03, measurement_sd=0.1, score_sd=0.08,
    chip=kinds.id.tolist().index("Ice Lake"),
)  # fmt: skip
GPU_JOB = replace(JOB, core_hours=0.1, busy_cores=1, gpus=1, gpu_load=0.8,
                  accelerator=catalog.find_accelerator("A100-80GB"))  # fmt: skip

phases = st.lists(st.builds(Phase, st.floats(0.01, 10), st.floats(1, 64)), min_size=1, max_size=5)
scores = st.floats(300, 3000)
gains = st.floats(0, 0.9)


def machine(vcpus: float, cores: float, score: float, gain: float = 0.35) -> Processors:
    return Processors(*(np.array([value]) for value in (vcpus, cores, gain, score)))


def job_of(found: list[Phase], cores: float, score: float, gain: float) -> Workload:
    """A job measured in these phases on a machine of that many cores, two threads each."""
    used = tuple(Phase(phase.hours, min(phase.cores, 2 * cores)) for phase in found)
    return replace(
        JOB, phases=used, cores=cores, second_thread_gain=gain, single_thread_score=score,
        duration_h=sum(phase.hours for phase in used),
        core_hours=sum(phase.hours * phase.cores for phase in used),
    )  # fmt: skip


def hours(job: Workload, target: Processors) -> float:
    return float(computing_hours(job, target)[0][0])


@given(phases, st.integers(1, 64), scores, gains)
def test_on_the_same_machine_a_job_takes_as_long_as_it_took(
    found: list[Phase], cores: int, score: float, gain: float
) -> None:
    job = job_of(found, cores, score, gain)
    same = machine(2.0 * cores, cores, score, gain)
    assert hours(job, same) == pytest.approx(job.duration_h)
    thread_hours = float(computing_hours(job, same)[1][0])
    assert thread_hours == pytest.approx(job.core_hours)


@given(phases, st.integers(1, 32), scores, scores, gains)
def test_by_way_of_a_machine_as_large_a_job_takes_as_long_as_directly(
    found: list[Phase], cores: int, first: float, second: float, gain: float
) -> None:
    """A → B → C is A → C, as long as B does not hide how parallel the job is."""
    job = job_of(found, cores, 1600, gain)
    middle = machine(2.0 * cores, cores, first)
    hours_there = [hours(replace(job, phases=(phase,)), middle) for phase in job.phases]
    seen = tuple(Phase(h, p.cores) for h, p in zip(hours_there, job.phases, strict=True))
    from_middle = replace(
        job, phases=seen, single_thread_score=first, second_thread_gain=0.35, cores=float(cores)
    )
    target = machine(8, 4, second)
    assert hours(from_middle, target) == pytest.approx(hours(job, target))


@given(phases, scores, st.integers(1, 64), st.integers(1, 64), gains)
def test_more_vcpus_and_higher_scores_are_never_slower(
    found: list[Phase], score: float, few: int, more: int, gain: float
) -> None:
    job = job_of(found, 16, 1600, 0.35)
    few, many = sorted((few, few + more))
    slow = hours(job, machine(2 * few, few, score, gain))
    assert hours(job, machine(2 * many, many, score, gain)) <= slow * (1 + 1e-12)
    assert hours(job, machine(2 * few, few, 1.1 * score, gain)) < slow
    assert hours(job, machine(2 * few, few, score, min(1, gain + 0.1))) <= slow * (1 + 1e-12)


def test_no_phase_uses_more_cores_than_it_did() -> None:
    job = replace(JOB, phases=(Phase(1, 1), Phase(1, 3)), duration_h=2, core_hours=4)
    assert hours(job, machine(64, 64, 1600)) == pytest.approx(2)
    assert hours(job, machine(2, 2, 1600)) == pytest.approx(1 + 1.5)
    assert hours(job, machine(1, 1, 1600)) == pytest.approx(4)


def test_waiting_stays_and_so_does_the_idle_time_of_accelerators() -> None:
    waits = replace(JOB, duration_h=10, core_hours=1, busy_cores=1)
    assert (translate(waits, catalog).duration_h >= 9).all()
    idle = replace(GPU_JOB, gpu_busy=0.25)
    assert np.min(translate(idle, catalog).duration_h) >= 1.5


@pytest.mark.parametrize(
    ("source", "target", "ratio"),
    [  # Geekbench 6 Clang, Klines/s at one thread, as SpareCores measured it
        ("aws:m5.xlarge", "aws:m7a.xlarge", 6.64 / 10.2),
        ("aws:m6g.xlarge", "aws:m8g.xlarge", 5.85 / 11.0),
        ("aws:m6i.xlarge", "aws:m7g.xlarge", 7.83 / 7.88),
        ("gcp:n1-standard-4", "gcp:c4-standard-4", 5.52 / 9.66),
    ],
)
def test_a_compiler_on_pairs_of_instance_types(source: str, target: str, ratio: float) -> None:
    """Within the factor in which nine of ten workloads were."""
    types = catalog.instance_types
    row, there = catalog.find_instance_type(source), catalog.find_instance_type(target)
    job = replace(
        JOB, duration_h=1, core_hours=1, busy_cores=1,
        single_thread_score=float(types.single_thread_score[row]),
    )  # fmt: skip
    found = float(translate(job, catalog).duration_h[there])
    assert 1 / 1.36 < found / ratio < 1.36


@pytest.mark.parametrize(
    ("source", "target", "precision", "speedup", "tolerance"),
    [  # Lambda: BERT large fp16 and fp32 (TF32); MLPerf v5.1: Stable Diffusion XL in FP8, offline
        ("A100-80GB", "H100", "fp16", 311 / 152, 0.3),
        ("A10", "A100-PCIE", "tf32", 53 / 19, 0.3),
        ("L4", "H200", "fp8", 2.4 / 0.3, 0.35),
    ],
)
def test_training_and_inference_on_pairs_of_accelerators(
    source: str, target: str, precision: str, speedup: float, tolerance: float
) -> None:
    job = replace(
        GPU_JOB, accelerator=catalog.find_accelerator(source), precision=parse_precision(precision)
    )
    gain = float(np.exp(gpu_log_gain(job, catalog)[catalog.find_accelerator(target)]))
    assert gain == pytest.approx(speedup, rel=tolerance)


def test_the_precision_matters_where_hardware_differs_in_it() -> None:
    job = replace(GPU_JOB, accelerator=catalog.find_accelerator("V100"))
    a100 = catalog.find_accelerator("A100")
    half = gpu_log_gain(replace(job, precision="fp16"), catalog)[a100]
    assert gpu_log_gain(replace(job, precision="tf32"), catalog)[a100] > half
    assert gpu_log_gain(replace(job, precision="fp32"), catalog)[a100] < half


@pytest.mark.parametrize(
    ("text", "precision"),
    [("BF16", "fp16"), ("int8", "fp8"), ("tf32", "tf32"), ("float32", "fp32")],
)
def test_precisions_by_their_usual_names(text: str, precision: str) -> None:
    assert parse_precision(text) == precision


def test_an_unknown_precision_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="fp16"):
        parse_precision("fp1")


def test_peaks_do_not_fall_with_smaller_precisions() -> None:
    units = catalog.accelerators
    assert (units.fp32_tflops <= units.tf32_tflops).all()
    assert (units.tf32_tflops <= units.fp16_tflops).all()
    assert (units.fp16_tflops <= units.fp8_tflops).all()


def kind_of(name: str) -> int:
    return catalog.find_instance_type(name)


def spread(job: Workload, *names: str) -> list[float]:
    rows = np.array([kind_of(name) for name in names])
    draws = speed_draws(job, rows, catalog)
    return np.sqrt(sum(sd**2 for sd, _ in draws)).tolist()


def test_errors_grow_from_the_same_kind_of_cpu_over_another_to_another_architecture() -> None:
    same, other, arm = spread(JOB, "aws:m6i.xlarge", "aws:m6a.xlarge", "aws:m7g.xlarge")
    assert JOB.score_sd < same < other < arm < math.log(2)


def test_a_score_that_was_not_measured_adds_its_error() -> None:
    figures = catalog.translation
    order = ("measured", "cpu_model", "microarchitecture", "none")
    sds = [figures[f"score_{basis}_sd"].value for basis in order]
    assert sds == sorted(sds)
    assert sds[0] < figures["score_benchmark_sd"].value < sds[-1]


def test_candidates_of_one_kind_share_what_a_job_makes_of_it() -> None:
    rows = np.array([kind_of("aws:m7g.xlarge"), kind_of("aws:c7g.2xlarge")])
    different = [
        group for sd, group in speed_draws(JOB, rows, catalog) if group[0] != group[1] and sd.any()
    ]
    assert len(different) == 1  # their own scores


def test_errors_of_accelerators_are_none_on_the_one_measured_on() -> None:
    same, other = spread(
        replace(GPU_JOB, accelerator=catalog.find_accelerator("L4")),
        "gcp:g2-standard-4", "aws:p5.48xlarge",
    )  # fmt: skip
    assert same == 0 < other


def test_the_error_of_a_pair_is_none_between_machines_of_one_kind() -> None:
    arm = kinds.id.tolist().index("Neoverse V1")
    amd = kinds.id.tolist().index("EPYC 3rd Gen")
    assert pair_sd(JOB, JOB.chip, 2000, catalog) == 0
    assert 0 < pair_sd(JOB, amd, 1600, catalog) < pair_sd(JOB, arm, 1600, catalog)


def test_every_coefficient_says_from_how_many_pairs_and_where_it_is() -> None:
    for key, figure in catalog.translation.items():
        assert figure.pairs >= 20, key
        assert 0 < figure.median_error < figure.p90_error, key
        assert figure.source in catalog.sources, key
        assert figure.note, key
        assert figure.year, key
    assert 0 < catalog.translation["second_thread_gain_intel"].value < 1
    exponents = [
        catalog.translation[f"gpu_{name}_exponent"].value for name in ("flops", "bandwidth")
    ]
    assert all(0 < each < 1 for each in exponents)
    assert sum(exponents) <= 1  # no job gains more than both figures promise
