"""Energy by NVML on loads whose energy is known: nothing lost, and errors as large as stated."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvml_library import Board, Clock, NvmlLibrary, SquareWave

from carbon_advisor.measurement.gpu_processes import ProcessView
from carbon_advisor.measurement.gpu_source import BoardSource
from carbon_advisor.measurement.nvml import nvml_gpus
from carbon_advisor.measurement.nvml_sensors import (
    UNKNOWN,
    averaged_error,
    counted_error,
    momentary_by_default,
    momentary_error,
    sensor_of,
)
from carbon_advisor.measurement.power_source import EnergyMeter

HOST = ProcessView(whole=True, exists=lambda _pid: True)


@contextmanager
def running(board: Board, clock: Clock, driver: str = "550.54") -> Iterator[BoardSource]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock.rules(monkeypatch)
        NvmlLibrary(clock, board, driver=driver).install(monkeypatch)
        (source,) = nvml_gpus({}, view=HOST).sources
        assert isinstance(source, BoardSource)
        yield source


def measured_j(source: BoardSource, clock: Clock, steps_s: list[float]) -> float:
    meter = EnergyMeter(source)
    joules = 0.0
    for step_s in steps_s:
        clock.now_s += step_s
        joules += meter.advance()
    return joules


LOADS = st.builds(
    SquareWave,
    high_w=st.floats(100, 700),
    low_w=st.floats(20, 100),
    period_s=st.floats(0.05, 20),
    duty=st.floats(0.1, 0.9),
    phase_s=st.floats(0, 20),
)


@settings(max_examples=60, deadline=None)
@given(LOADS, st.lists(st.floats(0.001, 2.0), min_size=1, max_size=40), st.booleans())
def test_any_partition_of_time_sums_up_to_the_truth_within_one_update(
    load: SquareWave, steps_s: list[float], counted: bool
) -> None:
    board = Board("GPU-a", load=load, counter=counted, buffered=not counted)
    clock = Clock()
    with running(board, clock) as source:
        began_s = clock.now_s
        joules = measured_j(source, clock, steps_s)
        # a buffer's samples are joined by straight lines: half an update more at each end
        slack_j = board.update_s * load.high_w * (1.01 if counted else 2.01)
        assert abs(joules - load.energy_j(began_s, clock.now_s)) <= slack_j
        assert len(source.notes()) <= 1


WAYS = {
    "counter, contiguous": Board("GPU-a", capability=(7, 5)),
    "counter, 25 of 100 ms": Board("GPU-a", window_s=0.025),
    "buffer, 10 of 20 ms": Board(
        "GPU-a", capability=(6, 0), update_s=0.02, window_s=0.01, counter=False, buffered=True
    ),
    "means of 1 s, 25 of 100 ms": Board("GPU-a", window_s=0.025, counter=False),
    "latest, 25 of 100 ms": Board(
        "GPU-a", capability=(8, 0), window_s=0.025, counter=False, average=False
    ),
    "latest, 10 of 20 ms": Board(
        "GPU-a", capability=(7, 0), update_s=0.02, window_s=0.01, counter=False, fields=False
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seconds", [5, 30])
def test_errors_on_replayed_square_waves_are_as_large_as_stated(way: str, seconds: int) -> None:
    """90 % of loads that jump between a fifth and all of the power, each board with its gain."""
    chance = random.Random(20231204)
    within, tries = 0, 60
    for _ in range(tries):
        board = Board(**vars(WAYS[way]))
        board.gain = 1 + chance.uniform(-0.05, 0.05)
        board.load = SquareWave(500, 100, chance.uniform(0.03, 3), 0.5, chance.uniform(0, 3))
        clock = Clock(1000 + chance.uniform(0, 1))
        with running(board, clock) as source:
            began_s = clock.now_s
            joules = measured_j(source, clock, [1.0] * seconds)
            truth_j = board.load.energy_j(began_s, clock.now_s)
            within += abs(joules / truth_j - 1) <= source.relative_error
    assert within >= 0.85 * tries


@pytest.mark.parametrize("way", WAYS)
def test_the_words_say_how_power_is_read(way: str) -> None:
    clock = Clock()
    with running(WAYS[way], clock) as source:
        how = way.partition(",")[0]
        known = {"counter": "counter", "buffer": "every sample", "means of 1 s": "means over 1 s"}
        assert known.get(how, "the latest figure") in source.source


def test_a_driver_that_stops_to_fill_its_buffer_is_polled_from_there() -> None:
    clock = Clock()
    board = Board("GPU-a", counter=False, buffered=True)
    with running(board, clock) as source:
        first_j = measured_j(source, clock, [1.0] * 5)
        assert "every sample" in source.source
        board.buffer_length = 0
        rest_j = measured_j(source, clock, [1.0] * 10)
        assert first_j + rest_j == pytest.approx(15 * 300, rel=0.01)
        assert "means over 1 s" in source.source


def test_power_usage_is_what_the_driver_makes_of_it() -> None:
    assert momentary_by_default((7, 0), 550)
    assert momentary_by_default((8, 0), 550)  # GA100
    assert momentary_by_default((8, 6), 525)
    assert not momentary_by_default((8, 6), 530)
    assert not momentary_by_default((9, 0), 550)
    clock = Clock()
    board = Board("GPU-a", capability=(8, 6), counter=False, fields=False)
    with running(board, clock, driver="535.1") as source:
        assert "means over 1 s" in source.source
    with running(board, clock, driver="525.1") as source:
        assert "the latest figure" in source.source


def test_what_is_not_known_of_a_board_is_assumed_and_said() -> None:
    assert sensor_of((8, 9), "NVIDIA L4") is UNKNOWN
    assert "assumed" in UNKNOWN.words()
    assert sensor_of((9, 0), "NVIDIA GH200 480GB").window_s == 0.02
    assert "25 of each 100 ms" in sensor_of((8, 0), "NVIDIA A100-SXM4-40GB").words()


def test_errors_follow_from_the_window_the_interval_and_the_length_of_a_run() -> None:
    turing, hopper, volta = (sensor_of(c, "") for c in ((7, 5), (9, 0), (7, 0)))
    assert counted_error(turing, 3600) == pytest.approx(0.05, abs=1e-4)
    assert counted_error(hopper, 3600) == pytest.approx(0.05, abs=2e-3)
    assert counted_error(hopper, 5) > counted_error(turing, 5)
    for sensor in (turing, hopper, volta):
        assert counted_error(sensor, 60) <= averaged_error(sensor, 1, 60)
        assert averaged_error(sensor, 1, 60) < momentary_error(sensor, 1, 60)
        assert momentary_error(sensor, 0.1, 60) < momentary_error(sensor, 1, 60)
        assert counted_error(sensor, 0.01) == 1
    assert momentary_error(hopper, 1, 60) == pytest.approx(0.15, abs=0.01)
