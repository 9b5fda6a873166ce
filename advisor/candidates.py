"""Every offer of the catalogue with what a workload would take there: columns, not loops."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.power import Watts, power_w
from carbon_advisor.advisor.estimate.speed_errors import speed_draws
from carbon_advisor.advisor.estimate.translate import translate
from carbon_advisor.advisor.estimate.uncertainty import PUE_SD, Errors, intensity_sd
from carbon_advisor.advisor.interval import NORMAL_QUANTILE_95
from carbon_advisor.advisor.plan.joint import Offers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.workload import Workload
    from carbon_advisor.advisor.plan.trace import Floats, Ints

OPERATING_SYSTEM_GB = 0.5  # memory of a machine that the job cannot have; assumed
GPU_MEMORY_TOLERANCE = 0.97  # a "16 GB" accelerator reports a little less


@dataclass(frozen=True)
class Candidates:
    """Offers under a workload; arrays without a remark have the shape (offers,).

    Attributes:
        region, instance_type: rows of the catalogue's tables.
        zone: row of the region's zone in catalog.zones.
        duration_h: how long the workload takes.
        machine_kwh: energy of the machine without PUE.
        pue: of the region.
        embodied_g: embodied emissions over that duration.
        transfer_g: of moving the job's data to the region.
        translated: share of duration_h that depends on the machine's speed.
        price_usd_per_h: on demand, or spot where asked for; NaN where not known.
        watts: mean power by component; shape (types,).
    """

    region: Ints
    instance_type: Ints
    zone: Ints
    duration_h: Floats
    machine_kwh: Floats
    pue: Floats
    embodied_g: Floats
    transfer_g: Floats
    price_usd_per_h: Floats
    utilization: Floats
    translated: Floats
    watts: Watts

    def __len__(self) -> int:
        return len(self.region)

    @property
    def fixed_g(self) -> Floats:
        """What does not depend on the start: embodied and transfer."""
        return self.embodied_g + self.transfer_g

    def where(self, mask: NDArray[np.bool_]) -> Candidates:
        """Return those for which `mask`, shape (offers,), holds."""
        columns = {
            column.name: getattr(self, column.name)[mask]
            for column in fields(self)
            if column.name != "watts"
        }
        return replace(self, **columns)

    def offers(self, zone_row: Ints, deadline_h: float, now_h: float) -> Offers:
        """Return them as the planner needs them.

        Args:
            zone_row: row in the trace of every catalogue zone.
            deadline_h: hours from now by which the job must have ended; inf for none.
            now_h: hours from the trace's beginning to now.
        """
        return Offers(
            zone=zone_row[self.zone],
            duration_h=self.duration_h,
            energy_kwh=self.machine_kwh * self.pue,
            fixed_g=self.fixed_g,
            latest_start_h=now_h + deadline_h - self.duration_h,
        )


def candidates_of(
    workload: Workload, catalog: Catalog, *, spot: bool, transfer_g: Floats | None = None
) -> Candidates:
    """Return every offer that can hold the workload's accelerators at all, translated.

    Args:
        workload: the job.
        catalog: the offers.
        spot: take spot prices.
        transfer_g: of moving the job's data to each region, shape (regions,); None for no data.
    """
    translation = translate(workload, catalog)
    watts = power_w(translation, catalog)
    possible = np.isfinite(translation.duration_h)[catalog.offers.instance_type]
    kind = catalog.offers.instance_type[possible].astype(np.intp)
    region = catalog.offers.region[possible].astype(np.intp)
    duration_h = translation.duration_h[kind]
    price = catalog.offers.spot_usd_per_h if spot else catalog.offers.price_usd_per_h
    return Candidates(
        region=region,
        instance_type=kind,
        zone=catalog.regions.zone[region].astype(np.intp),
        duration_h=duration_h,
        machine_kwh=watts.total[kind] * duration_h / 1000,
        pue=np.asarray(catalog.regions.pue, dtype=np.float64)[region],
        embodied_g=np.asarray(catalog.instance_types.embodied_g_per_h)[kind] * duration_h,
        transfer_g=np.zeros(len(region)) if transfer_g is None else transfer_g[region],
        price_usd_per_h=price[possible].astype(np.float64),
        utilization=translation.utilization[kind],
        translated=translation.translated[kind],
        watts=watts,
    )


def requirement_masks(
    workload: Workload, candidates: Candidates, catalog: Catalog
) -> dict[str, NDArray[np.bool_]]:
    """Return what the job itself needs, as masks over the offers by name."""
    types = catalog.instance_types
    need_gb = workload.memory_gb + OPERATING_SYSTEM_GB
    found = {
        f"memory of at least {need_gb:.3g} GB": (types.memory_gb >= need_gb)[
            candidates.instance_type
        ]
    }
    if workload.gpus:
        enough = types.accelerator_count >= workload.gpus
        memory = np.asarray(catalog.accelerators.memory_gb)[types.accelerator]
        fits = memory >= workload.gpu_memory_gb * GPU_MEMORY_TOLERANCE
        name = f"{workload.gpus} accelerator(s)"
        found[name] = (enough & (types.accelerator >= 0))[candidates.instance_type]
        name = f"accelerator memory of at least {workload.gpu_memory_gb:.3g} GB"
        found[name] = fits[candidates.instance_type]
    return found


def errors_of(
    chosen: Ints,
    workload: Workload,
    candidates: Candidates,
    catalog: Catalog,
    transfer_sd: float = 0.0,
) -> Errors:
    """Return the errors of the candidates `chosen` (indices into `candidates`).

    `transfer_sd` is the log-sd of moving data to any of them: they share the coefficient.
    """
    kind = candidates.instance_type[chosen]
    region = candidates.region[chosen]
    zone = candidates.zone[chosen]
    chip = catalog.instance_types.microarchitecture[kind].astype(np.intp)
    translated = candidates.translated[chosen]
    power_error = catalog.type_power.relative_error[kind]
    pue_sd = np.array([PUE_SD[basis] for basis in catalog.regions.pue_basis[region].tolist()])
    return Errors(
        shared_sd=workload.measurement_sd,
        speed=tuple((sd * translated, group) for sd, group in speed_draws(workload, kind, catalog)),
        instance_type=kind,
        power_sd=np.log1p(power_error) / NORMAL_QUANTILE_95,
        power_group=chip,
        pue_sd=pue_sd,
        pue_group=_pue_groups(catalog)[region],
        intensity_sd=intensity_sd(
            np.asarray(catalog.zones.level_relative_sd, dtype=np.float64)[zone],
            np.asarray(catalog.zones.hour_relative_sd, dtype=np.float64)[zone],
            candidates.duration_h[chosen],
        ),
        zone=zone,
        transfer_sd=transfer_sd,
    )


def _pue_groups(catalog: Catalog) -> Ints:
    """Which regions share an error of the PUE: those that share a fallback; shape (regions,)."""
    _, provider = np.unique(catalog.regions.provider, return_inverse=True)
    own = catalog.regions.pue_basis == "region"
    return np.where(own, np.arange(len(own)), -1 - provider)
