"""scripts/build_catalog.py: its pure parts, on sources made up here."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from catalog import accelerators, clouds, cpus, files, machine, offers, power, zones  # noqa: E402


def write_rows(path: Path, rows: list[dict[str, object]], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def hourly(years: int, value_of: object) -> pd.DataFrame:
    """A trace whose hours are value_of(time)."""
    utc = pd.date_range("2021-01-01", periods=years * 8760, freq="h")
    return pd.DataFrame({"utc": utc, "ci_lca": [value_of(time) for time in utc]})  # type: ignore[operator]


def test_a_profile_takes_over_the_shape_and_averages_to_one() -> None:
    trace = hourly(2, lambda time: 150.0 if time.hour < 12 else 50.0)
    profile = zones.profile_of(trace)
    assert profile[:, :, :12] == pytest.approx(1.5)
    assert profile[:, :, 12:] == pytest.approx(0.5)
    assert (profile * zones.cell_weights()).sum() == pytest.approx(1.0)


def test_weekends_have_cells_of_their_own() -> None:
    profile = zones.profile_of(hourly(1, lambda time: 40.0 if time.weekday() >= 5 else 100.0))
    assert profile[:, 1] / profile[:, 0] == pytest.approx(0.4)


def test_a_trace_that_follows_its_profile_has_no_residual() -> None:
    trace = hourly(1, lambda time: 100.0 + time.hour)
    assert zones.residual_sd(trace, zones.profile_of(trace)) == pytest.approx(0, abs=1e-6)


def test_the_levels_error_grows_with_its_changes() -> None:
    found = zones.level_sds({"still": [100.0] * 5, "usual": [100, 104, 100, 104, 100],
                             "wild": [100, 200, 100, 200, 100]})  # fmt: skip
    assert found["still"] < found["usual"] < found["wild"] < np.log(2)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz", "Xeon Platinum 8370C"),
        ("Intel Xeon E5-2699v3", "Xeon E5-2699 v3"),
        ("Xeon 8488C", "Xeon Platinum 8488C"),
        ("Intel Xeon 6787P Processor", "Xeon 6787P"),
        ("Intel Xeon 6369P", "Xeon 6369P"),
        ("AMD EPYC 8534P 64-core", "EPYC 8534P"),
        ("Ampere® Altra® 64-Bit Multi-Core Processor Q64-30", "Altra Q64-30"),
        ("3558U", "3558U"),
    ],
)
def test_short_names(name: str, short: str) -> None:
    assert cpus.short_name(name) == short


@pytest.mark.parametrize(
    ("short", "microarchitecture"),
    [
        ("Xeon Platinum 8370C", "Ice Lake"),  # the public list has it in Cascade Lake
        ("Xeon Platinum 8376H", "Cooper Lake"),
        ("Xeon 6780E", "Sierra Forest"),
        ("Xeon E3-1240 v3", "Haswell client"),
        ("EPYC 9754", "EPYC 4th Gen dense"),
        ("Ryzen 5 2400G", "Zen client"),
        ("Core i7-7800X", "Skylake"),
        ("Pentium 4", None),
    ],
)
def test_patterns_of_cpus(short: str, microarchitecture: str | None) -> None:
    assert cpus.Microarchitectures().of(short) == microarchitecture


def test_every_pattern_names_a_microarchitecture_that_has_a_row() -> None:
    known = cpus.Microarchitectures()
    for table in ("cpu_patterns", "cpuid", "families"):
        assert {row["microarchitecture"] for row in files.hand_rows(table)} <= set(known.rows)


def specpower_row(cpu: str, cores: int, chips: int, per_chip: int, max_w: float) -> dict:  # type: ignore[type-arg]
    return {
        "CPU Description": cpu,
        "# Cores": cores,
        "Chips": chips,
        "# Cores Per Chip": per_chip,
        "# Threads Per Core": 2,
        "avg. watts @ 100%": max_w,
        "avg. watts @ active idle": max_w / 4,
        "Total Memory (GB)": 2 if cores > 200 else 192,
    }


def test_cores_counted_twice_are_put_right(tmp_path: Path) -> None:
    rows = [
        specpower_row("AMD EPYC 8534P", 64, 1, 64, 220),
        specpower_row("AMD EPYC 8534P 64-core", 64, 1, 128, 220),  # "128 per chip" is wrong
        specpower_row("AMD EPYC 9965", 192, 2, 192, 800),  # "192 cores" is one chip's
        specpower_row("AMD EPYC 9965", 384, 2, 192, 800),
        specpower_row("AMD EPYC 7601", 64, 2, 32, 1e6),
    ]
    machines, implausible = power.specpower_machines(write_rows(tmp_path / "s.csv", rows))
    assert implausible == 1
    assert [round(found.max_w, 3) for found in machines] == [1.719, 1.719, 1.042, 1.042]
    assert machines[3].memory_gb == pytest.approx(2048 / 768)  # terabytes were meant


def test_names_of_azure_sizes_tell_their_memory() -> None:
    expected = {"Standard_D4s_v7": 16, "Standard_D4lds_v7": 8, "Standard_E4nds_v6": 32}
    for name, memory_gb in expected.items():
        size = clouds.size_by_name(name)
        assert size is not None
        assert (size.vcpus, size.memory_gb) == (4, memory_gb)
    for name in ("Standard_D128s_v7", "Standard_M48s_v3", "Standard_D4as_v7", "Standard_E4-2s_v7"):
        assert clouds.size_by_name(name) is None


def test_whole_cores_have_their_own_watts() -> None:
    finder = machine.CpuFinder(cpus.Microarchitectures())
    plain = machine.Machine("aws", "c7a.large", "c7a", 2, 4, "x86_64", "moto", threads_per_core=1)
    seen = machine.Seen(2, 4, "x86_64", "EPYC 9R14", 2, "c7a", burstable=False, accelerators=0)
    found = finder.complete(plain, seen, "")
    assert found.microarchitecture == "EPYC 4th Gen (one thread per core)"
    assert found.cpu_basis == "known"


def test_an_unknown_family_gets_its_siblings_cpu_or_a_generic_one() -> None:
    finder = machine.CpuFinder(cpus.Microarchitectures())
    plain = machine.Machine("aws", "x99.large", "x99", 2, 4, "x86_64", "moto")
    assert finder.complete(plain, None, "EPYC 9R14").microarchitecture == "EPYC 4th Gen"
    generic = finder.complete(plain, None, "")
    assert (generic.microarchitecture, generic.cpu_basis) == ("generic x86_64", "assumed")


def test_idle_watts_are_the_median_of_idle_readings() -> None:
    readings = [
        {"gpu": "Tesla T4", "draw_w": draw, "util": util}
        for draw, util in (("9", "0 %"), ("11", "0 %"), ("28", "0 %"), ("70", "85 %"), ("", "0 %"))
    ]
    assert accelerators.idle_watts(readings) == {"Tesla T4": 11}


def sources_of_offers(folder: Path) -> Path:
    instances = folder / "instances"
    aws = [
        {"region": "eu-north-1", "type": "m1.a", "usd_h": "0.2", "source": "karpenter"},
        {"region": "eu-north-1", "type": "m1.b", "usd_h": "0", "source": "libcloud2025-03"},
    ]
    write_rows(instances / "aws_prices_merged_draft.csv", aws)
    azure = [
        {"region": place, "sku": "S_1", "usd_h": price}
        for place, price in (("west", 1.0), ("east", 1.1), ("odd", 0.01), ("nowhere", 1.0))
    ]
    write_rows(instances / "azure_ondemand_karpenter.csv", azure)
    gcp = [{"NAME": "n-1", "ZONE": "us-1"}]
    write_rows(instances / "gcp_machinetyperegion.csv", gcp, delimiter=";")
    documents = {
        "moto_offerings_by_region.json": {"eu-north-1": ["m1.a", "m1.b"]},
        "aws_spot_advisor_2025-06.json": {
            "spot_advisor": {"eu-north-1": {"Linux": {"m1.a": {"s": 75}, "m1.b": {"s": 50}}}}
        },
        "gcp_initial_prices_karpenter.json": {
            "prices": {"us-1": {"on_demand": {"n-1": 0.1}, "spot": {"n-1": 0.3}}}
        },
    }
    for name, content in documents.items():
        (instances / name).write_text(json.dumps(content))
    for path in list(instances.iterdir()):
        if path.name != "gcp_machinetyperegion.csv":
            compress(path)
    return folder


def compress(path: Path) -> None:
    import gzip

    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))


def test_offers_keep_what_is_known_of_their_prices(tmp_path: Path) -> None:
    regions = ["aws:eu-north-1", "azure:east", "azure:odd", "azure:west", "gcp:us-1"]
    types = ["aws:m1.a", "aws:m1.b", "azure:S_1", "gcp:n-1"]
    columns, left_out = offers.build_offers(sources_of_offers(tmp_path), regions, types)
    rows = list(zip(columns["region"], columns["instance_type"], strict=True))
    assert rows == [(0, 0), (0, 1), (1, 2), (2, 2), (3, 2), (4, 3)]
    price, spot = columns["price_usd_per_h"], columns["spot_usd_per_h"]
    assert price == pytest.approx([0.2, np.nan, 1.1, np.nan, 1.0, 0.1], nan_ok=True)
    assert spot == pytest.approx([0.05] + [np.nan] * 5, nan_ok=True)  # GCP's was above on demand
    assert columns["sources"][columns["price_source"][0]] == "karpenter_aws"
    assert columns["sources"][columns["spot_source"][0]] == "aws_spot_advisor"
    assert columns["sources"][columns["price_source"][1]] == ""
    assert left_out == {
        "offers in a region without a row": 1,
        "offers of a type without a row": 0,
        "prices below a fifth of the type's median": 1,
    }


def test_tables_and_arrays_are_written_alike_every_time(tmp_path: Path) -> None:
    table = files.Table("t", ("a", "b", "c"), [{"a": 0.1 + 0.2, "b": None, "c": True}])
    written = []
    for run in ("one", "two"):
        folder = tmp_path / run
        folder.mkdir()
        files.write_table(folder, table)
        files.write_arrays(folder / "x.npz", {"x": np.arange(1000)}, compress=True)
        written.append([(folder / name).read_bytes() for name in ("t.csv", "x.npz")])
    assert written[0] == written[1]
    assert written[0][0] == b"a,b,c\n0.3,,1\n"
    assert (np.load(tmp_path / "one" / "x.npz")["x"] == np.arange(1000)).all()
