"""Idle energy is shared out once among the runs of a machine, nested and ranked ones included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.measurement.held_share import HeldShare, Holding, share_left


def holding(
    name: str, part: float = 1.0, parent: str | None = None, pid: int | None = None
) -> Holding:
    return Holding(name, parent, (1, pid or hash(name)), HeldShare(part, part / 2))


def threads(runs: list[Holding]) -> dict[str, float]:
    return {each.run_id: share_left(each, runs).threads for each in runs}


def test_alone_a_run_has_what_it_holds() -> None:
    assert share_left(holding("a", 0.25), []) == HeldShare(0.25, 0.125)


def test_what_fits_side_by_side_is_left_alone() -> None:
    assert threads([holding("a", 0.25), holding("b", 0.5)]) == {"a": 0.25, "b": 0.5}


def test_three_that_each_hold_everything_have_a_third() -> None:
    shares = threads([holding(name) for name in "abc"])
    assert shares == pytest.approx(dict.fromkeys("abc", 1 / 3))


def test_memory_is_shared_by_itself() -> None:
    """Both hold all threads and half the memory: only the threads are too many."""
    runs = [holding("a"), holding("b")]
    assert share_left(runs[0], runs) == HeldShare(0.5, 0.5)


def test_a_run_within_a_run_is_no_rival_and_shares_its_parents_part() -> None:
    runs = [
        holding("launcher"),
        holding("other"),
        holding("rank0", parent="launcher"),
        holding("rank1", parent="launcher"),
    ]
    expected = {"launcher": 0.5, "other": 0.5, "rank0": 0.25, "rank1": 0.25}
    assert threads(runs) == pytest.approx(expected)


def test_a_small_run_within_a_large_one_has_no_more_than_it_holds() -> None:
    assert threads([holding("a"), holding("b", 0.25, parent="a")]) == {"a": 1, "b": 0.25}


def test_trackers_of_one_process_count_once() -> None:
    runs = [holding("a", pid=7), holding("b", parent="a", pid=7), holding("c", parent="a", pid=7)]
    assert threads(runs) == {"a": 1, "b": 1, "c": 1}


def test_a_run_whose_parent_has_ended_stands_for_itself() -> None:
    assert threads([holding("a"), holding("b", parent="gone")]) == {"a": 0.5, "b": 0.5}


def test_a_forged_circle_ends() -> None:
    runs = [holding("a", parent="b"), holding("b", parent="a")]
    assert all(0 <= share <= 1 for share in threads(runs).values())


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=8), st.data())
def test_shares_never_exceed_the_machine(parts: list[float], data: st.DataObject) -> None:
    runs = []
    for number, part in enumerate(parts):
        parent = data.draw(st.sampled_from([None, *(each.run_id for each in runs)]))
        runs.append(holding(f"run {number}", part, parent))
    shares = threads(runs)
    for parent in (None, *shares):
        within = sum(shares[each.run_id] for each in runs if each.parent_id == parent)
        assert within <= (1 if parent is None else shares[parent]) + 1e-9
    assert all(shares[each.run_id] <= each.held.threads + 1e-9 for each in runs)
