"""Reading a tree of processes again and again: it always equals what psutil finds afresh."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from carbon_advisor.measurement.own_usage import OwnUsage
from carbon_advisor.measurement.process_tree import LinuxProcessTree

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

FAMILY = "sleep 60 & sleep 60 & wait"


@pytest.fixture
def families() -> Iterator[list[subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        with_group_ended(process)


def family() -> subprocess.Popen[bytes]:
    """A shell with two children, in a process group of its own."""
    process = subprocess.Popen(["sh", "-c", FAMILY], start_new_session=True)
    deadline_s = time.monotonic() + 10
    while len(psutil.Process(process.pid).children()) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.005)
    return process


def with_group_ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def open_files() -> int:
    return psutil.Process().num_fds()


def found_by_psutil() -> set[int]:
    me = psutil.Process()
    return {me.pid, *(child.pid for child in me.children(recursive=True))}


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_read_again_equals_a_tree_walked(
    families: list[subprocess.Popen[bytes]], seed: int
) -> None:
    tree, chance = LinuxProcessTree(), random.Random(seed)
    for _ in range(12):
        if families and chance.random() < 0.4:
            with_group_ended(families.pop(chance.randrange(len(families))))
        elif chance.random() < 0.7:
            families.append(family())
        for _ in range(chance.randrange(1, 4)):
            assert set(tree.read([os.getpid()]).pids) == found_by_psutil()


def test_a_grandchild_whose_parent_died_is_of_the_tree_no_more(
    families: list[subprocess.Popen[bytes]],
) -> None:
    tree = LinuxProcessTree()
    shell = family()
    orphans = [child.pid for child in psutil.Process(shell.pid).children()]
    assert set(orphans) <= set(tree.read([os.getpid()]).pids)
    shell.kill()
    shell.wait()
    try:
        assert set(tree.read([os.getpid()]).pids) == found_by_psutil()
        assert not set(orphans) & set(tree.read([os.getpid()]).pids)
    finally:
        os.killpg(shell.pid, signal.SIGKILL)


def test_more_children_than_files_are_kept_open(families: list[subprocess.Popen[bytes]]) -> None:
    families += [subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(150)]
    tree = LinuxProcessTree()
    descriptors = open_files()
    for _ in range(3):
        assert len(tree.read([os.getpid()]).pids) >= 151
    assert open_files() - descriptors <= 128
    del tree
    assert open_files() == descriptors


def test_own_usage_never_goes_back_while_children_come_and_go() -> None:
    usage = OwnUsage()
    seen = [usage().cpu_time_s]
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-S", "-c", "for i in range(10**6): i"]):
            seen.append(usage().cpu_time_s)
        seen.append(usage().cpu_time_s)
    assert seen == sorted(seen)
    assert usage().memory_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
