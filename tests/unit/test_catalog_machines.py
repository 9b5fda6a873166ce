"""The catalogue's machines, CPUs, accelerators and offers: complete and plausible."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from carbon_advisor.advisor.catalog import bundled_directory, load_catalog
from carbon_advisor.measurement.cpu_lookup import (
    normalized_cpu_name,
    read_cpu_tables,
    resolve_cpu,
)

DATA = bundled_directory()
CATALOG = load_catalog()


def table(name: str) -> list[dict[str, str]]:
    """The rows of a bundled CSV file."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_instance_types_are_complete() -> None:
    types = CATALOG.instance_types
    assert len(set(types.id.tolist())) == len(types.id)
    assert (types.vcpus > 0).all()
    assert (types.memory_gb > 0).all()
    assert (types.microarchitecture >= 0).all()
    assert set(types.architecture.tolist()) == {"x86_64", "arm64"}
    assert set(types.cpu_basis.tolist()) <= {"known", "family", "assumed"}
    assert set(types.threads_per_core.tolist()) == {1, 2}
    assert ((types.accelerator_count > 0) == (types.accelerator >= 0)).all()
    assert (types.embodied_g_per_h > 0).all()
    assert (np.isnan(types.single_thread_score) == (types.score_basis == "none")).all()


def test_a_type_has_a_cpu_of_its_own_architecture() -> None:
    types, kinds = CATALOG.instance_types, CATALOG.microarchitectures
    assert (kinds.architecture[types.microarchitecture] == types.architecture).all()


@pytest.mark.parametrize(
    ("name", "microarchitecture", "vcpus", "memory_gb"),
    [
        ("aws:m7g.large", "Neoverse V1", 2, 8),
        ("aws:c7a.xlarge", "EPYC 4th Gen (one thread per core)", 4, 8),
        ("aws:m8g.xlarge", "Neoverse V2", 4, 16),
        ("gcp:t2a-standard-4", "Neoverse N1", 4, 16),
        ("gcp:c4a-standard-4", "Neoverse V2", 4, 16),
        ("azure:Standard_D4s_v5", "Ice Lake", 4, 16),
        ("azure:Standard_D4ps_v6", "Neoverse N2", 4, 16),
    ],
)
def test_known_machines(name: str, microarchitecture: str, vcpus: int, memory_gb: float) -> None:
    types = CATALOG.instance_types
    row = CATALOG.find_instance_type(name)
    assert CATALOG.microarchitectures.id[types.microarchitecture[row]] == microarchitecture
    assert types.vcpus[row] == vcpus
    assert types.memory_gb[row] == memory_gb


@pytest.mark.parametrize(
    ("name", "accelerator", "count"),
    [
        ("aws:p5.48xlarge", "H100", 8),
        ("aws:p4d.24xlarge", "A100", 8),
        ("aws:g6f.large", "L4", 0.125),
        ("gcp:a2-ultragpu-2g", "A100-80GB", 2),
        ("gcp:g2-standard-24", "L4", 2),
        ("azure:Standard_NV6ads_A10_v5", "A10", 0.167),
        ("azure:Standard_NC24ads_A100_v4", "A100-PCIE-80GB", 1),
    ],
)
def test_known_accelerators_of_machines(name: str, accelerator: str, count: float) -> None:
    types = CATALOG.instance_types
    row = CATALOG.find_instance_type(name)
    assert CATALOG.accelerators.short[types.accelerator[row]] == accelerator
    assert types.accelerator_count[row] == count


def test_accelerators_are_plausible() -> None:
    units = CATALOG.accelerators
    for column in ("tdp_w", "idle_w", "memory_gb", "bandwidth_gb_per_s", "fp16_tflops"):
        assert (getattr(units, column) > 0).all(), column
    assert (units.idle_w < 0.45 * units.tdp_w).all()
    assert (units.fp16_tflops >= 0.99 * units.fp32_tflops).all()
    assert (units.datasheet != "").all()


@pytest.mark.parametrize(
    ("alias", "tdp_w", "fp16_tflops"),
    [
        ("H100", 700, 989),
        ("v100", 300, 125),
        ("A100", 400, 312),
        ("NVIDIA A100-SXM4-80GB", 400, 312),
    ],
)
def test_datasheet_figures(alias: str, tdp_w: float, fp16_tflops: float) -> None:
    row = CATALOG.find_accelerator(alias)
    assert CATALOG.accelerators.tdp_w[row] == tdp_w
    assert CATALOG.accelerators.fp16_tflops[row] == fp16_tflops


def test_no_alias_means_two_accelerators() -> None:
    units = CATALOG.accelerators
    owner: dict[str, int] = {}
    for row, aliases in enumerate(units.aliases):
        for name in {units.id[row].lower(), units.short[row].lower(), *map(str.lower, aliases)}:
            assert owner.setdefault(name, row) == row, name
            assert CATALOG.find_accelerator(name.upper()) == row


def test_watts_per_thread_are_plausible() -> None:
    kinds = CATALOG.microarchitectures
    recent = (kinds.launch_year == 0) | (kinds.launch_year >= 2009)
    assert ((kinds.idle_w_per_thread > 0.1) & (kinds.idle_w_per_thread < 6))[recent].all()
    assert ((kinds.max_w_per_thread > 1) & (kinds.max_w_per_thread < 15))[recent].all()
    assert (kinds.max_w_per_thread < 80).all()  # one or two cores of 2006 had a server
    assert (kinds.idle_w_per_thread < kinds.max_w_per_thread).all()
    assert ((kinds.relative_error >= 0.2) & (kinds.relative_error <= 1)).all()
    assert ((kinds.machines > 0) == (kinds.basis == "measured")).all()
    assert {"generic x86_64", "generic arm64"} <= set(kinds.id.tolist())


