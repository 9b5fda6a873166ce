"""Runs a command as a job and accounts for all of it, children that came and went included.

On Linux it gives the job a control group where it may, and becomes its subreaper, so that
daemonised processes come back to it at the end.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from carbon_advisor.measurement.cgroup_job import job_group
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.process_tree import JobUsage, process_tree
from carbon_advisor.measurement.signal_forwarding import forwarded_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from resource import struct_rusage
    from types import TracebackType

    from carbon_advisor.measurement.cgroup_job import JobGroup

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_POLL_S = 0.05  # where nothing wakes us: orphans, and systems without pidfd
_LEAVING_S = 0.5  # Python's resource trackers end a moment after the program they served
_GRACE_S = 10.0  # between asking the job to end and making it end, if we fail ourselves


class Supervisor:
    """One command under supervision, started on entering the context.

    While it is entered, SIGINT, SIGTERM and SIGHUP go to the job, and every new child of this
    process is taken for the job's: start no other.

    Args:
        command: program and arguments.
        environment: of the job; this process's own if None.
        stdout: a file descriptor for the job's standard output; inherited if None.
        wait_for_all: the job ends with its last process, daemonised ones included, and not with
            the command itself (Linux only); a signal ends the waiting and not the processes.
        on_waiting: called once with the number of processes that are waited for, where that takes
            longer than a moment.

    Raises:
        InputError: on entering, the command cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdout: int | None = None,
        wait_for_all: bool = False,
        on_waiting: Callable[[int], None] | None = None,
    ) -> None:
        self.exit_code: int | None = None  # 128 + n after signal n, as a shell says it
        self._command = list(command)
        self._environment = environment
        self._stdout = stdout
        self._wait_for_all = wait_for_all
        self._on_waiting = on_waiting
        self._ended_at_s = 0.0
        self._tree = process_tree()
        self._process: subprocess.Popen[bytes] | None = None
        self._pid_descriptor: int | None = None
        self._children_before: set[int] = set()
        self._early_signals: list[int] = []
        self._ended_cpu_s = 0.0
        self._seen_cpu_s = 0.0
        self._ended_peak_bytes = 0
        self._group: JobGroup | None = None
        self._is_ready = self._grouped = False
        self._notes: list[str] = []
        self._cleanup = ExitStack()

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Do beforehand what takes time, some 10 ms, so that a start within it is immediate."""
        self._is_ready = True
        self._group = _entered_group()
        try:
            yield
        finally:
            self._leave_group()
            self._close_group()

    def __enter__(self) -> Supervisor:
        with ExitStack() as stack:
            if not self._is_ready:
                stack.enter_context(self.ready())
            self._children_before = set(self._tree.children(os.getpid()))
            stack.enter_context(forwarded_signals(self.send_signal, self._stop_waiting))
            _become_subreaper(stack)
            self._process = _start(self._command, self._environment, self._stdout)
            self._leave_group()
            if hasattr(os, "pidfd_open"):
                with suppress(OSError):
                    self._pid_descriptor = os.pidfd_open(self._process.pid)
                    stack.callback(os.close, self._pid_descriptor)
            for number in self._early_signals:
                self.send_signal(number)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._cleanup:
            if self.exit_code is None:  # we fail while the job runs: it is not left alone
                self.send_signal(15)
                self._wait_for_all = False
                if not self.wait(_GRACE_S):
                    self.send_signal(9)
                    self.wait(_GRACE_S)

    @property
    def largest_process_bytes(self) -> int:
        """Peak resident bytes of the largest process that has ended; 0 if not known.

        The kernel starts a process with its parent's peak, so a figure up to ours tells nothing.
        """
        return self._ended_peak_bytes if self._ended_peak_bytes > _own_peak_bytes() else 0

    def send_signal(self, number: int) -> None:
        """Send a signal to the command; nothing happens once it has ended."""
        if self._process is None:
            self._early_signals.append(number)
        elif self.exit_code is None:  # not waited for, so the number cannot be another process's
            with suppress(OSError):
                os.kill(self._process.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the job to end, at most so many seconds; say whether it has."""
        deadline_s = time.monotonic() + timeout_s
        if self.exit_code is None:
            self._wait_for_command(timeout_s)
        while self.exit_code is not None and self._wait_for_all and (alive := self._living()):
            self._tell_of_waiting(len(alive))
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(left_s, _POLL_S))
        return self.exit_code is not None

    def usage(self) -> JobUsage:
        """Return what the job has used so far; its CPU time never goes back."""
        roots = self._living_orphans()
        if self._process is not None and self.exit_code is None:
            roots.append(self._process.pid)
        tree = self._tree.read(roots)
        counted_s = self._ended_cpu_s + tree.cpu_time_s
        pids = tree.pids
        if self._group is not None:
            # What the job moved into another group is in the tree only, what left the tree is here.
            counted_s = max(counted_s, self._group.cpu_time_s())
            pids = tuple(dict.fromkeys((*pids, *self._group.pids())))
        self._seen_cpu_s = max(self._seen_cpu_s, counted_s)
        return JobUsage(self._seen_cpu_s, tree.memory_bytes, pids)

    def notes(self) -> list[str]:
        """Return how the job's CPU time was counted, and what went wrong with it."""
        how = "a control group of its own" if self._grouped else "its processes and their children"
        notes = [f"CPU time of the job is that of {how}", *self._notes]
        if self._group is not None and self._group.pids():
            notes.append(f"the control group {self._group.folder} stays until they have ended")
        return notes

    def left_behind(self) -> int:
        """Return how many processes outlive the command, after a moment for those just leaving."""
        deadline_s = time.monotonic() + _LEAVING_S
        while (alive := self._living()) and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        return len(alive)

    def _stop_waiting(self) -> None:
        """Wait no longer for what the command left behind; a signal came that it cannot take."""
        if self.exit_code is not None:
            self._wait_for_all = False

    def _tell_of_waiting(self, alive: int) -> None:
        if self._on_waiting and time.monotonic() - self._ended_at_s > _LEAVING_S:
            self._on_waiting(alive)
            self._on_waiting = None

    def _leave_group(self) -> None:
        """Return from the job's group once the job is in it."""
        if self._group is None or not self._group.entered:
            return
        try:
            self._group.leave()
            self._grouped = True
        except OSError as error:  # with us in it, it does not tell what the job uses
            self._notes.append(f"its control group could not be used: {error.strerror}")
            self._close_group()

    def _close_group(self) -> None:
        group, self._group = self._group, None
        if group is not None:
            group.close()

    def _wait_for_command(self, timeout_s: float) -> None:
        assert self._process is not None
        if self._pid_descriptor is not None:
            poll = select.poll()
            poll.register(self._pid_descriptor, select.POLLIN)
            if poll.poll(max(0.0, timeout_s) * 1000):
                self._collect(os.wait4(self._process.pid, 0))
        elif hasattr(os, "wait4"):
            deadline_s = time.monotonic() + timeout_s
            while not self._collect(os.wait4(self._process.pid, os.WNOHANG)):
                if (left_s := deadline_s - time.monotonic()) <= 0:
                    return
                time.sleep(min(left_s, _POLL_S))
        else:
            with suppress(subprocess.TimeoutExpired):
                self.exit_code = self._process.wait(max(0.0, timeout_s))

    def _collect(self, waited: tuple[int, int, struct_rusage]) -> bool:
        """Take the end of the command and what it and its waited-for children used."""
        pid, status, used = waited
        if pid == 0:
            return False
        assert self._process is not None
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code  # it is reaped: Popen is not to wait for it again
        self._account(used)
        self._ended_at_s = time.monotonic()
        self.exit_code = code if code >= 0 else 128 - code
        return True

    def _living_orphans(self) -> list[int]:
        """Daemonised processes that came to us, alive; those that have ended are accounted."""
        if sys.platform != "linux" or self._process is None:
            return []
        ours = {self._process.pid, *self._children_before}
        alive = []
        for pid in set(self._tree.children(os.getpid())) - ours:
            with suppress(ChildProcessError):
                waited, _, used = os.wait4(pid, os.WNOHANG)
                if waited:
                    self._account(used)
                else:
                    alive.append(pid)
        return alive

    def _living(self) -> set[int]:
        """Processes of the job other than its command, after the command has ended."""
        grouped = [] if self._group is None else self._group.pids()
        return {*self._living_orphans(), *grouped}

    def _account(self, used: struct_rusage) -> None:
        self._ended_cpu_s += used.ru_utime + used.ru_stime
        self._ended_peak_bytes = max(self._ended_peak_bytes, used.ru_maxrss * _MAXRSS_UNIT)


_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def _start(
    command: list[str], environment: Mapping[str, str] | None, stdout: int | None
) -> subprocess.Popen[bytes]:
    if not command:
        raise InputError("no command given; write it after --")
    try:
        return subprocess.Popen(command, env=environment, stdout=stdout)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot start '{command[0]}': {reason}") from error


def _entered_group() -> JobGroup | None:
    """Return a group for the job with this process in it; None where none may be made."""
    group = job_group() if sys.platform == "linux" else None
    if group is not None:
        try:
            group.enter()
        except OSError:
            group.close()
            return None
    return group


def _become_subreaper(stack: ExitStack) -> None:
    """Have orphaned descendants come to this process; undone by the stack (Linux prctl(2))."""
    if sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None)
    before = ctypes.c_int(0)
    if libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0) == 0:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        stack.callback(libc.prctl, _PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


def _own_peak_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
