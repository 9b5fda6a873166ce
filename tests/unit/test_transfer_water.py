"""Moved data: GB × kWh/GB × the mean of both ends, nothing inside a region; water stands beside."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.constraints import Constraints
from carbon_advisor.advisor.estimate.stated import StatedEstimate, estimate_stated
from carbon_advisor.advisor.estimate.stated_inputs import Stated
from carbon_advisor.advisor.estimate.transfer import (
    BETWEEN_CLOUDS,
    INTERNET,
    DataMove,
    transfer_g,
    transfer_g_by_region,
    transfer_to,
)
from carbon_advisor.advisor.estimate.water import water_of_region
from carbon_advisor.advisor.estimate.workload import Workload
from carbon_advisor.advisor.explain import estimate_candidate, explain, find_candidate
from carbon_advisor.advisor.location import Location, named_location
from carbon_advisor.advisor.problem import Problem, Question
from carbon_advisor.advisor.recommend import recommend
from carbon_advisor.measurement.errors import InputError

catalog = load_catalog()
NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
STOCKHOLM, FRANKFURT = "aws:eu-north-1", "aws:eu-central-1"
JOB = Workload(
    name="job", duration_h=2, core_hours=8, busy_cores=4, single_thread_score=1600,
    score_basis="model", memory_gb=6, gpus=0, accelerator=-1, gpu_load=0, gpu_memory_gb=0,
    energy_kwh=0.03, measurement_sd=0.1, score_sd=0,
)  # fmt: skip


def place(name: str) -> Location:
    return named_location(name, catalog)


def level(name: str) -> float:
    return float(catalog.zones.lifecycle_g_per_kwh[place(name).zone])


def estimate(region: str | None, **stated: Any) -> StatedEstimate:
    location = place(region) if region else None
    return estimate_stated(Stated(**{"energy_kwh": 10.0, **stated}), location, NOW, catalog)


amounts = st.floats(0, 1e6)


@given(amounts, st.floats(0, 1), amounts, amounts)
def test_the_way_counts_both_ends_alike(gb: float, kwh: float, one: float, two: float) -> None:
    assert transfer_g(gb, kwh, one, two) == transfer_g(gb, kwh, two, one)
    assert transfer_g(gb, kwh, one, one) == pytest.approx(gb * kwh * one)
    assert transfer_g(0, kwh, one, two) == 0


@given(
    st.floats(0, 1e5),
    st.sampled_from(["DE", "FR", STOCKHOLM, "gcp:us-central1"]),
    st.none() | st.floats(0, 0.5),
)
def test_the_column_of_all_regions_equals_each_of_them(
    gb: float, origin: str, kwh: float | None
) -> None:
    move = DataMove(gb, place(origin), kwh)
    column = transfer_g_by_region(move, catalog, "lifecycle")
    for row in (0, 17, 90, catalog.find_region(STOCKHOLM)):
        there = place(str(catalog.regions.id[row]))
        part = transfer_to(move, there, catalog, "lifecycle")
        assert column[row] == pytest.approx(part.value)
        assert part.node.value == pytest.approx(column[row])


def test_inside_one_region_it_is_nothing() -> None:
    column = transfer_g_by_region(DataMove(100, place(STOCKHOLM)), catalog, "lifecycle")
    row = catalog.find_region(STOCKHOLM)
    assert column[row] == 0
    assert (np.delete(column, row) > 0).all()
    there = estimate(STOCKHOLM, data_gb=100, data_from=place(STOCKHOLM))
    assert there.transfer_g == 0
    assert there.emissions_g == estimate(STOCKHOLM).emissions_g


def test_between_clouds_it_takes_less_than_over_the_internet() -> None:
    networks = catalog.factors
    assert networks[BETWEEN_CLOUDS].value < networks[INTERNET].value
    between = estimate(STOCKHOLM, data_gb=100, data_from=place(FRANKFURT))
    mean = (level(STOCKHOLM) + level(FRANKFURT)) / 2
    assert between.transfer_g == pytest.approx(100 * networks[BETWEEN_CLOUDS].value * mean)
    over = estimate(STOCKHOLM, data_gb=100, data_from=place("DE"))
    assert over.transfer_g == pytest.approx(100 * networks[INTERNET].value * mean)


def test_what_is_stated_replaces_the_catalogue() -> None:
    found = estimate(None, data_gb=50, transfer_kwh_per_gb=0.02, intensity_g_per_kwh=200, pue=1)
    assert found.transfer_g == pytest.approx(50 * 0.02 * 200)
    assert found.emissions_g.value == pytest.approx(10 * 200 + 200)
    assert found.emissions_g.low == found.emissions_g.high == found.emissions_g.value
    origin = found.provenance.parts[-1].parts[-1].parts[0]
    assert (origin.name, origin.basis) == ("origin", "assumed")


def test_the_interval_holds_the_studies_of_the_network() -> None:
    networks = catalog.factors
    for key, low, high in ((BETWEEN_CLOUDS, 0.00025, 0.004), (INTERNET, 0.06 / 2**4.5, 0.059)):
        factor = networks[key]
        assert factor.value / (1 + factor.relative_error) <= low * 1.01
        assert factor.value * (1 + factor.relative_error) >= high * 0.99


def question(data: DataMove | None, here: str | None = None, **limits: Any) -> Question:
    location = place(here) if here else None
    return Question(JOB, NOW, limits=Constraints(**limits), here=location, data=data)


def test_moving_much_data_changes_the_ranking() -> None:
    limits = {"regions": (STOCKHOLM, FRANKFURT), "instance_types": ("m5.xlarge",)}
    assert recommend(question(None, **limits), catalog).best.region == STOCKHOLM
    heavy = recommend(question(DataMove(1000, place(FRANKFURT)), **limits), catalog)
    assert heavy.best.region == FRANKFURT
    assert heavy.best.transfer_g == 0
    moved = next(each for each in heavy.by_region if each.region == STOCKHOLM)
    parts = moved.operational_g + moved.embodied_g + moved.transfer_g
    assert moved.emissions_g.value == pytest.approx(parts)
    assert moved.emissions_g.low < moved.emissions_g.value < moved.emissions_g.high
    assert moved.transfer_g > moved.operational_g


def test_here_needs_no_transfer_where_the_data_is() -> None:
    def baseline_g(data: DataMove | None) -> float:
        return recommend(question(data, here="DE"), catalog).baseline.emissions_g

    nothing = baseline_g(None)
    assert baseline_g(DataMove(100, place("DE"))) == nothing
    moved = 100 * catalog.factors[INTERNET].value * (level("FR") + level("DE")) / 2
    assert baseline_g(DataMove(100, place("FR"))) == pytest.approx(nothing + moved)


def test_the_explanation_sums_to_the_estimate() -> None:
    problem = Problem(question(DataMove(100, place("DE"))), catalog)
    offer = find_candidate(problem, f"{STOCKHOLM}:m5.xlarge")
    found = estimate_candidate(problem, offer)
    chain = explain(problem, offer, found)
    assert [part.name for part in chain.parts] == ["operational", "embodied", "transfer"]
    assert sum(float(part.value) for part in chain.parts) == pytest.approx(found.emissions_g.value)
    water_l, _ = water_of_region(found.energy_kwh, catalog.find_region(STOCKHOLM), catalog)
    assert found.water_l == pytest.approx(water_l)


def test_a_zone_without_direct_figures_has_no_direct_way() -> None:
    bare = np.flatnonzero(np.isnan(catalog.zones.direct_g_per_kwh))
    origin = Location("bare", int(bare[0]), None, 1.0, "assumed")
    with pytest.raises(InputError, match="no direct intensity"):
        transfer_g_by_region(DataMove(1, origin), catalog, "direct")


@pytest.mark.parametrize("gb", [-1.0, math.nan, math.inf])
def test_an_amount_of_data_is_a_number(gb: float) -> None:
    with pytest.raises(InputError, match="--data-gb"):
        DataMove(gb, place("DE"))


def test_water_is_the_machines_energy_times_wue_and_not_in_the_emissions() -> None:
    found = estimate("aws:us-east-1", pue=1.5)
    wue = float(catalog.regions.wue_l_per_kwh[catalog.find_region("aws:us-east-1")])
    assert found.water_l == pytest.approx(10 * wue)
    stated = estimate("aws:us-east-1", pue=1.5, water_l_per_kwh=1.8)
    assert stated.water_l == pytest.approx(18)
    assert stated.emissions_g == found.emissions_g


def test_water_that_is_not_known_stays_unknown() -> None:
    found = estimate("DE")
    assert math.isnan(found.water_l)
    assert found.water.basis == "unknown"


def test_wue_falls_back_from_region_to_provider_each_labelled() -> None:
    regions = catalog.regions
    assert set(regions.wue_basis.tolist()) <= {"region", "design", "provider", "derived", ""}
    known = ~np.isnan(regions.wue_l_per_kwh)
    assert (known == (regions.wue_basis != "")).all()
    assert ((regions.wue_l_per_kwh[known] >= 0) & (regions.wue_l_per_kwh[known] < 4)).all()
    aws = (regions.provider == "aws") & (regions.wue_basis == "provider")
    assert set(regions.wue_l_per_kwh[aws].tolist()) == {0.12}
    azure_2022 = (regions.provider == "azure") & (regions.wue_year == 2022)
    assert azure_2022.any()
    assert (regions.wue_basis[azure_2022] == "design").all()


def test_pue_falls_back_from_region_to_provider_each_with_its_year() -> None:
    regions = catalog.regions
    assert (regions.pue_year >= 2022).all()
    azure = (regions.provider == "azure") & (regions.pue_basis == "provider")
    assert set(regions.pue[azure].tolist()) == {1.17}
