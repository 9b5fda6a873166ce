"""Appends to files that many processes append to: whole lines, one header, nothing torn."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def append(path: Path, line_after: Callable[[str], str | None]) -> None:
    """Append one line to a file; its folder is made.

    Args:
        path: a file that may not exist yet.
        line_after: given the file's first line ("" for a new file) returns the text to append; None
            if nothing of the kind can be appended to it: the file is then kept as NAME.bak (or
            NAME_0.bak, …), and a new one begun.

    Raises:
        OSError: it cannot be written; what was there before stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with _locked(path) as descriptor:
            if not _is_at(path, descriptor):
                continue  # another process has set it aside meanwhile
            text = line_after(_first_line(path))
            if text is not None:
                _write_whole(descriptor, text, path)
                return
            path.rename(_name_aside(path))


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        if sys.platform != "win32":
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return file.readline().rstrip("\r\n")


def _write_whole(descriptor: int, text: str, path: Path) -> None:
    """Write all of it or nothing, on a line of its own."""
    size = os.fstat(descriptor).st_size
    content = text.encode("utf-8", "replace")
    if size and not _ends_a_line(path):
        content = b"\n" + content
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError("the disk is full")
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _name_aside(path: Path) -> Path:
    aside, number = path.with_name(f"{path.name}.bak"), 0
    while aside.exists():
        aside, number = path.with_name(f"{path.name}_{number}.bak"), number + 1
    return aside


def replace_file(path: Path, text: str) -> None:
    """Write a file in one step, readable for all that the umask allows; its folder is made.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
