"""Which part of a distributed job a process is, from what real launchers put in its environment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.measurement.ranks import Ranks, ranks_here

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "f3a1",
    "RANK": "5",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "8",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
SLURM = {"SLURM_JOB_ID": "1234", "SLURM_PROCID": "3", "SLURM_LOCALID": "1", "SLURM_NTASKS": "4"}
OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "OMPI_COMM_WORLD_SIZE": "4",
    "PMIX_NAMESPACE": "prterun-node1-77@1",
    "PMIX_RANK": "2",
}
MPICH = {"PMI_RANK": "1", "PMI_SIZE": "2", "MPI_LOCALRANKID": "1"}
ARRAY = SLURM | {"SLURM_ARRAY_JOB_ID": "1230", "SLURM_ARRAY_TASK_ID": "7", "SLURM_PROCID": "0"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"RANK": "3"}, None),  # anybody's variable
        (TORCHRUN, Ranks("torchrun:f3a1", 5, 1, 8)),
        (TORCHRUN | {"TORCHELASTIC_RUN_ID": "none"}, Ranks("torchrun:node1:29500", 5, 1, 8)),
        (SLURM, Ranks("slurm:1234", 3, 1, 4)),
        ({"SLURM_JOB_ID": "1234"}, Ranks("slurm:1234")),
        (ARRAY, Ranks("slurm:1230_7", 0, 1, 4)),
        (OPEN_MPI, Ranks("mpi:prterun-node1-77@1", 2, 0, 4)),
        (MPICH, Ranks(None, 1, 1, 2)),
        (SLURM | OPEN_MPI, Ranks("slurm:1234", 2, 0, 4)),
        (
            SLURM | TORCHRUN | {"TORCHELASTIC_RUN_ID": "none", "SLURM_PROCID": "0"},
            Ranks("slurm:1234", 5, 1, 8),
        ),
        ({"SLURM_JOB_ID": "\n", "SLURM_PROCID": "x"}, None),
    ],
)
def test_each_launcher_is_understood(environment: dict[str, str], expected: Ranks | None) -> None:
    assert ranks_here(environment) == expected


@given(st.dictionaries(st.sampled_from([*TORCHRUN, *ARRAY, *OPEN_MPI, *MPICH]), st.text()))
def test_any_text_is_survived(environment: dict[str, str]) -> None:
    found = ranks_here(environment)
    assert found is None or found.rank is None or found.rank >= 0
