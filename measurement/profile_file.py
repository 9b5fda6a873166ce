"""Profiles as JSON files: written whole or not at all, and believed only after every field fits."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.errors import InputError, ProfileError
from carbon_advisor.measurement.profile_validation import InvalidFieldError, profile_from

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Profile

SCHEMA = "carbon-advisor/profile/1"
LARGEST_BYTES = 64_000_000


def read_profile(path: Path) -> Profile:
    """Read and validate a profile.

    Raises:
        ProfileError: in one line, the file, the field and what was expected of it.
    """
    text = _read_text(path)
    try:
        document = json.loads(text, object_pairs_hook=_object_without_repeats)
    except json.JSONDecodeError as error:
        cut = " (is the file cut off?)" if error.pos >= len(text.rstrip()) - 1 else ""
        where = f"line {error.lineno} column {error.colno}"
        raise ProfileError(f"{path}: not valid JSON at {where}: {error.msg}{cut}") from error
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"{path}: not valid JSON: {_one_line(str(error))}") from error
    if not isinstance(document, dict):
        raise ProfileError(f"{path}: expected a JSON object, the profile")
    schema = document.pop("schema", None)
    if schema != SCHEMA:
        found = "is missing" if schema is None else f"is {_one_line(repr(schema))}"
        raise ProfileError(f"{path}: schema {found}; this version reads '{SCHEMA}'")
    try:
        return profile_from(document)
    except InvalidFieldError as error:
        raise ProfileError(f"{path}: {_one_line(str(error))}") from error


def write_profile(profile: Profile, path: Path) -> None:
    """Write a profile in place of what is there, in one step: no reader sees half a file.

    Raises:
        InputError: it cannot be written there.
    """
    text = profile_json(profile)
    try:
        if path.exists() and not path.is_file():  # /dev/stdout and the like are not replaced
            path.write_text(text, encoding="utf-8")
        else:
            _replace(path.resolve(), text)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def check_writable(path: Path) -> None:
    """Find out before a long job that its profile can be written.

    Raises:
        InputError: it is a folder, or its folder is missing or refuses.
    """
    folder = path.resolve().parent
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: the folder {folder} does not exist")
    target = path if path.exists() and not path.is_file() else folder
    if not os.access(target, os.W_OK):
        raise InputError(f"cannot write {path}: no permission")


def profile_json(profile: Profile) -> str:
    """Return the file's text: indented for people, lists of numbers on one line each."""
    return _rendered({"schema": SCHEMA, **profile_document(profile)}, "") + "\n"


def profile_document(profile: Profile) -> dict[str, Any]:
    """Return the profile as JSON values, without the schema's name."""
    document = asdict(profile)
    document["started_at"] = profile.started_at.isoformat()
    return document


def _rendered(value: Any, indent: str) -> str:
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        members = [f"{deeper}{json.dumps(k)}: {_rendered(v, deeper)}" for k, v in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, (list, tuple)) and any(isinstance(item, (dict, str)) for item in value):
        items = [deeper + _rendered(item, deeper) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # an argument that was not UTF-8 came to us as lone surrogates
        return json.dumps(value, allow_nan=False)
    return text


def _replace(path: Path, text: str) -> None:
    """Write beside the target, then rename; the file's mode follows the umask."""
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except IsADirectoryError as error:
        raise ProfileError(f"{path}: is a folder, not a profile") from error
    except FileNotFoundError as error:
        raise ProfileError(
            f"{path}: no such file; write one with: advisor profile --out {path} -- COMMAND"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ProfileError(f"{path}: cannot be read: {reason}") from error
    if len(content) > LARGEST_BYTES:
        raise ProfileError(f"{path}: larger than {LARGEST_BYTES // 10**6} MB, so not a profile")
    if not content.strip():
        raise ProfileError(f"{path}: not JSON: the file is empty")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: not text in UTF-8 (byte {error.start})") from error


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {repeated!r} is there twice")
    return document


def _one_line(text: str) -> str:
    """No line breaks or control characters, and no more than a message can hold."""
    visible = "".join(c if c.isprintable() else " " for c in text)
    return visible if len(visible) <= 200 else visible[:197] + "..."
