"""The figures that loggers of experiments get, and which process logs them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from runs_made_up import RUN

from carbon_advisor.measurement.integrations.figures import Figures, logs_here
from carbon_advisor.measurement.ranks import Ranks


def test_power_is_that_since_the_last_time_and_the_mean_at_the_end() -> None:
    figures = Figures()
    first = replace(RUN, state="running", duration_s=2.0)
    assert figures.of(first)["carbon_advisor/power_w"] == pytest.approx(4e-6 * 3.6e6 / 2)
    idle = replace(RUN, state="running", duration_s=6.0)
    assert figures.of(idle)["carbon_advisor/power_w"] == 0
    assert "carbon_advisor/power_w" not in figures.of(idle)  # no time has passed
    assert figures.of(RUN)["carbon_advisor/power_w"] == pytest.approx(4e-6 * 3.6e6 / 10)


def test_what_is_not_known_is_not_logged() -> None:
    unknown = replace(RUN, energy=(), identity=replace(RUN.identity, place=None))
    assert set(Figures().of(unknown)) == {
        "carbon_advisor/duration_s",
        "carbon_advisor/cpu_time_s",
        "carbon_advisor/memory_peak_gb",
    }


@pytest.mark.parametrize(
    ("ranks", "logs"),
    [
        (None, True),
        (Ranks("slurm:1"), True),
        (Ranks("torchrun:1", 0, 0, 8), True),
        (Ranks("torchrun:1", 3, 0, 8), False),
    ],
)
def test_of_a_distributed_job_only_rank_zero_logs(ranks: Ranks | None, *, logs: bool) -> None:
    assert logs_here(replace(RUN, identity=replace(RUN.identity, ranks=ranks))) is logs
