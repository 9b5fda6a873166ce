"""The recommendation equals a plain triple loop over the real catalogue, written apart from it."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.constraints import Constraints
from carbon_advisor.advisor.estimate.uncertainty import PUE_SD
from carbon_advisor.advisor.estimate.workload import Workload
from carbon_advisor.advisor.problem import Question
from carbon_advisor.advisor.recommend import recommend
from carbon_advisor.measurement.errors import ConstraintError

catalog = load_catalog()
REGIONS = (
    "aws:eu-north-1",
    "gcp:us-central1",
    "azure:westeurope",
    "aws:us-west-1",
    "gcp:asia-east2",
)
FAMILIES = ("m5.", "m7g.", "c6i.", "n2-standard", "c3-", "Standard_D4s_v5", "t2a-")

workloads = st.builds(
    Workload,
    name=st.just("job"),
    duration_h=st.floats(0.01, 40),
    core_hours=st.floats(0.01, 200),
    busy_cores=st.floats(1, 64),
    single_thread_score=st.floats(300, 3000),
    score_basis=st.just("model"),
    memory_gb=st.floats(0.1, 60),
    gpus=st.just(0),
    accelerator=st.just(-1),
    gpu_load=st.just(0.0),
    gpu_memory_gb=st.just(0.0),
    energy_kwh=st.floats(0.001, 10),
    measurement_sd=st.floats(0, 0.3),
    score_sd=st.floats(0, 0.3),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def naive_intensity(zone: int, moment: datetime) -> float:
    """Intensity of a zone at a moment: level × profile, looked up hour by hour."""
    weekend = 1 if moment.weekday() >= 5 else 0
    shape = float(catalog.zones.profile[zone][moment.month - 1][weekend][moment.hour])
    return float(catalog.zones.lifecycle_g_per_kwh[zone]) * shape


def naive_mean_intensity(zone: int, start: datetime, duration_h: float) -> float:
    end = start + timedelta(hours=duration_h)
    total, at = 0.0, start
    while at < end:
        edge = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        until = min(edge, end)
        total += naive_intensity(zone, at) * (until - at).total_seconds() / 3600
        at = until
    return total / duration_h


def naive_power_w(kind: int, utilization: float) -> float:
    types, power = catalog.instance_types, catalog.type_power
    levels, modes = catalog.load_shape
    share = 0.0
    for weight, mode in zip((1.0, *power.load[kind].tolist()), modes.tolist(), strict=True):
        points = list(zip(levels.tolist(), mode, strict=True))
        for (u0, f0), (u1, f1) in itertools.pairwise(points):
            if u0 <= utilization <= u1:
                share += weight * (f0 + (f1 - f0) * (utilization - u0) / (u1 - u0))
                break
    idle, full = float(power.idle_w[kind]), float(power.max_w[kind])
    vcpus = float(types.vcpus[kind])
    extra_gb = max(0.0, float(types.memory_gb[kind]) - float(power.memory_gb[kind]) * vcpus)
    return (
        vcpus * (idle + (full - idle) * share) + extra_gb * catalog.factors["memory_w_per_gb"].value
    )


def naive_emissions(job: Workload, region: int, kind: int, start: datetime) -> float:
    types = catalog.instance_types
    vcpus, per_core = float(types.vcpus[kind]), float(types.threads_per_core[kind])
    score = float(types.single_thread_score[kind])
    if math.isnan(score):
        chip = int(types.microarchitecture[kind])
        score = float(catalog.microarchitectures.single_thread_score[chip])
    threads = min(job.busy_cores, vcpus)
    alone = min(threads, max(1.0, vcpus / per_core))
    vendor = str(catalog.microarchitectures.vendor[types.microarchitecture[kind]]).lower()
    gain = catalog.translation[f"second_thread_gain_{vendor}"].value if threads > alone else 0.0
    computing_h = job.core_hours * job.single_thread_score / score
    computing_h /= alone + (threads - alone) * gain
    waiting_h = max(0.0, job.duration_h - job.core_hours / job.busy_cores)
    duration_h = computing_h + waiting_h
    utilization = min(1.0, threads * computing_h / (duration_h * vcpus))
    energy_kwh = naive_power_w(kind, utilization) * duration_h / 1000
    zone = int(catalog.regions.zone[region])
    intensity = naive_mean_intensity(zone, start, duration_h)
    embodied_g = float(types.embodied_g_per_h[kind]) * duration_h
    return energy_kwh * float(catalog.regions.pue[region]) * intensity + embodied_g


def offered(job: Workload) -> list[tuple[int, int]]:
    types = catalog.instance_types
    found = []
    regions = [catalog.find_region(name) for name in REGIONS]
    for region, kind in zip(
        catalog.offers.region.tolist(), catalog.offers.instance_type.tolist(), strict=True
    ):
        if region not in regions or not str(types.name[kind]).startswith(FAMILIES):
            continue
        chip = int(types.microarchitecture[kind])
        scored = not (
            math.isnan(types.single_thread_score[kind])
            and math.isnan(catalog.microarchitectures.single_thread_score[chip])
        )
        fits = types.memory_gb[kind] >= job.memory_gb + 0.5 and types.accelerator[kind] < 0
        if fits and scored and not types.burstable[kind] and not types.shared_core[kind]:
            found.append((region, kind))
    return found


@settings(max_examples=25, deadline=None)
@given(workloads, moments, st.integers(1, 6))
def test_the_recommendation_equals_the_triple_loop(
    job: Workload, now: datetime, hours: int
) -> None:
    now = now.replace(microsecond=0)
    pairs = offered(job)
    names = tuple({str(catalog.instance_types.name[kind]) for _, kind in pairs})
    limits = Constraints(regions=REGIONS, instance_types=names)
    question = Question(workload=job, now=now, window_h=float(hours), limits=limits)
    expected = min(
        (naive_emissions(job, region, kind, now + timedelta(hours=wait)), region, kind, wait)
        for region, kind in pairs
        for wait in range(hours)
    )
    best = recommend(question, catalog).best
    assert best.emissions_g.value == pytest.approx(expected[0], rel=1e-6)
    found = naive_emissions(
        job, catalog.find_region(best.region), _kind(best.region, best.instance_type), best.start_at
    )
    assert best.emissions_g.value == pytest.approx(found, rel=1e-6)


def _kind(region: str, name: str) -> int:
    return catalog.find_instance_type(f"{region.split(':')[0]}:{name}")


JOB = Workload(
    name="job", duration_h=2, core_hours=8, busy_cores=4, single_thread_score=1600,
    score_basis="model", memory_gb=6, gpus=0, accelerator=-1, gpu_load=0, gpu_memory_gb=0,
    energy_kwh=0.03, measurement_sd=0.1, score_sd=0,
)  # fmt: skip
NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)


def ask(job: Workload = JOB, **limits: object) -> Question:
    return Question(workload=job, now=NOW, limits=Constraints(**limits))  # type: ignore[arg-type]


def test_the_last_constraint_is_named() -> None:
    with pytest.raises(ConstraintError, match=r"--country-allow NO.*excluded the last"):
        recommend(ask(providers=("aws",), countries=("NO",)), catalog)


def test_a_job_too_large_for_any_machine() -> None:
    with pytest.raises(ConstraintError, match="memory of at least"):
        recommend(ask(replace(JOB, memory_gb=1e6)), catalog)


def test_a_constraint_costs_what_dropping_it_saves() -> None:
    limited = recommend(ask(providers=("azure",)), catalog)
    free = recommend(ask(), catalog)
    cost = next(c for c in limited.constraint_costs if c.constraint == "--providers azure")
    assert cost.emissions_g == pytest.approx(free.best.emissions_g.value)
    saved_g = limited.best.emissions_g.value - free.best.emissions_g.value
    assert cost.saving_g == pytest.approx(saved_g)
    assert cost.candidate == free.best.candidate


def test_probabilities_are_consistent() -> None:
    answer = recommend(ask(), catalog, top=200)
    assert 0 < answer.best.probability_best <= answer.probability_region_best <= 1
    assert sum(each.probability_best for each in answer.ranking) <= 1 + 1e-9
    assert not answer.best.differs_from_first


def test_direct_scope_uses_only_direct_figures() -> None:
    answer = recommend(replace(ask(), scope="direct"), catalog, top=20)
    for each in answer.ranking:
        zone = catalog.find_zone(each.zone)
        assert not math.isnan(catalog.zones.direct_g_per_kwh[zone])


def test_a_job_of_years_is_counted_at_the_yearly_level() -> None:
    long = replace(JOB, duration_h=30_000.0, core_hours=120_000.0)
    best = recommend(ask(long, regions=("aws:us-west-1",)), catalog).best
    zone = catalog.find_zone(best.zone)
    level = float(catalog.zones.lifecycle_g_per_kwh[zone])
    assert best.intensity_g_per_kwh == pytest.approx(level, rel=0.03)


def test_every_basis_in_the_catalogue_has_an_error() -> None:
    bases = set(catalog.instance_types.score_basis.tolist())
    assert {f"score_{basis}_sd" for basis in bases} <= set(catalog.translation)
    assert set(catalog.regions.pue_basis.tolist()) <= set(PUE_SD)


def test_a_score_of_the_microarchitecture_is_less_certain_than_a_measured_one() -> None:
    answer = recommend(ask(), catalog, top=300)
    widths: dict[str, list[float]] = {"measured": [], "microarchitecture": []}
    for each in answer.ranking:
        kind = _kind(each.region, each.instance_type)
        basis = str(catalog.instance_types.score_basis[kind])
        widths.setdefault(basis, []).append(each.emissions_g.high / each.emissions_g.low)
    assert min(map(len, (widths["measured"], widths["microarchitecture"]))) > 5
    assert median(widths["measured"]) < median(widths["microarchitecture"])
