"""`--output` and ADVISOR_OUTPUTS of `advisor track` and `advisor run`, through the command."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Advisor, Conforms


def test_track_writes_what_it_is_told(advisor: Advisor, conforms: Conforms, tmp_path: Path) -> None:
    done = advisor(
        "track", "--project", "p", "--output", "jsonl:runs.jsonl", "--output",
        "codecarbon:emissions.csv", "--here", "DE", "--", "sleep", "0.2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = (tmp_path / "runs.jsonl").read_text().splitlines()
    document = json.loads(line)
    conforms(document, "tracked-run")
    assert (document["project"], document["state"]) == ("p", "finished")
    (row,) = csv.DictReader((tmp_path / "emissions.csv").read_text().splitlines())
    assert float(row["emissions"]) * 1000 == document["emissions_g"]
    assert float(row["duration"]) == document["duration_s"]


def test_what_codecarbons_columns_say_can_be_imported_again(
    advisor: Advisor, tmp_path: Path
) -> None:
    assert advisor("track", "--output", "codecarbon:e.csv", "--", "sleep", "0.2").returncode == 0
    listed = json.loads(advisor("runs", "--json").stdout)["runs"]
    assert advisor("ledger", "import", "e.csv").returncode == 0
    assert len(json.loads(advisor("runs", "--json").stdout)["runs"]) == 1  # it is known already
    (tmp_path / "home" / "ledger.sqlite").unlink()
    imported = advisor("ledger", "import", "e.csv")
    assert imported.returncode == 0, imported.stderr
    again = json.loads(advisor("runs", "--json").stdout)["runs"]
    assert abs(again[0]["energy_kwh"] - listed[0]["energy_kwh"]) < 1e-12


def test_run_writes_what_it_is_told(advisor: Advisor, cpu_profile: Path, tmp_path: Path) -> None:
    done = advisor("run", cpu_profile, "--output", "json:run.json", "--here", "DE", "--", "true")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "finished"


def test_an_unknown_output_is_said_before_anything_runs(
    advisor: Advisor, cpu_profile: Path, tmp_path: Path
) -> None:
    for command in (("track",), ("run", cpu_profile)):
        done = advisor(*command, "--output", "jsnl:x", "--", "touch", "ran")
        assert done.returncode == 2
        assert "jsonl" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "ran").exists()
    assert json.loads(advisor("runs", "--json").stdout)["runs"] == []
