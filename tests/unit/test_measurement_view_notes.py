"""Where the view is the host's, the notes say so; outside a container they say nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.hardware import Gpu, Hardware
from carbon_advisor.measurement.view_notes import View, _by_lxcfs, view_here, view_notes

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = View(
    contained=True,
    own_processes=False,
    threads=64,
    vcpus=64,
    own_cpu_time=False,
    counters=False,
    gpus=False,
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, []),
        ({"vcpus": 4}, ["all its 64 threads are counted, this container may use 4"]),
        ({"vcpus": 4, "threads": 4, "own_cpu_time": True}, []),
        ({"counters": True}, ["counters are of the whole host"]),
        (
            {"counters": True, "own_cpu_time": True},
            ["counters are of the whole host", "upper bound"],
        ),
        ({"own_processes": True}, ["cannot be seen from here"]),
        (
            {"own_processes": True, "gpus": True},
            ["cannot be seen from here", "GPU drivers number processes as the host does"],
        ),
    ],
)
def test_each_fact_has_its_note(change: dict[str, object], words: list[str]) -> None:
    view = replace(PLAIN, **change)  # type: ignore[arg-type]
    notes = view_notes(view)
    assert len(notes) == len(words)
    for note, part in zip(notes, words, strict=True):
        assert part in note
    assert view_notes(replace(view, contained=False)) == ()


def hardware(virtualization: str | None) -> Hardware:
    return Hardware(
        "A CPU", "", None, None, None, "x86_64", 4, 16.0, (Gpu("X", 80),), "Linux", virtualization
    )


def test_facts_come_from_the_hardware() -> None:
    assert view_here(hardware("docker in kvm"), 8, ()).contained
    assert view_here(hardware("kubernetes"), 8, ()).gpus
    assert view_here(hardware("kvm"), 8, ()).threads == 8


def test_lxcfs_is_told_by_its_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "600 500 0:50 /proc/stat /proc/stat rw,nosuid - fuse.lxcfs lxcfs rw,user_id=0\n"
    )
    assert _by_lxcfs(str(mounts))
    mounts.write_text("22 27 0:21 / /proc rw,relatime - proc proc rw\n")
    assert not _by_lxcfs(str(mounts))
    assert not _by_lxcfs(str(tmp_path / "missing"))


def test_a_namespace_of_processes_is_noticed() -> None:
    script = (
        "from carbon_advisor.measurement.view_notes import _own_process_namespace as own\n"
        "print(own())"
    )
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", script]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("NOT TESTED HERE: this user may make no process namespace")
    assert told == "True\n"
