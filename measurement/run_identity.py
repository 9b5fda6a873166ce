"""Who a run is: its id, what it belongs to, where and how it is measured; fixed when it starts."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carbon_advisor.measurement.attribution import DEFAULT_ATTRIBUTION, attribution_named
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.ranks import ranks_here
from carbon_advisor.measurement.settings import setting

if TYPE_CHECKING:
    from carbon_advisor.measurement.attribution import Attribution
    from carbon_advisor.measurement.place import Place
    from carbon_advisor.measurement.ranks import Ranks

DEFAULT_INTERVAL_S = 1.0
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 0.01, 3600.0


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What is known of a run before its first sample.

    Attributes:
        id: unique, 32 hexadecimal digits; the journal's name.
        started_at: UTC.
        interval_s: between samples.
        place: where it runs; None where nobody said so.
        host: the machine's name.
        pid: of the process that measures.
        command: program and arguments without secrets; empty for a tracker inside a program.
        attribution: the rule by which the machine's energy is shared out.
        parent_id: of the run that counts this one's energy too; a sum over runs takes one of them.
        ranks: which part of a distributed job this is; None for a job of its own.
    """

    id: str
    project: str
    run_name: str
    started_at: datetime
    interval_s: float
    place: Place | None
    host: str
    pid: int
    command: tuple[str, ...] = ()
    attribution: Attribution = "proportional"
    parent_id: str | None = None
    ranks: Ranks | None = None

    @property
    def group_id(self) -> str | None:
        """The distributed job's, the same on all its machines; None for a job of its own."""
        return None if self.ranks is None else self.ranks.group_id


def new_identity(
    project: str | None = None,
    run_name: str | None = None,
    interval_s: float | None = None,
    here: str | None = None,
    command: tuple[str, ...] = (),
    run_id: str | None = None,
    attribution: str | None = None,
) -> RunIdentity:
    """Return the identity of a run that starts now; what is None comes from the settings.

    Raises:
        InputError: the interval is out of range, there is no such attribution, or the settings
            cannot be read.
        UnknownNameError: there is no such place.
    """
    run_id = run_id or os.urandom(16).hex()
    return RunIdentity(
        id=run_id,
        project=project or setting("project") or "default",
        run_name=run_name or setting("run_name") or run_id[:8],
        started_at=datetime.now(UTC),
        interval_s=_interval(interval_s),
        place=_place(here or setting("here")),
        host=host_name(),
        pid=os.getpid(),
        command=command,
        attribution=attribution_named(attribution or setting("attribution") or DEFAULT_ATTRIBUTION),
        ranks=ranks_here(os.environ),
    )


def host_name() -> str:
    """Return this machine's name."""
    # uname is 8 µs; the module socket costs 8 ms to import
    return os.uname().nodename if hasattr(os, "uname") else platform.node()


def _place(name: str | None) -> Place | None:
    if not name:
        return None
    from carbon_advisor.measurement.place import place_of

    return place_of(name)


def _interval(given: float | None) -> float:
    """Return the interval that was given, set or is usual, in seconds."""
    text = str(given) if given is not None else setting("interval_s") or str(DEFAULT_INTERVAL_S)
    try:
        interval_s = float(text)
    except ValueError:
        interval_s = float("nan")
    if not SHORTEST_INTERVAL_S <= interval_s <= LONGEST_INTERVAL_S:
        raise InputError(
            f"interval_s is a number of seconds from {SHORTEST_INTERVAL_S:g} to "
            f"{LONGEST_INTERVAL_S:g}, not {text}"
        )
    return interval_s
