"""The logging output: a line at begin and end, one per sample for who wants them."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from runs_made_up import RUN

from carbon_advisor.measurement.outputs.log import Log

if TYPE_CHECKING:
    import pytest


def test_lines_say_who_what_and_how_it_was_obtained(caplog: pytest.LogCaptureFixture) -> None:
    running = replace(RUN, state="running", energy=(), duration_s=0.0)
    output = Log()
    with caplog.at_level(logging.INFO, "carbon_advisor"):
        output.started(running)
        output.sampled(RUN)
        output.ended(RUN)
    assert [record.getMessage() for record in caplog.records] == [
        "run 01234567 (bert/lr-3e-4) started",
        "run 01234567 (bert/lr-3e-4) finished: 10.0 s, 4 mWh mixed, 0.00192 gCO2eq",
    ]
    last = caplog.records[-1].__dict__
    assert (last["run_id"], last["energy_kwh"]) == (RUN.id, RUN.energy_kwh)


def test_samples_are_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "carbon_advisor"):
        Log().sampled(replace(RUN, state="running", energy=(), duration_s=3.0))
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.DEBUG,
        "run 01234567 (bert/lr-3e-4) sampled: 3.0 s",
    )
