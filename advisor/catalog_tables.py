"""The catalogue's tables as frozen values of NumPy columns, and the rows of its small tables.

Equal positions of a table's columns are one row. A number that is not known is NaN, a year 0, a
text empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False, repr=False)
class Zones:
    """Grid zones; shape (zones,), profile (zones, 12, 2, 24).

    Attributes:
        lifecycle_g_per_kwh: yearly average, consumption-based, lifecycle.
        direct_g_per_kwh: yearly average of combustion only; NaN where not known.
        ember_g_per_kwh: the country's production average, lifecycle; another basis, for reference.
        has_profile: False where the profile is flat because no hourly trace is known.
        hour_relative_sd: log-sd of one hour about level × profile.
        level_relative_sd: log-sd of a year's level about the year before.
        profile: multiplies the level, by month, weekday/weekend and hour in UTC; its mean over a
            calendar year is 1; ones where flat.
    """

    id: Texts
    name: Texts
    country: Texts
    lifecycle_g_per_kwh: Floats
    lifecycle_year: Ints
    lifecycle_source: Texts
    direct_g_per_kwh: Floats
    direct_year: Ints
    direct_source: Texts
    ember_g_per_kwh: Floats
    ember_year: Ints
    ember_source: Texts
    has_profile: Bools
    profile_basis: Texts
    profile_source: Texts
    hour_relative_sd: Floats
    hour_sd_basis: Texts
    level_relative_sd: Floats
    level_sd_basis: Texts
    profile: NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class Regions:
    """Providers' regions; shape (regions,).

    Attributes:
        zone: row in Zones.
        pue_basis: region (its own figure), design (of a region that is not full), provider (the
            provider's average) or default (the operators surveyed).
        wue_l_per_kwh: litres on site per kWh of the machines; NaN where not known.
        wue_basis: region, design, provider, derived (from the provider's litres and kWh) or "".
        provider_g_per_kwh: the provider's own figure; NaN where it publishes none.
        launched: False for regions that are announced only.
    """

    id: Texts
    provider: Texts
    code: Texts
    name: Texts
    country: Texts
    latitude: Floats
    longitude: Floats
    location_source: Texts
    zone: Ints
    zone_source: Texts
    pue: Floats
    pue_year: Ints
    pue_basis: Texts
    pue_source: Texts
    wue_l_per_kwh: Floats
    wue_year: Ints
    wue_basis: Texts
    wue_source: Texts
    provider_g_per_kwh: Floats
    provider_year: Ints
    provider_source: Texts
    launched: Bools


@dataclass(frozen=True, eq=False, repr=False)
class InstanceTypes:
    """Providers' machines; shape (types,).

    Attributes:
        accelerator: row in Accelerators; -1 for none.
        accelerator_count: may be a fraction.
        microarchitecture: row in Microarchitectures.
        cpu_basis: known, family or assumed.
        single_thread_score: Geekbench 6 single-core points; NaN where not known.
        score_basis: measured (Geekbench ran on it), family (on other sizes), benchmark (PassMark
            ran on it), cpu_model, microarchitecture (Geekbench on machines with that), none.
        embodied_g_per_h: share of the making of its host per hour of the host's life.
    """

    id: Texts
    provider: Texts
    name: Texts
    vcpus: Floats
    memory_gb: Floats
    architecture: Texts
    accelerator: Ints
    accelerator_count: Floats
    spec_source: Texts
    cpu_model: Texts
    microarchitecture: Ints
    cpu_basis: Texts
    cpu_source: Texts
    threads_per_core: Ints
    single_thread_score: Floats
    multi_thread_score: Floats
    score_basis: Texts
    score_source: Texts
    embodied_g_per_h: Floats
    embodied_basis: Texts
    embodied_source: Texts
    burstable: Bools
    shared_core: Bools


@dataclass(frozen=True, eq=False, repr=False)
class Microarchitectures:
    """Kinds of CPU; shape (microarchitectures,).

    Attributes:
        idle_w_per_thread, max_w_per_thread: wall power of a whole server per hardware thread.
        memory_gb_per_thread: memory whose power those two contain.
        load_1, load_2: coordinates of the load shape.
        relative_error: half-width of the 90 % interval of the watts over the value.
        basis: measured, modelled, family or assumed.
        note: from how many machines, or what the figures are derived from.
    """

    id: Texts
    vendor: Texts
    architecture: Texts
    launch_year: Ints
    idle_w_per_thread: Floats
    max_w_per_thread: Floats
    memory_gb_per_thread: Floats
    load_1: Floats
    load_2: Floats
    single_thread_score: Floats
    score_source: Texts
    relative_error: Floats
    machines: Ints
    basis: Texts
    source: Texts
    note: Texts


@dataclass(frozen=True, eq=False, repr=False)
class Accelerators:
    """GPUs; shape (accelerators,).

    Attributes:
        id: the name that the driver gives.
        aliases: what else clouds and people write; the short name is one too.
        form: "module" (SXM4, OAM and later: eight on a board with switches) or "card" (the rest).
        fp32_tflops, tf32_tflops, fp16_tflops, fp8_tflops: dense peaks, with tensor cores where it
            has them; where it has no faster path, that of the next larger precision.
        idle_basis: measured or assumed.
    """

    id: Texts
    short: Texts
    aliases: tuple[tuple[str, ...], ...]
    vendor: Texts
    form: Texts
    tdp_w: Floats
    idle_w: Floats
    idle_basis: Texts
    idle_source: Texts
    memory_gb: Floats
    bandwidth_gb_per_s: Floats
    fp32_tflops: Floats
    tf32_tflops: Floats
    fp16_tflops: Floats
    fp8_tflops: Floats
    year: Ints
    embodied_kg: Floats
    embodied_basis: Texts
    embodied_source: Texts
    datasheet: Texts
    source: Texts


@dataclass(frozen=True, eq=False, repr=False)
class Offers:
    """Which region has which type at which price; shape (offers,); NaN: price not known.

    `price_source` and `spot_source` index `source_ids`, whose first entry is "" for no price.
    """

    region: NDArray[np.int16]
    instance_type: NDArray[np.int16]
    price_usd_per_h: NDArray[np.float32]
    spot_usd_per_h: NDArray[np.float32]
    price_source: NDArray[np.uint8]
    spot_source: NDArray[np.uint8]
    source_ids: Texts


@dataclass(frozen=True)
class Country:
    """A country that has a region, and the groups it belongs to ("EU", "EUROPE")."""

    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where a figure comes from in public."""

    title: str
    url: str
    licence: str
    date: str


@dataclass(frozen=True)
class Factor:
    """One figure of the models; `relative_error` is the half-width of its 90 % interval."""

    value: float
    unit: str
    relative_error: float
    year: int
    basis: str
    source: str
    note: str


@dataclass(frozen=True)
class Coefficient:
    """One fitted figure of the translation, and how far translations with it were off.

    `median_error` and `p90_error` are factors less 1, over `pairs` pairs of machines.
    """

    value: float
    pairs: int
    median_error: float
    p90_error: float
    source: str
    year: str
    note: str


@dataclass(frozen=True)
class Equivalent:
    """Something people know, and what one unit of it emits."""

    key: str
    label: str
    unit: str
    g_per_unit: float
    year: int
    source: str
