"""The job's share of a GPU that others use too, or whose users cannot be told apart."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from nvml_library import Board, Clock, NvmlLibrary

from carbon_advisor.measurement.gpu_processes import (
    ListingTimes,
    ProcessView,
    device_of_rank,
    view_here,
)
from carbon_advisor.measurement.nvml import nvml_gpus

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbon_advisor.measurement.gpu import Gpus

    Machine = Callable[..., Gpus]

HOST = ProcessView(whole=True, exists=lambda _pid: True)
CONTAINER = ProcessView(whole=False, exists=lambda pid: pid < 100)
GB = 10**9
JOB, CHILD, RIVAL = 11, 12, 99


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.rules(monkeypatch)
    return clock


@pytest.fixture
def machine(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The GPUs of a machine with these boards."""

    def gpus(
        *boards: Board, view: ProcessView = HOST, library: NvmlLibrary | None = None, **names: str
    ) -> Gpus:
        (library or NvmlLibrary(clock, *boards)).install(monkeypatch)
        return nvml_gpus(names, view=view)

    return gpus


def sm(clock: Clock, *parts: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Utilisation samples that were taken just now."""
    clock.now_s += 1
    return [(pid, percent, clock.epoch_us) for pid, percent in parts]


def test_a_shared_gpu_is_split_by_sm_time(machine: Machine, clock: Clock) -> None:
    board = Board("GPU-a", compute=[(JOB, 4 * GB), (RIVAL, 8 * GB)])
    gpus = machine(board)
    board.sm = sm(clock, (JOB, 30), (RIVAL, 10))
    activity = gpus.activity([10, JOB])
    assert activity.job_shares == (0.75,)
    assert activity.job_memory_gb == 4
    assert any("split by SM utilisation" in note for note in gpus.notes())
    assert gpus.activity([10, JOB]).job_shares == (0.75,)  # nothing new since: as before
    board.sm = sm(clock, (JOB, 0), (RIVAL, 40))
    assert gpus.activity([10, JOB]).job_shares == (0.0,)


def test_a_job_that_does_not_use_a_gpu_has_none_of_it(machine: Machine) -> None:
    board = Board("GPU-a", compute=[(RIVAL, GB)], used_bytes=GB)
    activity = machine(board).activity([JOB])
    assert activity.job_shares == (0.0,)
    assert activity.job_memory_gb == 0


def test_who_holds_a_gpu_on_which_nobody_computes_has_equal_parts(
    machine: Machine, clock: Clock
) -> None:
    board = Board("GPU-a", compute=[(JOB, GB), (CHILD, GB), (RIVAL, GB)])
    board.sm = sm(clock, (JOB, 0), (RIVAL, 0))
    assert machine(board).activity([JOB, CHILD]).job_shares == (pytest.approx(2 / 3),)


def test_garbage_beyond_100_percent_is_left_out(machine: Machine, clock: Clock) -> None:
    board = Board("GPU-a", compute=[(JOB, GB), (RIVAL, GB)])
    gpus = machine(board)
    board.sm = sm(clock, (JOB, 20), (RIVAL, 20), (RIVAL, 2147483632))
    assert gpus.activity([JOB]).job_shares == (0.5,)


def test_what_ran_before_the_run_does_not_count(machine: Machine, clock: Clock) -> None:
    board = Board("GPU-a", compute=[(JOB, GB), (RIVAL, GB)])
    board.sm = sm(clock, (RIVAL, 100))
    clock.now_s += 1
    gpus = machine(board)
    board.sm += sm(clock, (JOB, 50))
    assert gpus.activity([JOB]).job_shares == (1.0,)


def test_graphics_share_a_gpu_too(machine: Machine, clock: Clock) -> None:
    board = Board("GPU-a", compute=[(JOB, GB)], graphics=[(RIVAL, 60_000_000)])
    gpus = machine(board)
    board.sm = sm(clock, (JOB, 76), (RIVAL, 4))
    assert gpus.activity([JOB]).job_shares == (0.95,)


def test_without_sm_utilisation_it_is_split_by_number(machine: Machine) -> None:
    gpus = machine(Board("GPU-a", compute=[(JOB, GB), (RIVAL, GB)], sm=None))
    assert gpus.activity([JOB]).job_shares == (0.5,)
    assert any("by their number" in note for note in gpus.notes())


def test_the_server_of_mps_is_nobodys_rival(machine: Machine, clock: Clock) -> None:
    board = Board("GPU-a", compute=[(500, 30_000_000)], mps=[(JOB, GB)])
    library = NvmlLibrary(clock, board)
    library.names = {500: "/usr/bin/nvidia-cuda-mps-server"}
    assert machine(library=library).activity([JOB]).job_shares == (1.0,)


def test_clients_of_mps_whose_time_is_put_down_to_the_server(
    machine: Machine, clock: Clock
) -> None:
    board = Board("GPU-a", compute=[(500, 30_000_000)], mps=[(JOB, GB), (RIVAL, GB)])
    library = NvmlLibrary(clock, board)
    library.names = {500: "nvidia-cuda-mps-server"}
    gpus = machine(library=library)
    board.sm = sm(clock, (500, 90))
    assert gpus.activity([JOB]).job_shares == (0.5,)
    board.sm = sm(clock, (JOB, 60), (RIVAL, 20))
    assert gpus.activity([JOB]).job_shares == (0.75,)


def test_processes_that_a_container_hides_leave_the_gpu_to_the_job(machine: Machine) -> None:
    busy = machine(Board("GPU-a"), view=CONTAINER)
    activity = busy.activity([10])
    assert activity.job_shares == (1.0,)
    assert activity.job_memory_gb == 10
    assert activity.utilization == 0.5
    assert any("cannot be told apart" in note for note in busy.notes())
    idle = machine(Board("GPU-a", utilization=0), view=CONTAINER)
    assert idle.activity([10]).job_shares == (1.0,)
    assert idle.notes() == []


def test_the_hosts_process_numbers_in_a_container_are_not_rivals(machine: Machine) -> None:
    board = Board("GPU-a", compute=[(31_000, GB), (31_001, GB)])
    hidden = machine(board, view=CONTAINER)
    assert hidden.activity([10]).job_shares == (1.0,)
    assert any("cannot be told apart" in note for note in hidden.notes())
    assert machine(board, view=HOST).activity([10]).job_shares == (0.0,)
    board.compute = [(50, GB)]  # a number that means something in this container: a rival
    assert machine(board, view=CONTAINER).activity([10]).job_shares == (0.0,)


def test_a_hidden_local_rank_takes_its_own_gpu(machine: Machine) -> None:
    boards = [Board(f"GPU-{letter}") for letter in "abcd"]
    ranks = {"LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "4"}
    gpus = machine(*boards, view=CONTAINER, **ranks)
    assert gpus.activity([10]).job_shares == (0, 0, 1, 0)
    assert any("by LOCAL_RANK" in note and "GPU 2" in note for note in gpus.notes())
    boards[0].compute = [(10, GB)]
    boards[1].compute = boards[2].compute = boards[3].compute = [(20, GB)]
    seen = machine(*boards, view=CONTAINER, **ranks)  # who is listed needs no guess
    assert seen.activity([10]).job_shares == (1, 0, 0, 0)
    assert seen.notes() == []


@pytest.mark.parametrize(
    ("rank", "size", "devices", "expected"),
    [
        ("2", "4", 4, 2),
        ("0", "", 4, 0),
        ("0", "1", 4, None),  # alone on its machine
        ("3", "4", 1, None),  # the launcher divided them already
        ("1", "8", 4, None),  # two ranks to a device: which, nobody knows
        ("5", "", 4, None),
        ("", "", 4, None),
        ("first", "", 4, None),
    ],
)
def test_the_device_of_a_rank(rank: str, size: str, devices: int, expected: int | None) -> None:
    assert device_of_rank({"LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}, devices) == expected


def test_a_process_of_the_job_that_has_ended_is_no_rival(machine: Machine, clock: Clock) -> None:
    board = Board("GPU-a", compute=[(JOB, GB)])
    gpus = machine(board)
    gpus.activity([JOB])
    clock.now_s += 0.5  # the list of processes is still the old one
    assert gpus.activity([CHILD]).job_shares == (1.0,)


def test_lists_that_a_driver_lacks_are_not_asked_for_again(machine: Machine, clock: Clock) -> None:
    library = NvmlLibrary(clock, Board("GPU-a", compute=[(JOB, GB)], mps=None))
    library.missing = {
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetGraphicsRunningProcesses_v3",
    }
    gpus = machine(library=library)
    for _ in range(20):
        clock.now_s += 1
        assert gpus.activity([JOB]).job_shares == (1.0,)
    assert library.calls["nvmlDeviceGetComputeRunningProcesses_v2"] > 0  # what it has instead
    assert library.calls["nvmlDeviceGetMPSComputeRunningProcesses_v3"] == 1


def test_a_gpu_whose_processes_nobody_lists_is_the_jobs(machine: Machine, clock: Clock) -> None:
    library = NvmlLibrary(clock, Board("GPU-a"))
    library.missing = {
        f"nvmlDeviceGet{kind}RunningProcesses_v{version}"
        for kind in ("Compute", "Graphics", "MPSCompute")
        for version in (2, 3)
    }
    gpus = machine(library=library)
    assert gpus.activity([JOB]).job_shares == (1.0,)
    assert any("lists no processes" in note for note in gpus.notes())


def test_lists_are_asked_for_less_and_less_often() -> None:
    times = ListingTimes(began_s=0)
    due = [second for second in range(31) if times.due(second)]
    assert due == [0, 1, 2, 4, 8, 13, 18, 23, 28]


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_this_process_exists_here() -> None:
    view = view_here()
    assert view.exists(os.getpid())
    assert not view.exists(2**22 + 1)
