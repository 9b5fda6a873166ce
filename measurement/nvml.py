"""NVIDIA GPUs through NVML, as one job sees them: boards, MIG instances, and its share of each.

`nvml_power` reads a board, `nvml_visibility` chooses, `nvml_processes` shares it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.gpu import GpuActivity, NoGpus
from carbon_advisor.measurement.gpu_processes import Use, device_of_rank, once, view_here
from carbon_advisor.measurement.gpu_source import BoardError, BoardSource
from carbon_advisor.measurement.hardware import Gpu
from carbon_advisor.measurement.nvml_power import NvmlBoard, text
from carbon_advisor.measurement.nvml_processes import GpuProcesses
from carbon_advisor.measurement.nvml_visibility import (
    nvidia_boards,
    order_is_guessed,
    visible_units,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from carbon_advisor.measurement.gpu import Gpus
    from carbon_advisor.measurement.gpu_processes import ProcessView
    from carbon_advisor.measurement.nvml_visibility import NvidiaBoard, VisibleUnit
    from carbon_advisor.measurement.power_source import PowerSource

_BYTES_PER_GB = 1e9
# Assumed: the board's power says nothing of who used it. Between a slice that idles while its
# neighbours work, and the other way round, its true part may be half or more than twice its slices.
_MIG_ERROR = 0.5
# More memory than an empty MIG instance has in use, less than any CUDA context takes.
_CONTEXT_BYTES = 200e6


def nvml_gpus(
    environment: Mapping[str, str], library: Any = None, view: ProcessView | None = None
) -> Gpus:
    """Return the GPUs visible to a job with this environment.

    Args:
        environment: of the job; CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER, NVIDIA_VISIBLE_DEVICES and
            LOCAL_RANK count.
        library: the module `pynvml` (0.1 s to import).
        view: which process numbers mean something here; found out if None.
    """
    if library is None:
        import pynvml

        library = pynvml
    try:
        library.nvmlInit()
        boards = nvidia_boards(library)
        units = visible_units(boards, environment)
        if not units:
            return NoGpus()
        gpus = NvmlGpus(library, units, environment, view or view_here())
        names = [text(library.nvmlDeviceGetName(board.handle)) for board in boards]
    except library.NVMLError:  # a driver without a device, or one that does not match its kernel
        return NoGpus()
    if order_is_guessed(names, environment, seen=len(gpus.sources)):
        gpus.note("GPUs of several models: CUDA_VISIBLE_DEVICES read as PCI order")
    return gpus


class NvmlGpus:
    """The GPUs visible to one job: a source for each board, a device for each board or instance."""

    def __init__(
        self,
        library: Any,
        units: Sequence[VisibleUnit],
        environment: Mapping[str, str],
        view: ProcessView,
    ) -> None:
        self._notes: list[str] = []
        rank = device_of_rank(environment, len(units))
        self._units: list[_Unit] = []
        for index, unit in enumerate(units):
            takes = None if rank is None else (rank, index)
            processes = GpuProcesses(library, unit.handle, view, self._notes, takes)
            self._units.append(_Unit(library, unit, processes))
        self.devices = tuple(unit.device for unit in self._units)
        self._metered: list[tuple[NvidiaBoard, BoardSource]] = []
        for board in dict.fromkeys(unit.board for unit in units):
            self._meter(library, board, [unit for unit in units if unit.board == board])
        self.sources: tuple[PowerSource, ...] = tuple(source for _, source in self._metered)

    def activity(self, job_pids: Collection[int]) -> GpuActivity:
        """Return utilisation, memory and the job's share of each board now."""
        ours = set(job_pids)
        now = [(unit.unit, unit.now(ours)) for unit in self._units]
        return GpuActivity(
            utilization=sum(busy for _, (busy, _, _) in now) / len(now),
            job_memory_gb=max(memory_gb for _, (_, memory_gb, _) in now),
            job_shares=tuple(
                min(1.0, sum(u.part * share for u, (_, _, share) in now if u.board == board))
                for board, _ in self._metered
            ),
        )

    def note(self, note: str) -> None:
        """Add to the notes, once."""
        once(self._notes, note)

    def notes(self) -> list[str]:
        """Return what was assumed, and what cannot be told apart."""
        notes = list(self._notes)
        for _, source in self._metered:
            for note in source.notes():
                once(notes, note)
        return notes

    def _meter(self, library: Any, board: NvidiaBoard, units: list[VisibleUnit]) -> None:
        """Make the source of one board; MIG instances report no power of their own."""
        name = text(library.nvmlDeviceGetName(board.handle))
        slices = sum(unit.instance.slices for unit in units if unit.instance)
        part, part_error = "", 0.0
        if 0 < slices < board.slices:
            part = f"the part of {slices} of its {board.slices} MIG slices"
            part_error = _MIG_ERROR
            self.note(
                "MIG reports board power only: the job's part is estimated by slices "
                f"({slices} of {board.slices})"
            )
        elif board.partitioned and not slices:
            self.note("MIG: no instance can be seen, so the whole board's energy is the job's")
        try:
            source = BoardSource(NvmlBoard(library, board.handle, name), part, part_error)
        except BoardError as error:
            self.note(f"{name} reports neither energy nor power ({error}): it is left out")
            return
        self._metered.append((board, source))


class _Unit:
    """One device in CUDA's sense: what it does, and how much of it is the job's."""

    def __init__(self, library: Any, unit: VisibleUnit, processes: GpuProcesses) -> None:
        self.unit = unit
        self._library = library
        self._handle = unit.handle
        self._processes = processes
        self._use = Use(1.0, None, present=False)
        self.device = Gpu(
            text(library.nvmlDeviceGetName(self._handle)),
            library.nvmlDeviceGetMemoryInfo(self._handle).total / _BYTES_PER_GB,
        )

    def now(self, job_pids: set[int]) -> tuple[float, float, float]:
        """Utilisation 0..1, the job's memory in GB and its share; as before where it is lost."""
        try:
            if self.unit.board.partitioned:
                return self._now_in_mig(job_pids)
            utilization = self._library.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100
            self._use = self._processes.use(job_pids, busy=utilization > 0)
            memory_bytes = self._use.memory_bytes
            if memory_bytes is None:
                memory_bytes = self._used_bytes()
        except self._library.NVMLError:
            return 0.0, 0.0, self._use.share
        return utilization, memory_bytes / _BYTES_PER_GB, self._use.share

    def _now_in_mig(self, job_pids: set[int]) -> tuple[float, float, float]:
        """NVML has no utilisation under MIG: an instance that the job holds counts as busy."""
        used_bytes = self._used_bytes()
        self._use = self._processes.use(job_pids, busy=used_bytes > _CONTEXT_BYTES)
        memory_bytes = self._use.memory_bytes
        return (
            1.0 if self._use.present else 0.0,
            (used_bytes if memory_bytes is None else memory_bytes) / _BYTES_PER_GB,
            self._use.share,
        )

    def _used_bytes(self) -> int:
        return int(self._library.nvmlDeviceGetMemoryInfo(self._handle).used)
