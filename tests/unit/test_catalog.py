"""The bundled catalogue: whole, each figure with a source, found by name, refused when corrupt."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.catalog import Catalog, bundled_directory, load_catalog
from carbon_advisor.measurement.errors import AdvisorError, UnknownNameError

DATA = bundled_directory()
CATALOG = load_catalog()


def table(name: str) -> list[dict[str, str]]:
    """The rows of a bundled CSV file."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def region(name: str) -> int:
    return CATALOG.find_region(name)


def test_the_manifest_counts_and_hashes_every_file() -> None:
    files = json.loads((DATA / "manifest.json").read_text("utf-8"))["files"]
    on_disk = {path.name for path in DATA.iterdir() if path.suffix in {".csv", ".npz", ".json"}}
    assert set(files) == on_disk - {"manifest.json"}
    for name, entry in files.items():
        assert entry["sha256"] == hashlib.sha256((DATA / name).read_bytes()).hexdigest(), name
        if name.endswith(".csv"):
            assert entry["rows"] == len(table(name.removesuffix(".csv"))), name
    assert files["offers.npz"]["rows"] == len(CATALOG.offers.region)


def test_every_source_that_a_row_names_is_known() -> None:
    for path in DATA.glob("*.csv"):
        if path.stem == "sources":
            continue
        for row in table(path.stem):
            for column, value in row.items():
                if value and (column == "source" or column.endswith("_source")):
                    assert value in CATALOG.sources, (path.name, column, value)
    used = {name for name in CATALOG.offers.source_ids.tolist() if name}
    assert used <= set(CATALOG.sources)


def test_load_shape_rises_from_0_to_1() -> None:
    utilization, modes = CATALOG.load_shape
    assert utilization.tolist() == pytest.approx([step / 10 for step in range(11)])
    assert modes[0, 0] == 0
    assert modes[0, -1] == 1
    assert (np.diff(modes[0]) > 0).all()
    assert (modes[1:, [0, -1]] == 0).all()  # a machine's own shape has the same ends


def test_factors_and_equivalents_are_positive() -> None:
    assert {"memory_w_per_gb", "default_pue", "server_lifetime_h", "network_kwh_per_gb"} <= set(
        CATALOG.factors
    )
    for factor in CATALOG.factors.values():
        assert factor.value > 0
        assert 0 < factor.relative_error < 5  # a 90 % interval of ×÷ 6 at the widest
    assert all(entry.g_per_unit > 0 for entry in CATALOG.equivalents)


def test_names_are_found_in_any_case_and_without_a_provider() -> None:
    assert region("EU-North-1") == region("aws:eu-north-1")
    assert CATALOG.find_instance_type("M7G.LARGE") == CATALOG.find_instance_type("aws:m7g.large")
    assert CATALOG.find_zone("se-se3") == CATALOG.find_zone("SE-SE3")


@pytest.mark.parametrize(
    ("find", "name", "nearest"),
    [
        ("find_region", "aws:eu-nort-1", "aws:eu-north-1"),
        ("find_region", "westerope", "westeurope"),
        ("find_instance_type", "m7g.larg", "m7g.large"),
        ("find_zone", "SE-SE33", "SE-SE3"),
        ("find_accelerator", "H1000", "H100"),
        ("countries_in", "EUROP", "EUROPE"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_the_nearest(
    find: str, name: str, nearest: str
) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(nearest)) as caught:
        getattr(CATALOG, find)(name)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@given(st.text(max_size=30))
def test_no_name_at_all_is_anything_but_a_row_or_that_error(name: str) -> None:
    for find in (CATALOG.find_region, CATALOG.find_zone, CATALOG.find_accelerator):
        with contextlib.suppress(UnknownNameError):
            assert find(name) >= 0


@pytest.mark.parametrize("content", [None, b"", b"zone,name\nSE\n", b"\xff\xfe", b"a,b\n1,2\n"])
def test_a_missing_or_corrupt_table_is_one_line_that_names_the_file(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "zones.csv").write_bytes(content)
    with pytest.raises(AdvisorError, match=r"zones\.csv") as caught:
        _ = Catalog(tmp_path).zones
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 but no more"])
def test_missing_or_corrupt_arrays_are_one_line_that_names_the_file(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "offers.npz").write_bytes(content)
    with pytest.raises(AdvisorError, match=r"offers\.npz") as caught:
        _ = Catalog(tmp_path).offers
    assert "\n" not in str(caught.value)


def test_the_catalogue_is_loaded_once_and_without_pandas() -> None:
    assert load_catalog() is load_catalog()
    code = (
        "import sys; from carbon_advisor.advisor.catalog import load_catalog;"
        "load_catalog().instance_types; print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
