"""What a job used: power sources, the sampler, the profile, the tracker.

Imports nothing of ours but data, and stays light: the names below are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carbon_advisor.measurement.decorator import track
    from carbon_advisor.measurement.run_result import RunResult
    from carbon_advisor.measurement.tracker import Tracker

__all__ = ["RunResult", "Tracker", "track"]

_HOMES = {"RunResult": "run_result", "Tracker": "tracker", "track": "decorator"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
