"""Which NVIDIA boards and MIG instances a job sees: its environment, read as CUDA reads it.

Entries of CUDA_VISIBLE_DEVICES: numbers, "GPU-" or "MIG-" with the beginning of a UUID, and
"MIG-GPU-UUID/GPU instance/compute instance", as drivers before 470 name instances.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.nvml_power import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class MigInstance:
    """One MIG device: a compute instance in a GPU instance.

    Attributes:
        slices: compute slices it has.
        gpu_instance, compute_instance: their numbers on the board.
    """

    uuid: str
    gpu_instance: int
    compute_instance: int
    slices: int
    handle: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NvidiaBoard:
    """One board, whole or partitioned.

    Attributes:
        instances: the MIG instances of it that can be seen from here.
        partitioned: it is in MIG mode.
        slices: compute slices of the whole board (7 on A100 and H100, 4 on A30).
    """

    uuid: str
    handle: Any = field(default=None, compare=False)
    instances: tuple[MigInstance, ...] = ()
    partitioned: bool = False
    slices: int = 1


@dataclass(frozen=True, slots=True)
class VisibleUnit:
    """What CUDA would call a device: a board, or an instance of one."""

    board: NvidiaBoard
    instance: MigInstance | None = None

    @property
    def handle(self) -> Any:
        """NVML's handle of it."""
        return self.instance.handle if self.instance else self.board.handle

    @property
    def part(self) -> float:
        """The part of the board that it is, by compute slices, 0..1."""
        if self.instance is None:
            return 1.0
        return min(1.0, self.instance.slices / self.board.slices)


def visible_units(
    boards: Sequence[NvidiaBoard], environment: Mapping[str, str]
) -> list[VisibleUnit]:
    """Return what a job sees, in its order.

    Without CUDA_VISIBLE_DEVICES it is everything, every instance included: CUDA would use the first
    instance alone, but a job may hand each of its processes another one. NVIDIA_VISIBLE_DEVICES is
    the container runtime's: only "none" is taken at its word, because containers that got their
    GPUs by the Container Device Interface say "void".
    """
    if environment.get("NVIDIA_VISIBLE_DEVICES") == "none":
        return []
    setting = environment.get("CUDA_VISIBLE_DEVICES")
    if setting is None:
        return [unit for board in boards for unit in _all_of(board)]
    chosen: list[VisibleUnit] = []
    for entry in (part.strip() for part in setting.split(",")):
        unit = _named(entry, boards)
        if unit is None:  # CUDA ignores what follows an entry that names nothing
            break
        if unit not in chosen:
            chosen.append(unit)
    return chosen


def order_is_guessed(names: Sequence[str], environment: Mapping[str, str], *, seen: int) -> bool:
    """Do numbers in CUDA_VISIBLE_DEVICES mean CUDA's order, which NVML does not know?

    Args:
        names: models of all boards.
        environment: the job's.
        seen: how many of them it sees.
    """
    setting = environment.get("CUDA_VISIBLE_DEVICES", "")
    return (
        any(entry.strip().isdigit() for entry in setting.split(","))
        and len(set(names)) > 1
        and seen < len(names)
        and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID"
    )


def nvidia_boards(library: Any) -> list[NvidiaBoard]:
    """Return every board that NVML can open, in its order (by PCI bus)."""
    boards = []
    for index in range(library.nvmlDeviceGetCount()):
        try:
            handle = library.nvmlDeviceGetHandleByIndex(index)
            boards.append(_board(library, handle))
        except library.NVMLError:  # one that is broken, or not ours: CUDA leaves it out too
            continue
    return boards


def _board(library: Any, handle: Any) -> NvidiaBoard:
    uuid = text(library.nvmlDeviceGetUUID(handle))
    try:
        partitioned = bool(library.nvmlDeviceGetMigMode(handle)[0])
        slots = library.nvmlDeviceGetMaxMigDeviceCount(handle) if partitioned else 0
    except library.NVMLError:  # older than Ampere
        return NvidiaBoard(uuid, handle)
    if not slots:
        return NvidiaBoard(uuid, handle)
    found = (_instance(library, handle, slot) for slot in range(slots))
    instances = tuple(instance for instance in found if instance is not None)
    return NvidiaBoard(uuid, handle, instances, partitioned=True, slices=slots)


def _instance(library: Any, board: Any, slot: int) -> MigInstance | None:
    """Return the instance in a slot; None if it is empty or not ours."""
    try:
        handle = library.nvmlDeviceGetMigDeviceHandleByIndex(board, slot)
        return MigInstance(
            uuid=text(library.nvmlDeviceGetUUID(handle)),
            gpu_instance=library.nvmlDeviceGetGpuInstanceId(handle),
            compute_instance=library.nvmlDeviceGetComputeInstanceId(handle),
            slices=_slices(library, handle),
            handle=handle,
        )
    except library.NVMLError:
        return None


def _slices(library: Any, handle: Any) -> int:
    """Compute slices of an instance: those of its compute instance, a part of the GPU instance's.

    One where NVML does not say: the smallest there is.
    """
    try:
        attributes = library.nvmlDeviceGetAttributes_v2(handle)
    except library.NVMLError:
        return 1
    return int(attributes.computeInstanceSliceCount or attributes.gpuInstanceSliceCount or 1)


def _all_of(board: NvidiaBoard) -> list[VisibleUnit]:
    if not board.instances:
        return [VisibleUnit(board)]
    return [VisibleUnit(board, instance) for instance in board.instances]


def _named(entry: str, boards: Sequence[NvidiaBoard]) -> VisibleUnit | None:
    """Return what an entry names: exactly one board or instance, or None."""
    if entry.isdigit():
        return _all_of(boards[int(entry)])[0] if int(entry) < len(boards) else None
    if entry.startswith("GPU-"):
        found = [_all_of(board)[0] for board in boards if board.uuid.startswith(entry)]
    elif entry.startswith("MIG-GPU-"):
        found = _by_numbers(entry.removeprefix("MIG-"), boards)
    elif entry.startswith("MIG-"):
        units = [unit for board in boards for unit in _all_of(board)]
        found = [u for u in units if u.instance and u.instance.uuid.startswith(entry)]
    else:
        return None
    return found[0] if len(found) == 1 else None


def _by_numbers(entry: str, boards: Sequence[NvidiaBoard]) -> list[VisibleUnit]:
    """Return the units that "GPU-UUID/GPU instance/compute instance" names.

    An instance that is not listed is its whole board: less wrong than no energy at all.
    """
    uuid, _, numbers = entry.partition("/")
    found = []
    for board in boards:
        if not board.uuid.startswith(uuid):
            continue
        instances = [
            instance
            for instance in board.instances
            if numbers == f"{instance.gpu_instance}/{instance.compute_instance}"
        ]
        found.append(VisibleUnit(board, instances[0] if instances else None))
    return found
