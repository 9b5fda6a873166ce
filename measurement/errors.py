"""Every error that carbon-advisor raises on purpose.

AdvisorError                 something went wrong; exit code 1
└── InputError               what the user gave cannot be used; exit code 2
    ├── ProfileError         a profile file is missing, truncated or wrong in a field
    ├── UnknownNameError     no such region, instance type, zone or accelerator; names the nearest
    ├── ConstraintError      no candidate is left; says which constraint excluded the last one
    └── StorageError         the ledger or its folder cannot be used (read-only, full, corrupt)

Messages are one line, say what is wrong and what to do, and carry no secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


FEW = 8  # names that fit a line: where none is near, all are shown


class AdvisorError(Exception):
    """Base of every error raised on purpose; its message is fit to be shown as it is."""

    exit_code = 1


class InputError(AdvisorError):
    """What the user gave cannot be used."""

    exit_code = 2


class ProfileError(InputError):
    """A profile file is missing, truncated or wrong in a field that the message names."""


class UnknownNameError(InputError):
    """No such name among the known ones; the message names the nearest.

    Args:
        kind: what was looked for, e.g. "region".
        name: what the user wrote.
        known: every name that would have been understood.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        every = list(known)
        self.nearest = nearest_names(name, every)
        hint = f"; nearest known: {', '.join(self.nearest)}" if self.nearest else ""
        if every and not hint and len(every) <= FEW:
            hint = f"; known: {', '.join(every)}"
        super().__init__(f"unknown {kind} '{name}'{hint}")


class ConstraintError(InputError):
    """The constraints leave no candidate."""


class StorageError(InputError):
    """The ledger or the folder that holds it cannot be used."""


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` known names closest to `name`, ignoring case, best first."""
    from difflib import get_close_matches

    by_lower: dict[str, str] = {}
    for candidate in known:
        by_lower.setdefault(candidate.lower(), candidate)
    matches = get_close_matches(name.lower(), by_lower, n=count, cutoff=0.5)
    return [by_lower[match] for match in matches]
