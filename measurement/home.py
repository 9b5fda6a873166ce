"""The user's folder: where the ledger and config.toml are, and the proof that it can be written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from carbon_advisor.measurement.errors import StorageError

APPLICATION = "carbon-advisor"
_ROOM_BYTES = 256 * 1024  # a new ledger with its write-ahead log and index takes about 150 KiB


def home_folder() -> Path:
    """Return the folder that ADVISOR_HOME names, else the platform's place for user data.

    Nothing is created.
    """
    named = os.environ.get("ADVISOR_HOME")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path(APPLICATION, appauthor=False)


def prove_writable(folder: Path) -> None:
    """Create `folder` if it is missing and write 256 KiB to a nameless file in it.

    Raises:
        StorageError: read-only, full, or something else is in its place; nothing is left behind.
    """
    import tempfile  # slow to import, and a tracker only needs the folder's name

    missing: list[Path] = []
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(_ROOM_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except (OSError, ValueError) as error:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        in_place = isinstance(error, FileExistsError)
        reason = "a file is in its place" if in_place else getattr(error, "strerror", None) or error
        raise StorageError(
            f"cannot write in the folder {folder}: {reason}; "
            "set ADVISOR_HOME to a folder that can be written and has room"
        ) from error
