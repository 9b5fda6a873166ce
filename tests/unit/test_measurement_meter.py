"""How a meter is written, and what is understood of its answers: the shapes vendors document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.meter_address import meter_address
from carbon_advisor.measurement.meter_reading import places_named, value_of
from carbon_advisor.measurement.meter_units import MeterError, MeterValue

WH = 3600.0
SWITCH = {"id": 0, "output": True, "apower": 106.3, "aenergy": {"total": 267.813, "minute_ts": 1}}
METER_GEN1 = {"power": 22.5, "is_valid": True, "counters": [22.4, 0.0, 0.0], "total": 1234}
EMETER_GEN1 = {"power": 10.66, "pf": 1, "is_valid": True, "total": 5.3, "total_returned": 0.0}
TASMOTA = {"ENERGY": {"Total": 41.573, "Today": 8.286, "Power": 182, "Factor": 0.98}}
IPMITOOL = """
    Instantaneous power reading:                   204 Watts
    Minimum during sampling period:                  8 Watts
    Maximum during sampling period:                469 Watts
    Average power reading over sample period:      206 Watts
    Power reading state is:                   activated
"""
FREEIPMI = "Current Power                        : 164 Watts\nMinimum Power over …  : 2 watts\n"
UPSC = "battery.charge: 100\nups.load: 23.4\nups.realpower: 120\nups.realpower.nominal: 900\n"
REDFISH_POWER = {
    "@odata.type": "#Power.v1_5_3.Power",
    "PowerControl": [{"PowerConsumedWatts": 150}],
}
REDFISH_METRICS = {
    "PowerWatts": {"Reading": 374},
    "EnergykWh": {"Reading": 3638, "LifetimeReading": 6491},
}
PROMETHEUS = (
    "# HELP plug_power_watts Power\n# TYPE plug_power_watts gauge\n"
    'plug_power_watts{name="rack",phase="1"} 15.8 1700000000000\n'
    'plug_power_watts{name="other",phase="1"} 3\n'
    "plug_energy_watt_hours_total 9492.468\nnode_energy_joules_total 1.5e3\n"
)


def home_assistant(state: str, unit: str) -> dict[str, Any]:
    return {"entity_id": "sensor.x", "state": state, "attributes": {"unit_of_measurement": unit}}


@pytest.mark.parametrize(
    ("answer", "power_w", "energy_j"),
    [
        (SWITCH, 106.3, 267.813 * WH),
        ({"id": 7, "src": "shelly", "result": SWITCH}, 106.3, 267.813 * WH),
        ({"sys": {"mac": "x"}, "input:0": {"id": 0}, "switch:0": SWITCH}, 106.3, 267.813 * WH),
        ({"em1:0": {"act_power": 800.5}, "em1data:0": {"total_act_energy": 5.0}}, 800.5, 5 * WH),
        ({"em:0": {"total_act_power": 1011.0}, "emdata:0": {"total_act": 9.5}}, 1011, 9.5 * WH),
        (METER_GEN1, 22.5, 1234 * 60),
        ({"relays": [{}], "meters": [METER_GEN1]}, 22.5, 1234 * 60),
        (EMETER_GEN1, 10.66, 5.3 * WH),
        ({"emeters": [EMETER_GEN1], "total_power": 10.66}, 10.66, 5.3 * WH),
        ({"StatusSNS": {"Time": "2020-06-29T22:22:24", **TASMOTA}}, 182, 41573 * WH),
        (TASMOTA, 182, 41573 * WH),
        ({"StatusSNS": {"ENERGY": {"Power": [55], "Total": 1}}}, 55, 1000 * WH),
        (home_assistant("230.5", "W"), 230.5, None),
        (home_assistant("0.2305", "kW"), 230.5, None),
        (home_assistant("12.345", "kWh"), None, 12345 * WH),
        (home_assistant("2", "MWh"), None, 2e6 * WH),
        (home_assistant("3.6", "MJ"), None, 3.6e6),
        (REDFISH_POWER, 150, None),
        (REDFISH_METRICS, 374, 6_491_000 * WH),
        ({"power_w": 80, "energy_wh": 2}, 80, 2 * WH),
        (204.5, 204.5, None),
        ("204", 204, None),
        (" 204.5 W\n", 204.5, None),
        ("0.21 kW", 210, None),
        ("12 Wh", None, 12 * WH),
        ("-0.3", 0, None),  # a plug's noise
        (IPMITOOL, 204, None),
        (FREEIPMI, 164, None),
        (UPSC, 120, None),
    ],
)
def test_documented_answers_are_known(
    answer: Any, power_w: float | None, energy_j: float | None
) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    value = value_of(text)
    assert value.power_w == pytest.approx(power_w)
    assert value.energy_j == pytest.approx(energy_j)


@pytest.mark.parametrize(
    ("answer", "where", "power_w", "energy_j"),
    [
        (json.dumps(SWITCH), "apower", 106.3, None),
        (json.dumps(SWITCH), "apower,aenergy.total", 106.3, 267.813 * WH),
        (json.dumps(SWITCH), "aenergy.total:Wh", None, 267.813 * WH),
        (json.dumps({"switch:0": SWITCH, "switch:1": SWITCH}), "switch:0.apower", 106.3, None),
        (json.dumps({"meters": [{"power": 1}, {"power": 2}]}), "meters.1.power", 2, None),
        (json.dumps({"a.b": {"c": "0.4"}}), "a.b.c:kW", 400, None),
        (json.dumps([5, 6]), "1", 6, None),
        ("42", ":kWh", None, 42_000 * WH),
        (UPSC, "ups.load:W", 23.4, None),
        (IPMITOOL, "Average power reading over sample period", 206, None),
        (PROMETHEUS, 'plug_power_watts{name="rack",phase="1"}', 15.8, None),
        (PROMETHEUS, "plug_energy_watt_hours_total", None, 9492.468 * WH),
        (PROMETHEUS, "node_energy_joules_total", None, 1500),
        ("watts=17\n", "watts", 17, None),
    ],
)
def test_a_value_is_found_where_the_user_says(
    answer: str, where: str, power_w: float | None, energy_j: float | None
) -> None:
    value = value_of(answer, places_named(where))
    assert value.power_w == pytest.approx(power_w)
    assert value.energy_j == pytest.approx(energy_j)


@pytest.mark.parametrize(
    ("answer", "where", "reason"),
    [
        ("<html>please log in</html>", "", "no number and of no known shape"),
        ("", "", "no number"),
        ("NaN", "", "no number"),
        ('{"temperature": 20}', "", "no known shape: say where"),
        ("[1, 2]", "", "no known shape"),
        ("true", "", "no number"),
        ("-40", "", "-40 W is not what one machine takes"),
        ("2000000", "", "is not what one machine takes"),
        (json.dumps(home_assistant("unavailable", "W")), "", "says that it is unavailable"),
        (json.dumps(home_assistant("21", "°C")), "", "is no unit of power"),
        (json.dumps({**METER_GEN1, "is_valid": False}), "", "not valid"),
        (json.dumps({"meters": [METER_GEN1, METER_GEN1]}), "", "several channels (meters.0, me"),
        (json.dumps({"switch:0": SWITCH, "switch:1": SWITCH}), "", "several channels"),
        (IPMITOOL.replace("activated", "deactivated"), "", "switched off"),
        (json.dumps(SWITCH), "apowr", "no 'apowr' in its answer"),
        (json.dumps(SWITCH), "output", "no number"),
        (PROMETHEUS, "plug_power_watts", "several 'plug_power_watts'"),
        (PROMETHEUS, "no_such_metric", "no 'no_such_metric'"),
        ("wat", ":W", "no number"),
        ('{"aenergy": {"total": -1}}', "", "negative"),
    ],
)
def test_what_is_no_reading_is_said_and_never_a_number(
    answer: str, where: str, reason: str
) -> None:
    with pytest.raises(MeterError) as error:
        value_of(answer, places_named(where))
    assert reason in str(error.value)
    assert "log in" not in str(error.value)  # an answer is not quoted: it may hold a secret


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "apower",
                        "aenergy",
                        "meters",
                        "ENERGY",
                        "PowerControl",
                        "state",
                        "x:0",
                        "attributes",
                        "result",
                        "PowerWatts",
                        "power",
                        "is_valid",
                        "power_w",
                    ]
                ),
                inner,
            )
        ),
    ).map(json.dumps)
)
def test_whatever_a_meter_says_is_a_sound_reading_or_an_error(answer: str) -> None:
    try:
        value = value_of(answer)
    except MeterError:
        return
    assert value.power_w is None or 0 <= value.power_w <= 1e5
    assert value.energy_j is None or 0 <= value.energy_j < float("inf")


def test_a_reading_says_something() -> None:
    with pytest.raises(MeterError):
        MeterValue()


@pytest.mark.parametrize(
    ("text", "kind", "target", "where", "shown"),
    [
        ("file:/run/watts", "file", ("/run/watts",), [], "file /run/watts"),
        ("file:///run/watts#a.b:kW", "file", ("/run/watts",), ["a.b"], "file /run/watts"),
        ("file:watts.txt", "file", ("watts.txt",), [], "file watts.txt"),
        (
            "command:/usr/bin/ipmitool -P 'my pass' dcmi power reading",
            "command",
            ("/usr/bin/ipmitool", "-P", "my pass", "dcmi", "power", "reading"),
            [],
            "command ipmitool",
        ),
        (
            "command:upsc ups@host #ups.load:W",
            "command",
            ("upsc", "ups@host"),
            ["ups.load"],
            "command upsc",
        ),
        (
            "http://10.0.0.5/rpc/Switch.GetStatus?id=0#apower,aenergy.total:Wh",
            "http",
            ("http://10.0.0.5/rpc/Switch.GetStatus?id=0",),
            ["apower", "aenergy.total"],
            "http://10.0.0.5/rpc/Switch.GetStatus",
        ),
        (
            "https://root:s3cret@bmc:8443/redfish/v1/Chassis/1/Power",
            "http",
            ("https://root:s3cret@bmc:8443/redfish/v1/Chassis/1/Power",),
            [],
            "https://bmc:8443/redfish/v1/Chassis/1/Power",
        ),
        (
            "http://plug/cm?user=admin&password=joker&cmnd=Status%208",
            "http",
            ("http://plug/cm?user=admin&password=joker&cmnd=Status%208",),
            [],
            "http://plug/cm",
        ),
        (
            "http://[fe80::1]/status",
            "http",
            ("http://[fe80::1]/status",),
            [],
            "http://[fe80::1]/status",
        ),
    ],
)
def test_the_three_kinds_of_meters(
    text: str, kind: str, target: tuple[str, ...], where: list[str], shown: str
) -> None:
    address = meter_address(text)
    assert (address.kind, address.target, address.shown) == (kind, target, shown)
    assert [place.name for place in address.places] == where
    assert "s3cret" not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file:",
        "file:#x",
        "command:",
        "command:'open",
        "http://",
        "http:///x",
        "42",
        "http://h:notaport/",
        "http://a b/",
        "htp://user:s3cret@host/x",
        "ftp://user:s3cret@host",
    ],
)
def test_a_meter_that_is_none_is_one_line_that_names_the_three_kinds(text: str) -> None:
    with pytest.raises(InputError) as error:
        meter_address(text)
    message = str(error.value)
    assert all(kind in message for kind in ("file:PATH", "command:PROGRAM", "http://HOST"))
    assert "s3cret" not in message
    assert "\n" not in message
