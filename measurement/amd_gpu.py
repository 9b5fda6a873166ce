"""AMD GPUs through AMD SMI, as one job sees them. Not run on hardware.

Two dies of an MI250 report energy as one; who shares a GPU is known, how much each computes is not.
"""

from __future__ import annotations

import contextlib
import io
import time
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.amd_board import AmdBoard
from carbon_advisor.measurement.gpu import GpuActivity, NoGpus
from carbon_advisor.measurement.gpu_processes import (
    ListingTimes,
    device_of_rank,
    once,
    part_by_number,
    share_unseen,
    view_here,
)
from carbon_advisor.measurement.gpu_source import BoardError, BoardSource
from carbon_advisor.measurement.hardware import Gpu

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from carbon_advisor.measurement.gpu import Gpus
    from carbon_advisor.measurement.gpu_processes import ProcessView
    from carbon_advisor.measurement.power_source import PowerSource

_BYTES_PER_GB = 1e9
_NUMBER_NOTE = "an AMD GPU was shared with other processes: its energy is split by their number"
# Assumed: of two dies that report as one, either may have used nearly all.
_HALF_ERROR = 0.5


def amd_gpus(
    environment: Mapping[str, str], library: Any = None, view: ProcessView | None = None
) -> Gpus:
    """Return the AMD GPUs visible to a job with this environment.

    Args:
        environment: of the job; ROCR_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES, CUDA_VISIBLE_DEVICES,
            GPU_DEVICE_ORDINAL and LOCAL_RANK count.
        library: the module `amdsmi`; it comes with ROCm.
        view: which process numbers mean something here; found out if None.
    """
    library = library or _amdsmi()
    if library is None:
        return NoGpus(
            "AMD GPUs may be here, but the Python package amdsmi of their driver (ROCm) cannot be "
            "imported: they are not measured"
        )
    try:
        library.amdsmi_init()
        boards = [AmdBoard(library, each) for each in library.amdsmi_get_processor_handles()]
        chosen = visible_indices([board.identity() for board in boards], environment)
        return AmdGpus(boards, chosen, environment, view or view_here()) if chosen else NoGpus()
    except (library.AmdSmiException, BoardError):  # nothing but a processor's graphics, or no right
        return NoGpus()


def visible_indices(
    identities: Sequence[tuple[int | None, str]], environment: Mapping[str, str]
) -> list[int]:
    """Return which GPUs a job sees, in its order.

    ROCR_VISIBLE_DEVICES is applied first, by number or UUID; of what it leaves, the others choose
    by number, HIP's own name before CUDA's (ROCm's documentation, "GPU isolation techniques").

    Args:
        identities: HIP's number and the UUID of each, in AMD SMI's order.
        environment: of the job.
    """
    order = list(range(len(identities)))
    numbers = [number for number, _ in identities if number is not None]
    if len(numbers) == len(order):
        order.sort(key=numbers.__getitem__)
    chosen = _kept(environment.get("ROCR_VISIBLE_DEVICES"), order, identities)
    for name in ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"):
        if name in environment:
            return _kept(environment[name], chosen, identities)
    return chosen


class AmdGpus:
    """The AMD GPUs visible to one job: a device for each, a source for each that reports energy."""

    def __init__(
        self,
        boards: Sequence[AmdBoard],
        chosen: Sequence[int],
        environment: Mapping[str, str],
        view: ProcessView,
    ) -> None:
        self._notes: list[str] = []
        rank = device_of_rank(environment, len(chosen))
        self._uses = [
            _Use(boards[index], view, self._notes, None if rank is None else (rank, device))
            for device, index in enumerate(chosen)
        ]
        self.devices = tuple(use.device for use in self._uses)
        self._metered: list[tuple[BoardSource, list[tuple[int, float]]]] = []
        meters: dict[int, list[int]] = {}
        for device, index in enumerate(chosen):
            meters.setdefault(_reports_for(boards, index), []).append(device)
        for meter, devices in meters.items():
            self._meter(boards, meter, devices)
        self.sources: tuple[PowerSource, ...] = tuple(source for source, _ in self._metered)

    def activity(self, job_pids: Collection[int]) -> GpuActivity:
        """Return utilisation, memory and the job's share of each source now."""
        now = [use.now(set(job_pids)) for use in self._uses]
        return GpuActivity(
            utilization=sum(busy for busy, _, _ in now) / len(now),
            job_memory_gb=max(memory_gb for _, memory_gb, _ in now),
            job_shares=tuple(
                sum(part * now[device][2] for device, part in parts) for _, parts in self._metered
            ),
        )

    def notes(self) -> list[str]:
        """Return what was assumed, and what cannot be told apart."""
        notes = list(self._notes)
        for source, _ in self._metered:
            for note in source.notes():
                once(notes, note)
        return notes

    def _meter(self, boards: Sequence[AmdBoard], meter: int, devices: list[int]) -> None:
        board = boards[meter]
        dies = sum(_reports_for(boards, index) == meter for index in range(len(boards)))
        part, part_error = "", 0.0
        if len(devices) < dies:
            part, part_error = "half of its two dies", _HALF_ERROR
            once(self._notes, f"{board.name}: two dies report as one, half is taken for the job's")
        try:
            source = BoardSource(board, part, part_error)
        except BoardError as error:
            once(self._notes, f"{board.name} reports no energy or power ({error}): it is left out")
            return
        self._metered.append((source, [(device, 1 / dies) for device in devices]))


