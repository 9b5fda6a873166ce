"""Text of others, made fit for a terminal."""

from __future__ import annotations


def printable(text: str, longest: int) -> str:
    """Return text without characters that a terminal would act on, cut to a length."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
