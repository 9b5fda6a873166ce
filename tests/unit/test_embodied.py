"""The machine's share: the SCI's M, the host of GPUs, and what stands in where nothing is known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.estimate.embodied import embodied_of, share_g
from carbon_advisor.advisor.estimate.stated import estimate_stated, sum_interval
from carbon_advisor.advisor.estimate.stated_inputs import Part, Stated
from carbon_advisor.advisor.interval import lognormal_interval
from carbon_advisor.advisor.provenance import Node
from carbon_advisor.measurement.errors import InputError

catalog = load_catalog()
V100 = catalog.find_accelerator("V100")
positive = st.floats(0.001, 1e6)


def test_the_example_of_the_specification() -> None:
    """eShoppen, the SCI's case study: 1205.52 kg, 1 of 35,040 h, 2 of 16 vCPUs: 4.3 g."""
    assert share_g(1205.52, 1, 35_040, 2 / 16) == pytest.approx(4.3005, abs=1e-4)


@given(positive, positive, positive, st.floats(0, 1), st.floats(0.01, 100))
def test_the_share_is_linear_in_time_and_resources(
    total_kg: float, hours: float, lifetime_h: float, share: float, factor: float
) -> None:
    once = share_g(total_kg, hours, lifetime_h, share)
    assert share_g(total_kg, hours * factor, lifetime_h, share) == pytest.approx(once * factor)
    assert share_g(total_kg, hours, lifetime_h * factor, share) == pytest.approx(once / factor)
    assert once <= share_g(total_kg, hours, lifetime_h)
    assert share_g(total_kg, lifetime_h, lifetime_h) == pytest.approx(total_kg * 1000)


def test_a_stated_machine_takes_the_default_lifetime_and_says_so() -> None:
    found = embodied_of(Stated(energy_kwh=1, hours=10, embodied_total_kg=1000), catalog)
    assert found.value == pytest.approx(1000 * 1000 * 10 / 35_040)
    basis = {part.name: part.basis for part in found.node.parts}
    assert basis["lifetime"] == "assumed"
    assert basis["share of its resources"] == "assumed"
    assert found.sd > 0
    sure = embodied_of(
        Stated(energy_kwh=1, hours=10, embodied_total_kg=1000, lifetime_years=4), catalog
    )
    assert sure.value == pytest.approx(found.value)
    assert sure.sd == 0


@given(st.integers(1, 1000), st.floats(0.1, 8000))
def test_gpus_carry_their_boards_and_a_share_of_a_host(count: int, hours: float) -> None:
    named = Stated(hours=hours, accelerator=V100, count=count)
    boards = Stated(hours=hours, accelerator=V100, count=count, host=False)
    each_kg = float(catalog.accelerators.embodied_kg[V100])
    host_kg = catalog.factors["embodied_gpu_host_kg"].value
    hour_share = 1000 * hours * count / 35_040
    assert embodied_of(boards, catalog).value == pytest.approx(each_kg * hour_share)
    assert embodied_of(named, catalog).value == pytest.approx((each_kg + host_kg) * hour_share)


def test_a_lifetime_of_six_years_takes_a_third_off_an_instance_type() -> None:
    kind = catalog.find_instance_type("aws:m5.xlarge")
    four = embodied_of(Stated(hours=100, instance_type=kind), catalog)
    six = embodied_of(Stated(hours=100, instance_type=kind, lifetime_years=6), catalog)
    assert six.value == pytest.approx(four.value * 4 / 6)
    per_hour = float(catalog.instance_types.embodied_g_per_h[kind])
    assert four.value == pytest.approx(100 * per_hour)


def test_no_hardware_is_no_guess() -> None:
    found = embodied_of(Stated(energy_kwh=5), catalog)
    assert found.value == 0
    assert "not counted" in found.node.source


