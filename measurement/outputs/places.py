"""The file that an output's target names, for one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.needs import need_target

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult


def file_target(target: str, name: str, what: str) -> str:
    """Return the full path of an output's file: the program may change its folder later.

    Raises:
        InputError: it is empty.
    """
    return str(Path(need_target(target, name, what)).expanduser().absolute())


def file_of(target: str, run: RunResult) -> Path:
    """Return the path with "{id}" and "{rank}" replaced; a run without a rank has rank 0."""
    ranks = run.identity.ranks
    rank = 0 if ranks is None or ranks.rank is None else ranks.rank
    return Path(target.replace("{id}", run.id).replace("{rank}", str(rank)))
