"""The folder in which every live run of this machine keeps a locked file: what it holds.

All users share it as they share /tmp, so nothing in it is trusted beyond a name and two numbers.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from carbon_advisor.measurement.held_share import HeldShare, Holding

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER_VARIABLE = "ADVISOR_CLAIMS_FOLDER"
# Not TMPDIR: many schedulers make that a job's own, and this is the whole machine's.
_DEFAULT_FOLDER = "/tmp/carbon-advisor-claims"  # noqa: S108 - shared on purpose, see `_opened`
# Run, its parent or 0, namespace and number of the process that measures.
_NAME = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32}|0)\.(\d{1,20})\.(\d{1,10})")
_PASSING_NAME = re.compile(r"\.[0-9a-f]{32}")
_CONTENT = re.compile(rb"([01]\.\d{6}) ([01]\.\d{6})\n")
_CONTENT_BYTES = 32
_MOST_CLAIMS = 1000
_PASSING_S = 60.0
_NO_TRAPS = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
)


class ClaimsFolder:
    """The folder, kept open.

    Raises:
        OSError: it cannot be made or opened, or this system has no such locks.
    """

    def __init__(self) -> None:
        self.unreadable = 0  # claims that another user keeps to himself
        self.descriptor = _opened(os.environ.get(FOLDER_VARIABLE) or _DEFAULT_FOLDER)

    def changed_ns(self) -> int:
        """Return when a claim last came or went, on the clock of the file system."""
        return os.fstat(self.descriptor).st_mtime_ns

    def live(self) -> list[Holding]:
        """Return the claims whose lock is held; those of ended runs are removed."""
        return list(self._live())

    def add(self, claim: Holding) -> tuple[str, int]:
        """Write a claim; return its name and the descriptor that holds its lock.

        It is written under a passing name, so that nobody finds it before it is locked.
        """
        space, pid = claim.process
        name = f"{claim.run_id}.{claim.parent_id or 0}.{space}.{pid}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_TRAPS
        file = os.open(f".{claim.run_id}", flags, 0o644, dir_fd=self.descriptor)
        try:
            os.fchmod(file, 0o644)  # whatever the umask: other users are to read it
            if not _lock(file, exclusive=True):
                raise OSError("its file is locked by somebody else")
            os.write(file, b"%.6f %.6f\n" % (claim.held.threads, claim.held.memory))
            os.rename(
                f".{claim.run_id}", name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor
            )
        except OSError:
            os.close(file)
            self.remove(f".{claim.run_id}")
            raise
        return name, file

    def remove(self, name: str) -> None:
        """Remove a claim, where this user may."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self.descriptor)

    def close(self) -> None:
        """Close the folder."""
        os.close(self.descriptor)

    def _live(self) -> Iterator[Holding]:
        self.unreadable = 0
        for name in os.listdir(self.descriptor)[:_MOST_CLAIMS]:  # noqa: PTH208 - a descriptor
            match = _NAME.fullmatch(name)
            if match is None and not _PASSING_NAME.fullmatch(name):
                continue
            try:
                content = self._locked_content(name)
            except FileNotFoundError:
                continue
            except OSError:
                self.unreadable += 1
                continue
            numbers = _CONTENT.fullmatch(content)
            if match and numbers:
                yield Holding(
                    run_id=match[1],
                    parent_id=None if match[2] == "0" else match[2],
                    process=(int(match[3]), int(match[4])),
                    held=HeldShare(*(min(1.0, float(number)) for number in numbers.groups())),
                )

    def _locked_content(self, name: str) -> bytes:
        """Return what a file says; nothing, and remove it, if nobody holds its lock."""
        file = os.open(name, os.O_RDONLY | _NO_TRAPS, dir_fd=self.descriptor)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return b""
            if name.startswith(".") and time.time() - status.st_mtime < _PASSING_S:
                return b""  # its owner is about to lock it: our lock would be in the way
            if _lock(file, exclusive=False):
                self.remove(name)
                return b""
            return os.read(file, _CONTENT_BYTES)
        finally:
            os.close(file)


def _opened(path: str) -> int:
    """Return a descriptor of the folder, which is made for all users if it is missing."""
    if sys.platform == "win32":
        raise OSError("this system has no locks for it")
    made = False
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)  # noqa: PTH102 - what follows needs descriptors
        made = True
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _NO_TRAPS)
    if made:
        os.fchmod(descriptor, 0o1777)  # as /tmp: all may write, and remove only their own
    return descriptor


def _lock(file: int, *, exclusive: bool) -> bool:
    """Try to lock a file; False if somebody else holds its lock."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
