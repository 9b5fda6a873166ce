"""Recommendations and estimates as JSON, as the schemas in data/schemas describe them."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carbon_advisor.advisor.baseline import Baseline
    from carbon_advisor.advisor.estimate.estimates import Estimate
    from carbon_advisor.advisor.estimate.stated import StatedEstimate
    from carbon_advisor.advisor.provenance import Node
    from carbon_advisor.advisor.recommend import Recommendation

RECOMMENDATION_SCHEMA = "carbon-advisor/recommendation/1"
ESTIMATE_SCHEMA = "carbon-advisor/estimate/1"
EXPLANATION_SCHEMA = "carbon-advisor/explanation/1"


def recommendation_json(recommendation: Recommendation) -> dict[str, Any]:
    """Return the recommendation in JSON's types; what is not known is null."""
    return {
        "schema": RECOMMENDATION_SCHEMA,
        "name": recommendation.name,
        "created_at": recommendation.created_at.isoformat(),
        "catalog_version": recommendation.catalog_version,
        "signal": "average",
        "scope": recommendation.scope,
        "offers": recommendation.offers,
        "eligible": recommendation.eligible,
        "starts": recommendation.starts,
        "ranking": [estimate_json(each) for each in recommendation.ranking],
        "by_region": [estimate_json(each) for each in recommendation.by_region],
        "probability_region_best": recommendation.probability_region_best,
        "baseline": _baseline_json(recommendation.baseline),
        "saving_g": recommendation.saving_g,
        "saving_fraction": recommendation.saving_fraction,
        "saving_usd": known(recommendation.baseline.price_usd - recommendation.best.price_usd),
        "equivalents": [asdict(each) for each in recommendation.equivalents],
        "constraint_costs": [asdict(each) for each in recommendation.constraint_costs],
        "notes": list(recommendation.notes),
    }


def estimate_json(estimate: Estimate) -> dict[str, Any]:
    """Return one estimate in JSON's types."""
    return {
        "candidate": estimate.candidate,
        "region": estimate.region,
        "region_name": estimate.region_name,
        "country": estimate.country,
        "zone": estimate.zone,
        "instance_type": estimate.instance_type,
        "vcpus": estimate.vcpus,
        "memory_gb": estimate.memory_gb,
        "architecture": estimate.architecture,
        "accelerator": estimate.accelerator,
        "accelerator_count": estimate.accelerator_count,
        "start_at": estimate.start_at.isoformat(),
        "duration_s": estimate.duration_h * 3600,
        "utilization": estimate.utilization,
        "power_w": {"cpu": estimate.cpu_w, "memory": estimate.memory_w, "gpu": estimate.gpu_w},
        "energy_kwh": estimate.energy_kwh,
        "pue": estimate.pue,
        "intensity_g_per_kwh": estimate.intensity_g_per_kwh,
        "emissions_g": estimate.emissions_g.value,
        "operational_g": estimate.operational_g,
        "embodied_g": estimate.embodied_g,
        "transfer_g": estimate.transfer_g,
        "interval_g": [estimate.emissions_g.low, estimate.emissions_g.high],
        "emissions_now_g": estimate.emissions_now_g,
        "water_l": known(estimate.water_l),
        "price_usd_per_h": known(estimate.price_usd_per_h),
        "price_usd": known(estimate.price_usd),
        "hourly_profile": estimate.hourly_profile,
        "probability_best": known(estimate.probability_best),
        "differs_from_first": estimate.differs_from_first,
    }


def explanation_json(estimate: Estimate, chain: Node, water: Node) -> dict[str, Any]:
    """Return one candidate's estimate and the chains behind it in JSON's types."""
    return {
        "schema": EXPLANATION_SCHEMA,
        "estimate": estimate_json(estimate),
        "provenance": chain.to_json(),
        "water_provenance": water.to_json(),
    }


def stated_json(estimate: StatedEstimate) -> dict[str, Any]:
    """Return an estimate of stated inputs in JSON's types, with its provenance."""
    return {
        "schema": ESTIMATE_SCHEMA,
        "energy_kwh": estimate.energy_kwh,
        "pue": estimate.pue,
        "intensity_g_per_kwh": estimate.intensity_g_per_kwh,
        "emissions_g": estimate.emissions_g.value,
        "operational_g": estimate.operational_g,
        "embodied_g": estimate.embodied_g,
        "transfer_g": estimate.transfer_g,
        "interval_g": [estimate.emissions_g.low, estimate.emissions_g.high],
        "provenance": estimate.provenance.to_json(),
        "water_l": known(estimate.water_l),
        "water_provenance": estimate.water.to_json(),
    }


def _baseline_json(baseline: Baseline) -> dict[str, Any]:
    return {
        "kind": baseline.kind,
        "label": baseline.label,
        "emissions_g": baseline.emissions_g,
        "energy_kwh": known(baseline.energy_kwh),
        "price_usd": known(baseline.price_usd),
    }


def known(value: float) -> float | None:
    """Return the value, or None where it is NaN: not known."""
    return None if math.isnan(value) else value