def test_no_types_share_is_off_by_a_unit() -> None:
    """Tonnes taken for kilograms, or a whole host for a vCPU, would be a thousandfold off."""
    types = catalog.instance_types
    kg_per_vcpu = types.embodied_g_per_h * 35_040 / 1000 / types.vcpus
    assert (kg_per_vcpu > 2).all()
    assert (kg_per_vcpu[types.accelerator < 0] < 100).all()
    host_kg = types.embodied_g_per_h * 35_040 / 1000
    assert float(np.max(host_kg)) < 60_000  # 32 TB of memory alone are 45 t


@given(st.lists(st.tuples(positive, st.floats(0, 1)), min_size=1, max_size=3))
def test_the_interval_of_a_sum_holds_it_and_is_narrower_than_its_parts(
    parts: list[tuple[float, float]],
) -> None:
    node = Node("part", 0.0)
    found = sum_interval(tuple(Part(value, node, sd) for value, sd in parts))
    each = [lognormal_interval(value, sd) for value, sd in parts]
    assert found.value == pytest.approx(sum(value for value, _ in parts))
    assert 0 <= found.low <= found.value <= found.high
    assert found.high <= sum(one.high for one in each) * (1 + 1e-9)
    assert found.low >= sum(one.low for one in each) * (1 - 1e-9)


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"energy_kwh": 1, "hours": 1, "device_hours": 2}, "exclude each other"),
        ({"energy_kwh": 1, "utilization": 0.5}, "--energy-kwh and --utilization"),
        ({"energy_kwh": 1, "embodied_g": 1, "embodied_total_kg": 1}, "--embodied-total-kg"),
        ({"energy_kwh": 1, "embodied_total_kg": 1}, "--hours"),
        ({"energy_kwh": 1, "lifetime_years": 4}, "--lifetime-years needs"),
        ({"energy_kwh": 1, "resource_share": 0.5}, "--embodied-total-kg"),
        ({"energy_kwh": 1, "hours": 1, "embodied_total_kg": 1, "lifetime_years": 0}, "above 0"),
        ({"energy_kwh": 1, "hours": 1, "embodied_total_kg": 1, "resource_share": 2}, "0 to 1"),
        ({"device_power_w": 9, "hours": 1, "device_idle_w": 1}, "--utilization"),
        (
            {"device_power_w": 9, "hours": 1, "device_idle_w": 10, "utilization": 0.5},
            "above --device-power-w",
        ),
        ({"accelerator": V100, "hours": 1, "device_idle_w": 1, "utilization": 1}, "--device-power"),
        ({"energy_kwh": 1, "transfer_kwh_per_gb": 0.1}, "--data-gb"),
        ({"energy_kwh": 1, "data_gb": float("nan")}, "--data-gb"),
        ({"device_power_w": 9}, "--device-hours"),
    ],
)
def test_what_makes_no_sense_is_said(stated: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Stated(**stated)


def test_device_hours_are_hours_times_devices() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    common = {"device_power_w": 400.0, "count": 8, "intensity_g_per_kwh": 100.0, "pue": 1.1}
    one = estimate_stated(Stated(**common, hours=10), None, now, catalog)  # type: ignore[arg-type]
    other = estimate_stated(Stated(**common, device_hours=80), None, now, catalog)  # type: ignore[arg-type]
    assert one.emissions_g == other.emissions_g
    assert one.energy_kwh == pytest.approx(32)


@given(st.floats(0, 500), st.floats(0, 500), st.floats(0, 1))
def test_power_lies_between_idle_and_full(first: float, second: float, load: float) -> None:
    idle_w, full_w = sorted((first, second))
    found = estimate_stated(
        Stated(
            device_power_w=full_w, device_idle_w=idle_w, utilization=load, hours=1000,
            intensity_g_per_kwh=1, pue=1,
        ),
        None, datetime(2026, 3, 1, tzinfo=UTC), catalog,
    )  # fmt: skip
    assert found.energy_kwh == pytest.approx(idle_w + load * (full_w - idle_w))
