"""Which stated figures make no sense, alone or together: one clear line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from carbon_advisor.advisor.estimate.stated_inputs import Stated

LARGEST = {  # attribute: the largest value that is not a slip of the keyboard
    "hours": 24 * 366 * 10.0,
    "device_hours": 1e12,
    "energy_kwh": 1e12,
    "device_power_w": 1e6,
    "device_idle_w": 1e6,
    "count": 1e7,
    "utilization": 1.0,
    "intensity_g_per_kwh": 3000.0,
    "embodied_g": 1e15,
    "embodied_total_kg": 1e9,
    "resource_share": 1.0,
    "data_gb": 1e12,
    "transfer_kwh_per_gb": 10.0,
    "water_l_per_kwh": 100.0,
}
LONGEST_LIFE_YEARS = 100.0
NEEDS = {  # attribute: what else must have been stated, and why it would say nothing without
    "device_idle_w": ("utilization", "the power lies between idle and full by the utilisation"),
    "data_from": ("data_gb", "how much data is moved"),
    "transfer_kwh_per_gb": ("data_gb", "how much data is moved"),
    "resource_share": ("embodied_total_kg", "what it is a share of"),
}
CLASHES = (  # attributes of which only one can be meant
    ("hours", "device_hours"),
    ("embodied_g", "embodied_total_kg"),
    ("embodied_g", "lifetime_years"),
    ("energy_kwh", "utilization"),
)


def option(attribute: str) -> str:
    """Return the option of the command line that sets an attribute: data_gb is --data-gb."""
    return "--" + attribute.replace("_", "-")


def check_limits(stated: Stated) -> None:
    """Check each figure alone.

    Raises:
        InputError: a figure is negative, not finite or absurd.
    """
    for attribute, most in LARGEST.items():
        value = getattr(stated, attribute)
        if value is not None and not 0 <= value <= most:
            raise InputError(f"{option(attribute)} is a number from 0 to {most:g}, not {value:g}")
    years = stated.lifetime_years
    if years is not None and not 0 < years <= LONGEST_LIFE_YEARS:
        raise InputError(
            f"--lifetime-years is a number above 0, up to {LONGEST_LIFE_YEARS:g}, not {years:g}"
        )


def check_contradictions(stated: Stated) -> None:
    """Check the figures together.

    Raises:
        InputError: two of them say the same thing twice, or one says nothing without another.
    """
    _check_energy(stated)
    for first, second in CLASHES:
        if getattr(stated, first) is not None and getattr(stated, second) is not None:
            raise InputError(f"{option(first)} and {option(second)} exclude each other: give one")
    for attribute, (needed, why) in NEEDS.items():
        if getattr(stated, attribute) is not None and getattr(stated, needed) is None:
            raise InputError(f"{option(attribute)} needs {option(needed)}: {why}")
    _check_idle(stated)
    _check_making(stated)


def _check_energy(stated: Stated) -> None:
    sources = (stated.energy_kwh, stated.device_power_w, stated.accelerator, stated.instance_type)
    given = sum(source is not None for source in sources)
    if given != 1:
        raise InputError(
            "say what uses the energy by one of --gpus, --instance, --device-power-w "
            f"and --energy-kwh ({given} given)"
        )
    if stated.energy_kwh is None and stated.duration_h is None:
        raise InputError("add --hours (or --device-hours): how long the job runs")


def _check_idle(stated: Stated) -> None:
    if stated.device_idle_w is None:
        return
    if stated.device_power_w is None:
        raise InputError("--device-idle-w needs --device-power-w: the power at full load")
    if stated.device_idle_w > stated.device_power_w:
        raise InputError("--device-idle-w is above --device-power-w, the power at full load")


def _check_making(stated: Stated) -> None:
    if stated.embodied_total_kg is not None and stated.duration_h is None:
        raise InputError("--embodied-total-kg needs --hours: its share falls to the hours")
    named = (stated.embodied_total_kg, stated.accelerator, stated.instance_type)
    if stated.lifetime_years is not None and all(each is None for each in named):
        raise InputError("--lifetime-years needs --embodied-total-kg, --gpus or --instance")