class _Use:
    """What the job has of one AMD GPU."""

    def __init__(
        self, board: AmdBoard, view: ProcessView, notes: list[str], rank: tuple[int, int] | None
    ) -> None:
        self._board = board
        self._view = view
        self._notes = notes
        self._rank = rank
        self._times = ListingTimes(time.monotonic())
        self._bytes: dict[int, int] = {}
        self._known: set[int] = set()
        self._share = 1.0
        self.device = Gpu(board.name, board.memory_bytes()[1] / _BYTES_PER_GB)

    def now(self, job_pids: set[int]) -> tuple[float, float, float]:
        """Utilisation 0..1, the job's memory in GB and its share; as before where it is lost."""
        try:
            busy = self._board.busy()
            if self._times.due(time.monotonic()):
                self._bytes = self._board.processes()
                self._known &= set(self._bytes)
            memory_bytes, self._share = self._job_has(job_pids, busy=busy > 0)
        except BoardError:
            return 0.0, 0.0, self._share
        return busy, memory_bytes / _BYTES_PER_GB, self._share

    def _job_has(self, job_pids: set[int], *, busy: bool) -> tuple[int, float]:
        """The job's memory in bytes, and its share."""
        self._known |= job_pids & set(self._bytes)
        presence = self._view.presence(self._bytes, self._known)
        if presence == "absent":
            return 0, 0.0
        if presence in {"alone", "shared"}:
            if presence == "shared":
                once(self._notes, _NUMBER_NOTE)
            return sum(self._bytes[pid] for pid in self._known), part_by_number(
                self._known, self._bytes
            )
        hidden = presence == "hidden" or busy
        share = share_unseen(self._rank, self._notes, hidden=hidden)
        return (self._board.memory_bytes()[0] if share else 0), share


def _reports_for(boards: Sequence[AmdBoard], index: int) -> int:
    """Return the GPU whose figures include this one's: of an MI250's two dies, the first.

    The second reports 0 W and a counter that stays 0 (ml-energy/zeus, mlco2/codecarbon issue 1097).
    """
    even = index - index % 2
    paired = "MI250" in boards[index].name and even + 1 < len(boards)
    return even if paired else index


def _kept(
    setting: str | None, order: Sequence[int], identities: Sequence[tuple[int | None, str]]
) -> list[int]:
    """Return what a list of numbers or UUIDs leaves, up to the first entry that names nothing."""
    if setting is None:
        return list(order)
    kept: list[int] = []
    for entry in (part.strip() for part in setting.split(",")):
        if entry.isdigit() and int(entry) < len(order):
            index = order[int(entry)]
        elif entry.upper().startswith("GPU-"):
            wanted = entry[4:].lower()
            named = [i for i in order if wanted and identities[i][1].lower().endswith(wanted)]
            if len(named) != 1:
                break
            index = named[0]
        else:
            break
        if index not in kept:
            kept.append(index)
    return kept


def _amdsmi() -> Any:
    """Import the module; None if it cannot be. It prints when it does not find its library."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import amdsmi  # type: ignore[import-not-found,unused-ignore]
    except Exception:
        return None
    return amdsmi
