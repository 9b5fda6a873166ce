"""Offers: which region has which instance type at which price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from catalog.files import number, read_json, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AWS_PRICE_SOURCES = {
    "karpenter": "karpenter_aws",
    "libcloud2025-03": "libcloud",
    "est_region": "aws_price_estimated_region",
    "est_family": "aws_price_estimated_family",
}
NO_SOURCE = ""
IMPLAUSIBLE_SHARE = 0.2


@dataclass(frozen=True)
class Offer:
    """One instance type in one region; a price of None is not known."""

    region: str
    instance_type: str
    price: float | None = None
    price_source: str = NO_SOURCE
    spot: float | None = None
    spot_source: str = NO_SOURCE


def build_offers(
    sources: Path, regions: list[str], instance_types: list[str]
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Return the columns of offers.npz, and how many offers were left out, by reason.

    Args:
        sources: folder of the downloaded sources.
        regions: ids in the order of regions.csv.
        instance_types: ids in the order of instance_types.csv.
    """
    region_row = {name: row for row, name in enumerate(regions)}
    type_row = {name: row for row, name in enumerate(instance_types)}
    found: dict[tuple[int, int], Offer] = {}
    left_out = {"offers in a region without a row": 0, "offers of a type without a row": 0}
    for offer in [*_aws(sources), *_azure(sources), *_gcp(sources)]:
        if offer.region not in region_row:
            left_out["offers in a region without a row"] += 1
        elif offer.instance_type not in type_row:
            left_out["offers of a type without a row"] += 1
        else:
            found[region_row[offer.region], type_row[offer.instance_type]] = offer
    left_out["prices below a fifth of the type's median"] = _drop_implausible(found)
    return _columns(found), left_out


def _drop_implausible(found: dict[tuple[int, int], Offer]) -> int:
    """Blank prices far below the same type's elsewhere, and spot prices above on demand."""
    by_type: dict[int, list[float]] = {}
    for (_, row), offer in found.items():
        if offer.price is not None:
            by_type.setdefault(row, []).append(offer.price)
    usual = {row: float(np.median(prices)) for row, prices in by_type.items()}
    dropped = 0
    for key, offer in found.items():
        if offer.price is not None and offer.price < IMPLAUSIBLE_SHARE * usual[key[1]]:
            found[key] = Offer(offer.region, offer.instance_type)
            dropped += 1
        elif offer.price is not None and offer.spot is not None and offer.spot > offer.price:
            found[key] = replace(offer, spot=None, spot_source=NO_SOURCE)
    return dropped


def _columns(found: dict[tuple[int, int], Offer]) -> dict[str, np.ndarray]:
    keys = sorted(found)
    offers = [found[key] for key in keys]
    names = sorted({name for offer in offers for name in (offer.price_source, offer.spot_source)})
    row = {name: index for index, name in enumerate(names)}
    return {
        "region": np.array([key[0] for key in keys], dtype=np.int16),
        "instance_type": np.array([key[1] for key in keys], dtype=np.int16),
        "price_usd_per_h": _prices([offer.price for offer in offers]),
        "spot_usd_per_h": _prices([offer.spot for offer in offers]),
        "price_source": np.array([row[offer.price_source] for offer in offers], dtype=np.uint8),
        "spot_source": np.array([row[offer.spot_source] for offer in offers], dtype=np.uint8),
        "sources": np.array(names),
    }


def _prices(values: list[float | None]) -> np.ndarray:
    numbers = [np.nan if value is None else round(value, 6) for value in values]
    return np.array(numbers, dtype=np.float32)


def _positive(text: str) -> float | None:
    value = number(text)
    return value if value else None


def _aws(sources: Path) -> Iterator[Offer]:
    """Moto's offerings, with the merged prices; spot is on demand less the advisor's saving."""
    instances = sources / "instances"
    prices = {
        (row["region"], row["type"]): row
        for row in read_rows(instances / "aws_prices_merged_draft.csv.gz")
    }
    savings = read_json(instances / "aws_spot_advisor_2025-06.json.gz")["spot_advisor"]
    offerings = read_json(instances / "moto_offerings_by_region.json.gz")
    for region in sorted(offerings):
        of_region = savings.get(region, {}).get("Linux", {})
        for name in offerings[region]:
            row = prices.get((region, name), {})
            price = _positive(row.get("usd_h", ""))
            saving = of_region.get(name, {}).get("s")
            known_spot = price is not None and saving is not None
            yield Offer(
                region=f"aws:{region}",
                instance_type=f"aws:{name}",
                price=price,
                price_source=AWS_PRICE_SOURCES[row["source"]] if price else NO_SOURCE,
                spot=price * (1 - saving / 100) if known_spot and price else None,
                spot_source="aws_spot_advisor" if known_spot else NO_SOURCE,
            )


def _azure(sources: Path) -> Iterator[Offer]:
    """What has a price is offered."""
    for row in read_rows(sources / "instances/azure_ondemand_karpenter.csv.gz"):
        price = _positive(row["usd_h"])
        if price is not None:
            name = row["sku"].strip()
            yield Offer(f"azure:{row['region']}", f"azure:{name}", price, "karpenter_azure")


def _gcp(sources: Path) -> Iterator[Offer]:
    instances = sources / "instances"
    prices = read_json(instances / "gcp_initial_prices_karpenter.json.gz")["prices"]
    for row in read_rows(instances / "gcp_machinetyperegion.csv", delimiter=";"):
        region, name = row["ZONE"], row["NAME"]
        of_region = prices.get(region, {})
        price = of_region.get("on_demand", {}).get(name) or None
        spot = of_region.get("spot", {}).get(name) or None
        yield Offer(
            region=f"gcp:{region}",
            instance_type=f"gcp:{name}",
            price=price,
            price_source="karpenter_gcp" if price else NO_SOURCE,
            spot=spot,
            spot_source="karpenter_gcp" if spot else NO_SOURCE,
        )
