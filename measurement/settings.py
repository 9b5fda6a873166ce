"""Settings of the user: ADVISOR_* variables first, then config.toml in the advisor's folder."""

from __future__ import annotations

import os

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.home import home_folder

KNOWN_KEYS = (
    "attribution",
    "here",
    "interval_s",
    "meter",
    "outputs",
    "project",
    "pue",
    "run_name",
)


def setting(key: str) -> str | None:
    """Return the setting `key`, one of KNOWN_KEYS, or None where it is not set.

    A list in config.toml is returned as it would stand in a variable, with commas.

    Raises:
        InputError: config.toml is not readable, not TOML, or has a key that we do not know.
    """
    from_environment = os.environ.get(f"ADVISOR_{key.upper()}")
    if from_environment:
        return from_environment
    path = home_folder() / "config.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    import tomllib  # only where there is a file

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error
    unknown = sorted(set(values) - set(KNOWN_KEYS))
    if unknown:
        raise InputError(f"{path}: unknown key '{unknown[0]}'; known: {', '.join(KNOWN_KEYS)}")
    value = values.get(key)
    if isinstance(value, list):
        return ",".join(map(str, value))
    return None if value is None else str(value)