def test_a_derived_kind_is_less_certain_than_a_measured_one() -> None:
    kinds = CATALOG.microarchitectures
    assert kinds.relative_error[np.isin(kinds.basis, ("family", "assumed"))].min() >= 0.35
    assert kinds.relative_error[kinds.basis == "modelled"].min() >= 0.25


def test_newer_server_generations_are_not_absurdly_worse() -> None:
    """Cloud Carbon Footprint's own row of EPYC 5th Gen is four times its 4th: ours is not."""
    kinds = CATALOG.microarchitectures
    watts = dict(zip(kinds.id.tolist(), kinds.max_w_per_thread.tolist(), strict=True))
    assert watts["EPYC 5th Gen"] == pytest.approx(watts["EPYC 4th Gen"], rel=0.5)
    assert watts["Neoverse V1"] != watts["Neoverse V2"] != watts["Neoverse N1"]


def test_offers_agree_with_their_tables() -> None:
    offers = CATALOG.offers
    assert len(offers.region) > 70_000
    regions, types = CATALOG.regions, CATALOG.instance_types
    assert (regions.provider[offers.region] == types.provider[offers.instance_type]).all()
    pairs = offers.region.astype(np.int64) * len(types.id) + offers.instance_type
    assert (np.diff(pairs) > 0).all()  # sorted, no pair twice


def test_a_price_is_positive_or_unknown_and_has_a_source() -> None:
    offers = CATALOG.offers
    assert offers.source_ids[0] == ""
    for price, source in (
        (offers.price_usd_per_h, offers.price_source),
        (offers.spot_usd_per_h, offers.spot_source),
    ):
        known = ~np.isnan(price)
        assert (price[known] > 0).all()
        assert (price[known] < 2000).all()
        assert (known == (source > 0)).all()
    both = ~np.isnan(offers.spot_usd_per_h) & ~np.isnan(offers.price_usd_per_h)
    assert (offers.spot_usd_per_h[both] <= offers.price_usd_per_h[both]).all()


def test_estimated_prices_are_told_from_published_ones() -> None:
    names = set(CATALOG.offers.source_ids.tolist())
    estimated = {name for name in names if "estimated" in name or name == "aws_spot_advisor"}
    assert estimated
    for name in estimated:
        assert CATALOG.sources[name].title.startswith("Estimated")


def test_this_family_of_cpu_is_found_behind_a_hidden_name() -> None:
    tables = read_cpu_tables(DATA)
    found = resolve_cpu("AMD EPYC", vendor="AuthenticAMD", family=25, model=17, tables=tables)
    assert found.microarchitecture.name == "EPYC 4th Gen"
    found = resolve_cpu("", vendor="ARM", family=0x41, model=0xD4F, tables=tables)
    assert found.microarchitecture.name == "Neoverse V2"


@pytest.mark.parametrize(
    ("name", "microarchitecture"),
    [
        ("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz", "Ice Lake"),
        ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", "Broadwell"),
        ("AMD EPYC 9654 96-Core Processor", "EPYC 4th Gen"),
        ("AMD EPYC 7R13 Processor", "EPYC 3rd Gen"),
        ("Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz", "Coffee Lake"),
        ("AMD Ryzen 7 5800X 8-Core Processor", "Zen 3 client"),
        ("Apple M4 Max", "Apple M4"),
        ("Neoverse-V1", "Neoverse V1"),
        ("AMD EPYC 9845 160-Core Processor", "EPYC 5th Gen dense"),
        ("Intel(R) Xeon(R) 6787P", "Granite Rapids"),
    ],
)
def test_cpus_are_found_by_the_names_that_machines_give(name: str, microarchitecture: str) -> None:
    found = resolve_cpu(name, tables=read_cpu_tables(DATA))
    assert found.how == "model"
    assert found.microarchitecture.name == microarchitecture


def test_every_cpu_table_names_known_kinds_only() -> None:
    kinds = set(CATALOG.microarchitectures.id.tolist())
    for name in ("cpu_models", "cpuid"):
        assert {row["microarchitecture"] for row in table(name)} <= kinds
    for row in table("cpuid"):
        assert int(row["model_min"], 0) <= int(row["model_max"], 0)


def test_every_cpu_model_can_be_looked_up_by_its_name() -> None:
    for row in table("cpu_models"):
        assert row["lookup_name"] == normalized_cpu_name(row["cpu_model"])


def test_figures_that_were_not_measured_say_what_they_are_derived_from() -> None:
    kinds = CATALOG.microarchitectures
    for name, basis, note in zip(
        kinds.id.tolist(), kinds.basis.tolist(), kinds.note.tolist(), strict=True
    ):
        from_servers = re.fullmatch(r"median of \d+ servers|one server", note) is not None
        assert from_servers == (basis == "measured"), name
        assert (" × the idle and " in note) == (basis in {"family", "assumed"}), name
        assert ("by the power model" in note) == (basis == "modelled"), name
