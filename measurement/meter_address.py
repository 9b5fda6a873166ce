"""How a meter is written: file:PATH, command:PROGRAM …, http://HOST/PATH, each with #where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.meter_reading import places_named
from carbon_advisor.measurement.redaction import redacted

if TYPE_CHECKING:
    from carbon_advisor.measurement.meter_reading import Place

Kind = Literal["file", "command", "http"]


@dataclass(frozen=True, slots=True)
class MeterAddress:
    """Where a meter is and where in its answer the figures stand.

    Attributes:
        target: a path; a URL, perhaps with user and password; or program and arguments.
        places: none where the answer is of a known shape.
        shown: the same for people, without anything that could be secret.
    """

    kind: Kind
    target: tuple[str, ...] = field(repr=False)
    places: tuple[Place, ...]
    shown: str


def meter_address(text: str) -> MeterAddress:
    """Return what a meter's text means.

    Raises:
        InputError: nothing that we know.
    """
    text = text.strip()
    kind, _, rest = text.partition(":")
    if kind == "file" and rest.partition("#")[0].removeprefix("//"):
        path, _, where = rest.partition("#")
        path = path.removeprefix("//")
        return MeterAddress("file", (path,), places_named(where), f"file {path}")
    if kind == "command" and rest.strip():
        return _command(rest, text)
    if kind.lower() in {"http", "https"}:
        return _http(text)
    raise _bad(text)


def _command(rest: str, text: str) -> MeterAddress:
    import shlex

    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise _bad(text, f": {error}") from error
    where = words.pop()[1:] if len(words) > 1 and words[-1].startswith("#") else ""
    program = words[0].replace("\\", "/").rpartition("/")[2]
    # Only the program: `ipmitool -P` has no name by which a password would be known.
    return MeterAddress("command", tuple(words), places_named(where), f"command {program}")


def _http(text: str) -> MeterAddress:
    from urllib.parse import unquote, urlsplit

    url, _, where = text.partition("#")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad(text) from error
    if not host or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise _bad(text)
    at = f"[{host}]" if ":" in host else host
    shown = f"{parts.scheme}://{at}{f':{port}' if port else ''}{parts.path}"
    return MeterAddress("http", (url,), places_named(unquote(where)), redacted([shown])[0])


def _bad(text: str, why: str = "") -> InputError:
    shown = redacted([text])[0]
    if "://" in shown and "@" in shown:  # whatever it is, no part of it that could be a password
        shown = f"{shown.partition('://')[0]}://…"
    return InputError(
        "a meter is file:PATH, command:PROGRAM ARGUMENTS, or http://HOST/PATH, each with #VALUE "
        f"where its answer is of no known shape, not '{shown[:80]}'{why}"
    )
