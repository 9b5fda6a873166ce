"""Servers from what is stated: known models, unknown ones, totals and contradictions."""

from __future__ import annotations

import math

import pytest

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.estimate.server_power import gpu_server_power, server_power
from carbon_advisor.advisor.estimate.stated_server import StatedServer, known_server
from carbon_advisor.measurement.errors import InputError, UnknownNameError

CATALOG = load_catalog()


def kind_of(name: str) -> str:
    stated = StatedServer(cpu=name, tdp_w=300, cores=32)
    return str(known_server(stated, CATALOG).servers.microarchitecture[0])


def test_a_known_model_needs_its_name_only() -> None:
    found = known_server(StatedServer(cpu="AMD EPYC 9654 96-Core Processor"), CATALOG)
    servers = found.servers
    assert (servers.tdp_w[0], servers.cores[0], servers.threads_per_core[0]) == (360, 96, 2)
    assert (servers.base_ghz[0], servers.year[0], servers.amd[0]) == (2.4, 2022, 1)
    assert (found.name, found.threads) == ("EPYC 9654", 192)
    assert math.isnan(servers.memory_gb[0])


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Intel Xeon 8480+", "Xeon Platinum 8480+"),
        ("Intel(R) Xeon(R) 6787P,", "Xeon 6787P"),
        ("Intel Xeon 6-6980P", "Xeon 6980P"),
        ("Intel Xeon E5-2660 v3 (2.60 GHz)", "Xeon E5-2660 v3"),
        ("Intel Xeon E3-1265LV2", "Xeon E3-1265L v2"),
        ("E3-1260L v5", "Xeon E3-1260L v5"),
        ("Quad-Core AMD Opteron(tm) Processor 2384", "Opteron 2384"),
        ("AMD Opteron 2376HE", "Opteron 2376 HE"),
        ("Ampere® Altra® 64-Bit Multi-Core Processor Q64-30", "Q64-30"),
    ],
)
def test_names_as_lists_of_results_write_them(written: str, name: str) -> None:
    assert known_server(StatedServer(cpu=written), CATALOG).name == name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("EPYC 7743", "EPYC 3rd Gen"),
        ("Intel Xeon Gold 6339", "Ice Lake"),
        ("Xeon E5-2671 v4", "Broadwell"),
        ("Xeon E5-2671 v2", "Ivy Bridge"),
        ("Xeon 6785P", "Granite Rapids"),
        ("Opteron 6379", "Opteron Bulldozer"),
        ("Ice Lake", "Ice Lake"),
        ("Kunpeng 920", ""),
    ],
)
def test_an_unknown_model_is_of_the_kind_of_its_names_alike(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_totals_of_the_machine_are_understood() -> None:
    one = known_server(StatedServer(cpu="EPYC 9654", sockets=2), CATALOG)
    total = known_server(StatedServer(cpu="EPYC 9654", sockets=2, cores=192, threads=384), CATALOG)
    assert total.threads == one.threads == 384


def test_a_stated_figure_goes_before_the_listed_one() -> None:
    configured = known_server(StatedServer(cpu="EPYC 9654", tdp_w=400), CATALOG)
    assert configured.servers.tdp_w[0] == 400
    tdp = next(fact for fact in configured.facts if fact.name == "TDP of a CPU")
    assert tdp.basis == "stated"


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        (StatedServer(), "--cpu"),
        (StatedServer(tdp_w=200), "--cores"),
        (StatedServer(cpu="EPYC 9T24"), "EPYC 9"),
        (StatedServer(cpu="EPYC 9V84"), "--tdp"),
    ],
)
def test_what_is_missing_is_named(stated: StatedServer, says: str) -> None:
    with pytest.raises(InputError, match=says):
        known_server(stated, CATALOG)


def test_an_unknown_name_has_near_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        known_server(StatedServer(cpu="EPYC 9655X"), CATALOG)
    assert "EPYC 9655" in caught.value.nearest


@pytest.mark.parametrize(
    "figures",
    [{"tdp_w": 0.0}, {"cores": -1.0}, {"memory_gb": math.nan}, {"year": 1950.0}, {"sockets": 0.0}],
)
def test_absurd_figures_are_refused(figures: dict[str, float]) -> None:
    with pytest.raises(InputError, match="is a number from"):
        StatedServer(cpu="EPYC 9654", **figures)


def test_a_share_has_its_part_of_idle_and_of_the_interval() -> None:
    server = known_server(StatedServer(cpu="EPYC 9654", sockets=2, memory_gb=768), CATALOG)
    whole = server_power(server, 0.4, CATALOG)
    share = server_power(server, 0.4, CATALOG, vcpus=96)
    assert share.power_w.value == pytest.approx(whole.power_w.value / 4)
    assert share.idle_w == pytest.approx(whole.idle_w / 4)
    assert share.power_w.high / share.power_w.value == pytest.approx(
        whole.power_w.high / whole.power_w.value
    )
    with pytest.raises(InputError, match="384"):
        server_power(server, 0.4, CATALOG, vcpus=400)


def test_memory_not_stated_widens_the_interval_and_is_noted() -> None:
    said = known_server(StatedServer(cpu="EPYC 9654", sockets=1, memory_gb=192), CATALOG)
    silent = known_server(StatedServer(cpu="EPYC 9654", sockets=1), CATALOG)
    narrow, wide = server_power(said, 0.5, CATALOG), server_power(silent, 0.5, CATALOG)
    assert narrow.notes == ()
    assert any(note.startswith("memory assumed") for note in wide.notes)
    assert wide.power_w.high / wide.power_w.value > narrow.power_w.high / narrow.power_w.value


def test_the_watts_lie_between_idle_and_full_load() -> None:
    server = known_server(StatedServer(cpu="Xeon Platinum 8490H", sockets=2), CATALOG)
    found = [server_power(server, load / 20, CATALOG) for load in range(21)]
    watts = [each.power_w.value for each in found]
    assert watts == sorted(watts)
    assert (watts[0], watts[-1]) == pytest.approx((found[0].idle_w, found[0].max_w))
    for each in found:
        assert each.power_w.low < each.power_w.value < each.power_w.high


def test_a_named_host_takes_the_place_of_the_assumed_one() -> None:
    row = CATALOG.find_accelerator("RTX 4090")
    server = known_server(StatedServer(cpu="Ryzen 9 7950X", memory_gb=64), CATALOG)
    host = server_power(server, 0.2, CATALOG)
    found = gpu_server_power(row, 1, 1.0, CATALOG, host)
    boards = float(CATALOG.accelerators.tdp_w[row])
    assert found.power_w.value == pytest.approx(boards * 1.15 + host.power_w.value)
    assert host.provenance in found.provenance.parts
