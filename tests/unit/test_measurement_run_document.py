"""Tracked runs as documents: nothing is lost on the way, and the schema holds for every run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_advisor.measurement import Tracker
from carbon_advisor.measurement.attribution import ATTRIBUTIONS
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.hardware import Gpu, Hardware
from carbon_advisor.measurement.place import Place
from carbon_advisor.measurement.profile import Component, ComponentEnergy, Method
from carbon_advisor.measurement.ranks import Ranks
from carbon_advisor.measurement.run_document import run_document, run_from_document, run_json
from carbon_advisor.measurement.run_identity import RunIdentity
from carbon_advisor.measurement.run_result import RunResult, State, TaskResult

SCHEMA = json.loads((files("carbon_advisor.data") / "schemas/tracked-run.schema.json").read_text())

amounts = st.floats(0, 1e12, allow_nan=False)
words = st.text(max_size=12)
numbers = st.none() | st.integers(0, 10**6)
names = st.none() | words
moments = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
places = st.builds(Place, words, amounts, st.integers(1990, 2100), st.floats(1, 3))
identities = st.builds(
    RunIdentity,
    id=st.integers(16**31, 16**32 - 1).map("{:x}".format),
    project=words,
    run_name=words,
    started_at=moments,
    interval_s=st.floats(0.01, 3600),
    place=st.none() | places,
    host=words,
    pid=st.integers(1, 2**22),
    command=st.lists(words).map(tuple),
    attribution=st.sampled_from(ATTRIBUTIONS),
    parent_id=names,
    ranks=st.none() | st.builds(Ranks, names, numbers, numbers, numbers),
)
machines = st.builds(
    Hardware,
    cpu_name=words,
    cpu_vendor=words,
    cpu_family=numbers,
    cpu_model_number=numbers,
    microarchitecture=names,
    architecture=words,
    vcpus=st.integers(1, 10_000),
    memory_gb=amounts,
    gpus=st.lists(st.builds(Gpu, words, amounts), max_size=3).map(tuple),
    operating_system=words,
    virtualization=names,
)
parts = st.builds(
    ComponentEnergy,
    component=st.sampled_from(get_args(Component)),
    energy_kwh=amounts,
    machine_energy_kwh=amounts,
    method=st.sampled_from(get_args(Method)),
    source=words,
    relative_error=amounts,
)
runs = st.builds(
    RunResult,
    identity=identities,
    state=st.sampled_from(get_args(State)),
    exit_code=st.none() | st.integers(-255, 255),
    duration_s=amounts,
    cpu_time_s=amounts,
    memory_peak_gb=amounts,
    energy=st.lists(parts, max_size=4).map(tuple),
    hardware=st.none() | machines,
    tasks=st.lists(st.builds(TaskResult, words, amounts, amounts), max_size=3).map(tuple),
    notes=st.lists(words, max_size=3).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(runs)
def test_a_run_comes_back_from_its_document_as_it_was(run: RunResult) -> None:
    text = run_json(run)
    document = json.loads(text)
    assert text.isascii()
    assert document == run_document(run)
    assert run_from_document(document) == run
    jsonschema.validate(document, SCHEMA)


@pytest.fixture
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a real run that has a task and a place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADVISOR_HOME", str(tmp_path_factory.mktemp("home")))
        with Tracker("bert", here="DE", interval_s=0.02) as tracker, tracker.task("epoch"):
            pass
    return run_document(tracker.result)


def test_the_sums_are_those_of_the_parts(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
    total_kwh = sum(part["energy_kwh"] for part in document["components"])
    assert document["energy_kwh"] == pytest.approx(total_kwh)
    place = document["place"]
    with_pue = total_kwh * place["pue"] * place["intensity_g_per_kwh"]
    assert document["emissions_g"] == pytest.approx(with_pue)


def test_what_was_not_measured_is_not_zero(document: dict[str, Any]) -> None:
    run = run_from_document(document | {"components": []})
    empty = run_document(run)
    assert (empty["energy_kwh"], empty["emissions_g"]) == (None, None)
    jsonschema.validate(empty, SCHEMA)


def test_an_older_document_lacks_what_came_later(document: dict[str, Any]) -> None:
    later = ("attribution", "parent_id", "ranks")
    run = run_from_document({name: v for name, v in document.items() if name not in later})
    assert (run.identity.attribution, run.identity.parent_id) == ("proportional", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "carbon-advisor/tracked-run/9"},
        {"id": "../../etc/passwd"},
        {"state": "exploded"},
        {"duration_s": "1"},
        {"duration_s": None},
        {"exit_code": True},
        {"components": [{"component": "cpu"}]},
        {"tasks": [{"name": "epoch"}]},
        {"place": {"zone": "DE"}},
        {"hardware": {"cpu_name": "no more than that"}},
        {"ranks": {"rank": 0, "colour": "red"}},
        {"started_at": "yesterday"},
    ],
)
def test_what_is_no_document_of_ours_is_refused(
    document: dict[str, Any], changes: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"this version reads|no tracked run"):
        run_from_document(document | changes)


def test_a_figure_that_is_none_is_not_written(document: dict[str, Any]) -> None:
    run = run_from_document(document | {"duration_s": 1})
    assert json.loads(run_json(run))["duration_s"] == 1
    object.__setattr__(run, "duration_s", float("nan"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        run_json(run)
