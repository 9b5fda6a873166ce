"""Hands SIGINT, SIGTERM and SIGHUP on to a job, so that it ends its own way and we see it end."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_FORWARDED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def forwarded_signals(
    send: Callable[[int], None], heard: Callable[[], None] | None = None
) -> Iterator[None]:
    """While entered, call `send` with each such signal instead of ending on it, and `heard`.

    A Ctrl-C at the terminal reaches the job without us, so it is heard but not sent again. Ignored
    signals stay ignored (nohup). Outside the main thread, where Python allows no handlers, does
    nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, _frame: FrameType | None) -> None:
        if heard is not None:
            heard()
        if not (number == signal.SIGINT and _in_terminal_foreground()):
            send(number)

    previous: dict[int, Any] = {}
    for number in _FORWARDED:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            previous[number] = signal.signal(number, forward)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _in_terminal_foreground() -> bool:
    """Say whether the terminal sends Ctrl-C to this process group, the job's too."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    with suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
