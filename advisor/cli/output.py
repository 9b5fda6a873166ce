"""What goes to the screen: JSON, and a console that fits 100 columns."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from carbon_advisor.advisor.ledger.current import Current

WIDTH = 100


def print_json(value: dict[str, Any]) -> None:
    """Print JSON on stdout; NaN is a programming error here, not output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def console(*, stderr: bool = False) -> Console:
    """Return a console at most 100 columns wide, whatever the terminal."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if made.width > WIDTH or not made.is_terminal:
        made.width = WIDTH
    return made


def tell_of_journals(current: Current) -> None:
    """Say on stderr what of the journals is not in the ledger."""
    for line in current.notes():
        sys.stderr.write(f"advisor: {line}\n")
