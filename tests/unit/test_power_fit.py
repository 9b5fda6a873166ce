"""scripts/power_fit: the process, its splits and its closed forms, on machines made up here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from carbon_advisor.advisor.estimate.cpu_power import LEVELS, Servers

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from power_fit import folds, model, process, results, validation  # noqa: E402


def made_up(machines: int = 60) -> results.Results:
    """Machines of 12 CPU models, whose watts follow TDP, cores, a shape and an effect each."""
    random = np.random.default_rng(3)
    cpu = np.arange(machines) % 12
    tdp = 80.0 + 20 * cpu
    cores = 8.0 + 4 * (cpu % 5)
    sockets = 1.0 + random.integers(0, 2, machines)
    effect = random.normal(0, 0.1, 12)[cpu]
    noise = random.normal(0, 0.03, machines)
    full = sockets * tdp * np.exp(0.2 + effect + noise)
    watts = full[:, None] * (0.2 + 0.8 * LEVELS)
    watts[::3, 1:-1] = np.nan
    names = np.array([f"cpu {number}" for number in cpu])
    servers = Servers(
        tdp_w=tdp, cores=cores, threads_per_core=np.full(machines, 2.0),
        base_ghz=np.full(machines, 2.5) + 0.1 * (cpu % 3), sockets=sockets,
        memory_gb=64.0 * sockets + 32 * (cpu % 4), year=2010.0 + cpu, amd=(cpu % 2).astype(float),
        arm=np.zeros(machines), microarchitecture=np.array([f"kind {n // 3}" for n in cpu]),
        cpu=names,
    )  # fmt: skip
    vendor = np.where(servers.amd == 1, "AMD", "Intel")
    return results.Results(servers, watts, names, servers.year, vendor)


def test_a_cpu_model_is_in_one_fold_only() -> None:
    machines = made_up()
    seen = np.zeros(len(machines), dtype=int)
    for train, test in folds.splits(machines, "cpu model", 0):
        assert not set(machines.cpu[train]) & set(machines.cpu[test])
        seen += test
    assert (seen == 1).all()


def test_later_years_are_predicted_from_earlier_ones() -> None:
    machines = made_up()
    for train, test in folds.splits(machines, "later years", 0):
        if test.any():
            assert machines.servers.year[train].max() < machines.servers.year[test].min()


def test_leaving_a_group_out_in_closed_form_is_what_leaving_it_out_gives() -> None:
    random = np.random.default_rng(5)
    names = np.array(list("aabbccdd"))
    root = random.normal(size=(8, 8))
    covariance, targets = root @ root.T + np.eye(8), random.normal(size=8)
    precision = np.linalg.inv(covariance)
    found = process._left_out(precision, precision @ targets, names)
    for name in "abcd":
        out = names == name
        weights = np.linalg.solve(covariance[np.ix_(~out, ~out)], targets[~out])
        expected = targets[out] - covariance[np.ix_(out, ~out)] @ weights
        assert found[out] == pytest.approx(expected)


def test_the_fit_finds_what_the_machines_were_made_of() -> None:
    machines = made_up()
    fitted = model.model_of(machines)
    curves = fitted.curves_w(machines.servers)
    error = np.abs(curves / machines.watts - 1)
    assert np.nanmean(error) < 0.06
    assert fitted.load_shapes(machines.servers) == pytest.approx(
        np.tile(LEVELS, (len(machines), 1)), abs=0.02
    )


def test_two_fits_are_the_same() -> None:
    assert model.document_of(made_up(36)) == model.document_of(made_up(36))


def test_quantiles_hold_nine_in_ten() -> None:
    machines = made_up(600)
    random = np.random.default_rng(9)
    predicted = (machines.watts * np.exp(random.normal(0, 0.1, machines.watts.shape)))[None]
    low, high = np.array(validation.quantiles(machines, predicted))
    assert low == pytest.approx(-0.1645, abs=0.03)
    assert high == pytest.approx(0.1645, abs=0.03)
    rows = validation.error_rows(machines, {"cpu model": predicted})
    whole = next(row for row in rows if row["subset"] == "all" and row["load"] == "all")
    assert whole["mape"] == pytest.approx(0.08, abs=0.01)
    assert whole["coverage_90"] == pytest.approx(0.9, abs=0.03)
