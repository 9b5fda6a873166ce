"""Which part of a distributed job this process is, by its launcher's environment variables.

torchrun, Open MPI, MPICH and Intel MPI, PMIx, Slurm; nothing but the environment is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The innermost launcher first: torchrun and mpirun within a Slurm job number their own processes.
_NUMBERS = (
    ("RANK", "LOCAL_RANK", ("WORLD_SIZE",)),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", ("OMPI_COMM_WORLD_SIZE",)),
    ("PMI_RANK", "MPI_LOCALRANKID", ("PMI_SIZE",)),
    ("PMIX_RANK", "PMIX_LOCAL_RANK", ("PMIX_SIZE",)),
    ("SLURM_PROCID", "SLURM_LOCALID", ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")),
)
_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Ranks:
    """A process among those of one distributed job; None where the launcher does not say.

    Attributes:
        group_id: the same for every process of the job, on all machines: "slurm:1234",
            "slurm:1234_7" for a task of an array, "torchrun:ID", "mpi:ID".
        rank: among all processes.
        local_rank: among those of this machine.
        world_size: how many there are.
    """

    group_id: str | None
    rank: int | None = None
    local_rank: int | None = None
    world_size: int | None = None


def ranks_here(environment: Mapping[str, str]) -> Ranks | None:
    """Return what the launcher says; None for a process that no launcher started."""
    numbers = _numbers(environment)
    group = _group(environment)
    if numbers is None:
        return None if group is None else Ranks(group)
    return Ranks(group, *numbers)


def _numbers(environment: Mapping[str, str]) -> tuple[int, int | None, int | None] | None:
    for rank_name, local_name, size_names in _NUMBERS:
        rank = _number(environment.get(rank_name))
        sizes = (_number(environment.get(name)) for name in size_names)
        size = next((each for each in sizes if each is not None), None)
        if rank is None or (rank_name == "RANK" and size is None):  # RANK alone may mean anything
            continue
        return rank, _number(environment.get(local_name)), size
    return None


def _group(environment: Mapping[str, str]) -> str | None:
    """Return the name that all machines share; an elastic launcher's, then the scheduler's."""
    elastic = _name(environment, "TORCHELASTIC_RUN_ID")
    if elastic and elastic != "none":  # "none" is torchrun's default without a rendezvous id
        return f"torchrun:{elastic}"
    if slurm := _slurm_job(environment):
        return f"slurm:{slurm}"
    for name in ("PMIX_NAMESPACE", "PMI_JOBID", "PMI_KVSNAME", "OMPI_MCA_ess_base_jobid"):
        if value := _name(environment, name):
            return f"mpi:{value}"
    address, port = _name(environment, "MASTER_ADDR"), _name(environment, "MASTER_PORT")
    if address and port and _number(environment.get("RANK")) is not None:
        return f"torchrun:{address}:{port}"
    return None


def _slurm_job(environment: Mapping[str, str]) -> str | None:
    """Return the job's number; each task of an array is a job of its own."""
    array, task = (
        _name(environment, "SLURM_ARRAY_JOB_ID"),
        _name(environment, "SLURM_ARRAY_TASK_ID"),
    )
    if array and task:
        return f"{array}_{task}"
    return _name(environment, "SLURM_JOB_ID") or _name(environment, "SLURM_JOBID")


def _name(environment: Mapping[str, str], variable: str) -> str | None:
    """Return a printable name of bounded length; anything else is not a launcher's."""
    value = environment.get(variable, "").strip()
    return value if value.isprintable() and 0 < len(value) <= _LONGEST_NAME else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
