"""Who a run is: attribution, launcher and parent come from the settings and are journalled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement import Tracker
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.ranks import Ranks
from carbon_advisor.measurement.recovery import journalled_runs
from carbon_advisor.measurement.run_identity import new_identity

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ADVISOR_ATTRIBUTION", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_attribution_is_given_set_or_proportional(monkeypatch: pytest.MonkeyPatch) -> None:
    assert new_identity().attribution == "proportional"
    monkeypatch.setenv("ADVISOR_ATTRIBUTION", "full")
    assert new_identity().attribution == "full"
    assert new_identity(attribution="marginal").attribution == "marginal"
    with pytest.raises(InputError, match="full, proportional or marginal, not 'fair'"):
        new_identity(attribution="fair")


def test_the_journal_keeps_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "7", "SLURM_PROCID": "1", "SLURM_LOCALID": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ADVISOR_ATTRIBUTION", "marginal")
    with Tracker() as tracker:
        pass
    (kept,) = journalled_runs(home)
    assert kept.identity == tracker.result.identity
    assert kept.identity.ranks == Ranks("slurm:7", 1, 1, None)
    assert (kept.identity.group_id, kept.identity.attribution) == ("slurm:7", "marginal")


def test_a_journal_from_before_these_fields_is_read(home: Path) -> None:
    with Tracker():
        pass
    (path,) = (home / "journal").iterdir()
    header, *rest = path.read_text().splitlines()
    fields = json.loads(header)
    older = {key: fields[key] for key in fields if key not in {"attribution", "parent_id", "ranks"}}
    path.write_text("\n".join([json.dumps(older), *rest, ""]))
    (kept,) = journalled_runs(home)
    assert (kept.identity.attribution, kept.identity.parent_id) == ("proportional", None)
    assert (kept.identity.ranks, kept.identity.group_id) == (None, None)
