"""Which boards and MIG instances an environment leaves visible, as CUDA reads it."""

from __future__ import annotations

import pytest

from carbon_advisor.measurement.nvml_visibility import (
    MigInstance,
    NvidiaBoard,
    order_is_guessed,
    visible_units,
)

WHOLE = [NvidiaBoard("GPU-a1"), NvidiaBoard("GPU-b2"), NvidiaBoard("GPU-b3")]
SPLIT = NvidiaBoard(
    "GPU-m4",
    instances=(MigInstance("MIG-x1", 1, 0, 3), MigInstance("MIG-x2", 2, 0, 4)),
    partitioned=True,
    slices=7,
)


def seen(setting: str | None, boards: list[NvidiaBoard]) -> list[str]:
    environment = {} if setting is None else {"CUDA_VISIBLE_DEVICES": setting}
    units = visible_units(boards, environment)
    return [unit.instance.uuid if unit.instance else unit.board.uuid for unit in units]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, ["GPU-a1", "GPU-b2", "GPU-b3"]),
        ("1", ["GPU-b2"]),
        ("2, 0", ["GPU-b3", "GPU-a1"]),
        ("GPU-b3", ["GPU-b3"]),
        ("GPU-a,1", ["GPU-a1", "GPU-b2"]),
        ("0,GPU-b,1", ["GPU-a1"]),  # names two boards, so none
        ("0,7,1", ["GPU-a1"]),  # CUDA stops at the first that does not exist
        ("0,-1,1", ["GPU-a1"]),
        ("0,0,1", ["GPU-a1", "GPU-b2"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("MIG-x1", []),
        ("MIG-GPU-a1/1/0", ["GPU-a1"]),  # an instance that is not listed is its board
    ],
)
def test_boards(setting: str | None, expected: list[str]) -> None:
    assert seen(setting, WHOLE) == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, ["GPU-a1", "MIG-x1", "MIG-x2"]),
        ("1", ["MIG-x1"]),  # CUDA uses the first instance of a board that is only numbered
        ("GPU-m", ["MIG-x1"]),
        ("MIG-x2", ["MIG-x2"]),
        ("MIG-x2,MIG-x1,0", ["MIG-x2", "MIG-x1", "GPU-a1"]),
        ("MIG-x", []),  # names two
        ("MIG-GPU-m4/2/0", ["MIG-x2"]),
        ("MIG-GPU-m4/9/0", ["GPU-m4"]),
    ],
)
def test_instances(setting: str | None, expected: list[str]) -> None:
    assert seen(setting, [WHOLE[0], SPLIT]) == expected


def test_the_container_runtimes_none_is_believed_and_its_void_is_not() -> None:
    """Containers that get their GPUs by the Container Device Interface say void."""
    assert visible_units(WHOLE, {"NVIDIA_VISIBLE_DEVICES": "none"}) == []
    for value in ("void", "all", "0", "GPU-a1"):
        assert len(visible_units(WHOLE, {"NVIDIA_VISIBLE_DEVICES": value})) == 3


def test_a_part_is_by_slices() -> None:
    assert [unit.part for unit in visible_units([WHOLE[0], SPLIT], {})] == [1, 3 / 7, 4 / 7]


@pytest.mark.parametrize(
    ("setting", "order", "expected"),
    [
        ("0", "", True),
        ("0", "PCI_BUS_ID", False),
        ("0", "FASTEST_FIRST", True),
        ("GPU-a1", "", False),
        ("", "", False),
    ],
)
def test_numbers_are_a_guess_only_among_several_models(
    setting: str, order: str, expected: bool
) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": setting, "CUDA_DEVICE_ORDER": order}
    assert order_is_guessed(["H100", "L4"], environment, seen=1) is expected
    assert not order_is_guessed(["H100", "H100"], environment, seen=1)
