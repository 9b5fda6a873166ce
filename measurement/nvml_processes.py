"""The job's share of one NVIDIA board or MIG instance, by the SM time of the processes on it.

Compute, graphics and MPS processes; asked for as seldom as will do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.gpu_processes import (
    ListingTimes,
    Use,
    once,
    part_by_number,
    share_unseen,
)

if TYPE_CHECKING:
    from carbon_advisor.measurement.gpu_processes import ProcessView

# The unversioned names fail on drivers older than the module; _v2 is what those have.
_LISTS = (
    "nvmlDeviceGetComputeRunningProcesses_v3",
    "nvmlDeviceGetGraphicsRunningProcesses_v3",
    "nvmlDeviceGetMPSComputeRunningProcesses_v3",
)
_MPS_SERVER = "nvidia-cuda-mps-server"
_NOT_SUPPORTED, _NO_PERMISSION, _FUNCTION_NOT_FOUND = 3, 4, 13  # nvml.h
_SHARED_NOTE = "a GPU was shared with other processes: its energy is split by SM utilisation"
_NUMBER_NOTE = (
    "a GPU was shared with other processes whose SM utilisation is not known: "
    "its energy is split by their number"
)
_UNLISTED_NOTE = "NVML lists no processes of a GPU here: all its energy is counted as the job's"


class GpuProcesses:
    """Who uses one board or MIG instance.

    Args:
        library: the module `pynvml`.
        handle: of the board or the instance.
        view: which process numbers mean something here.
        notes: where what was assumed is written down.
        rank: (the rank's device, this device) where a distributed job's rank takes one device.
    """

    def __init__(
        self,
        library: Any,
        handle: Any,
        view: ProcessView,
        notes: list[str],
        rank: tuple[int, int] | None = None,
    ) -> None:
        self._library = library
        self._handle = handle
        self._view = view
        self._notes = notes
        self._rank = rank
        self._lists = {name: name for name in _LISTS}
        self._times = ListingTimes(time.monotonic())
        self._bytes: dict[int, int] = {}
        self._clients: set[int] = set()
        self._known: set[int] = set()  # of those listed, the job's: also when they have ended
        self._job_pids: set[int] = set()  # those of this call and of the last one
        self._seen_us = time.time_ns() // 1000
        self._last_share: float | None = None

    def use(self, job_pids: set[int], *, busy: bool) -> Use:
        """Return what the job has of this GPU now.

        Args:
            job_pids: the job's processes.
            busy: the GPU runs something.
        """
        self._job_pids, before = job_pids, self._job_pids
        if self._times.due(time.monotonic()):
            self._relist()
        if not self._lists:
            once(self._notes, _UNLISTED_NOTE)
            return Use(1.0, None, present=True)
        self._known |= job_pids & set(self._bytes)
        presence = self._view.presence(self._bytes, self._known)
        if presence in {"nobody", "hidden"}:
            hidden = presence == "hidden" or busy
            if share_unseen(self._rank, self._notes, hidden=hidden):
                return Use(1.0, None, present=hidden)
            return Use(0.0, 0, present=False)
        if presence == "absent":
            return Use(0.0, 0, present=False)
        memory_bytes = sum(self._bytes[pid] for pid in self._known) or None
        if presence == "alone":
            return Use(1.0, memory_bytes, present=True)
        share = self._by_sm_time(self._known | job_pids | before)
        return Use(share, memory_bytes or 0, present=True)

    def _relist(self) -> None:
        """Ask who is there; a list that cannot be had is as before, or never asked for again."""
        found: dict[str, dict[int, int]] = {}
        for name in list(self._lists):
            listed = self._list(name)
            if listed is None:
                return
            found[name] = listed
        self._clients = set(found.get(_LISTS[2], {}))
        self._bytes = {pid: size for listed in found.values() for pid, size in listed.items()}
        self._known &= set(self._bytes)
        if self._clients:
            for pid in [pid for pid in self._bytes if self._is_mps_server(pid)]:
                del self._bytes[pid]

    def _list(self, name: str) -> dict[int, int] | None:
        """Return the bytes of each process of one list; None if the GPU does not answer now."""
        library = self._library
        try:
            processes = getattr(library, self._lists[name])(self._handle)
        except library.NVMLError as error:
            code = getattr(error, "value", None)
            if code == _FUNCTION_NOT_FOUND and self._lists[name].endswith("_v3"):
                self._lists[name] = name.removesuffix("_v3") + "_v2"
                return self._list(name)
            if code in {_NOT_SUPPORTED, _NO_PERMISSION, _FUNCTION_NOT_FOUND}:
                del self._lists[name]
                return {}
            return None
        return {process.pid: process.usedGpuMemory or 0 for process in processes}

    def _is_mps_server(self, pid: int) -> bool:
        """The server of MPS holds a context for its clients, and computes nothing of its own."""
        if pid in self._clients or pid in self._known:
            return False
        try:
            name = self._library.nvmlSystemGetProcessName(pid)
        except self._library.NVMLError:
            return False
        return _MPS_SERVER in str(name)

    def _by_sm_time(self, ours: set[int]) -> float:
        """Return the job's part of the SM time since the last call.

        Where nobody computed, the GPU is held by all who have a process on it, alike.
        """
        busy = self._sm_times()
        if busy is None and self._last_share is not None:  # nothing new since the last call
            return self._last_share
        everyone = sum(busy.values()) if busy else 0
        if not busy or not everyone:
            return part_by_number(self._known, self._bytes)
        if self._clients and not any(busy.get(pid) for pid in self._clients):
            once(self._notes, _NUMBER_NOTE)  # all of it is put down to the server of MPS
            return part_by_number(self._known, self._bytes)
        once(self._notes, _SHARED_NOTE)
        self._last_share = sum(part for pid, part in busy.items() if pid in ours) / everyone
        return self._last_share

    def _sm_times(self) -> dict[int, int] | None:
        """Return each process's SM time since the last call, in arbitrary units; None if as before.

        Some drivers return garbage beyond 100 % (NVIDIA/DCGM issue 83): it is left out.
        """
        library = self._library
        try:
            samples = library.nvmlDeviceGetProcessUtilization(self._handle, self._seen_us)
        except library.NVMLError as error:
            if getattr(error, "value", None) == _NOT_SUPPORTED:  # MIG, and older than Maxwell
                once(self._notes, _NUMBER_NOTE)
                return {}
            return None
        busy: dict[int, int] = {}
        for sample in samples:
            self._seen_us = max(self._seen_us, sample.timeStamp)
            if sample.smUtil <= 100:
                busy[sample.pid] = busy.get(sample.pid, 0) + sample.smUtil
        return busy
