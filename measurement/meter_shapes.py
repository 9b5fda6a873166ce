"""The JSON that known meters answer with, recognised without being told where the figures stand.

Each shape is as its vendor documents it:

- Shelly Gen2+: https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Switch (apower W,
  aenergy.total Wh; PM1 alike), …/EM1 (act_power), …/EM1Data (total_act_energy Wh), …/EM
  (total_act_power), …/EMData (total_act Wh).
- Shelly Gen1: https://shelly-api-docs.shelly.cloud/gen1/ (meters[]: power W, total watt-minutes;
  emeters[]: power W, total Wh).
- Tasmota: https://tasmota.github.io/docs/Commands/ (Status 8: ENERGY.Power W, .Total kWh).
- Home Assistant: https://developers.home-assistant.io/docs/api/rest (state, unit_of_measurement).
- Redfish: DMTF DSP2046, Power (PowerControl[].PowerConsumedWatts), EnvironmentMetrics and
  PowerDistributionMetrics (PowerWatts.Reading, EnergykWh.Reading or .LifetimeReading).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from carbon_advisor.measurement.meter_units import MeterError, MeterValue, value_in

if TYPE_CHECKING:
    from collections.abc import Callable

Document = dict[str, Any]
T = TypeVar("T")

# A reading that somebody's own script writes: the key says the unit.
_OWN_KEYS = {"power_w": "W", "energy_j": "J", "energy_wh": "Wh", "energy_kwh": "kWh"}
_SHELLY_POWERS = ("apower", "act_power", "total_act_power")


def known_shape(document: Any) -> MeterValue:
    """Return what a decoded JSON document says if it is of a known shape, or a bare number.

    Raises:
        MeterError: it is none of them, has several channels, or says that it has no value.
    """
    if isinstance(document, int | float):
        return value_in("W", document)
    if isinstance(document, dict):
        for shape in _SHAPES:
            value = shape(document)
            if value is not None:
                return value
    raise MeterError("its JSON is of no known shape: say where the value stands, with #path.to.it")


def _home_assistant(document: Document) -> MeterValue | None:
    attributes = document.get("attributes")
    if "state" not in document or not isinstance(attributes, dict):
        return None
    if document["state"] in ("unavailable", "unknown"):  # not a set: it may be a list
        raise MeterError(f"Home Assistant says that it is {document['state']}")
    return value_in(str(attributes.get("unit_of_measurement", "")), document["state"])


def _shelly_component(document: Document) -> MeterValue | None:
    power = next((document[key] for key in _SHELLY_POWERS if key in document), None)
    energy = document.get("aenergy")
    total = energy.get("total") if isinstance(energy, dict) else None
    return _value(power, total, "Wh")


def _shelly_device(document: Document) -> MeterValue | None:
    """All components of a device by name ("switch:0"); only one of them may measure power."""
    found: dict[str, MeterValue] = {}
    for name, component in document.items():
        if ":" in name and isinstance(component, dict):
            value = _shelly_component(component)
            if value is not None:
                found[name] = value
    only = _only(found, "#switch:0.apower,switch:0.aenergy.total")
    if only is None:
        return None
    name, value = only
    kind, _, number = name.partition(":")
    counted = document.get(f"{kind}data:{number}")
    if not isinstance(counted, dict):
        return value
    total = counted.get("total_act_energy", counted.get("total_act"))
    return value if total is None else value.joined(value_in("Wh", total))


def _shelly_gen1_device(document: Document) -> MeterValue | None:
    for key in ("emeters", "meters"):
        meters = document.get(key)
        if isinstance(meters, list) and meters:
            found = {f"{key}.{index}": meter for index, meter in enumerate(meters)}
            only = _only(found, f"#{key}.0.power")
            return None if only is None else _shelly_gen1_meter(only[1])
    return None


def _shelly_gen1_meter(document: Any) -> MeterValue | None:
    if not isinstance(document, dict) or "power" not in document or "is_valid" not in document:
        return None
    if document["is_valid"] is False:
        raise MeterError("the Shelly says that its reading is not valid")
    # A three-phase or clamp meter counts watt-hours, a plug or relay watt-minutes.
    unit = "Wh" if "total_returned" in document else "Wmin"
    return _value(document["power"], document.get("total"), unit)


def _tasmota(document: Document) -> MeterValue | None:
    status = document.get("StatusSNS", document)
    energy = status.get("ENERGY") if isinstance(status, dict) else None
    if not isinstance(energy, dict):
        return None
    power = energy.get("Power")
    if isinstance(power, list):
        if len(power) != 1:
            raise MeterError("it has several channels: name one, with #StatusSNS.ENERGY.Power.0")
        power = power[0]
    return _value(power, energy.get("Total"), "kWh")


def _redfish_power(document: Document) -> MeterValue | None:
    controls = document.get("PowerControl")
    if not isinstance(controls, list) or not controls or not isinstance(controls[0], dict):
        return None
    return _value(controls[0].get("PowerConsumedWatts"), None, "kWh")


def _redfish_metrics(document: Document) -> MeterValue | None:
    power, energy = document.get("PowerWatts"), document.get("EnergykWh")
    watts = power.get("Reading") if isinstance(power, dict) else None
    counted = None
    if isinstance(energy, dict):  # Reading may be set back by anybody
        counted = energy.get("LifetimeReading", energy.get("Reading"))
    return _value(watts, counted, "kWh")


def _own_keys(document: Document) -> MeterValue | None:
    values = [value_in(unit, document[key]) for key, unit in _OWN_KEYS.items() if key in document]
    if not values:
        return None
    first, *others = values
    for other in others:
        first = first.joined(other)
    return first


def _only(found: dict[str, T], example: str) -> tuple[str, T] | None:
    if len(found) > 1:
        raise MeterError(f"it has several channels ({', '.join(found)}): name one, with {example}")
    return next(iter(found.items()), None)


def _value(power: Any, energy: Any, energy_unit: str) -> MeterValue | None:
    """Power in watts and an energy counter, either of which may be missing."""
    values = [] if power is None else [value_in("W", power)]
    values += [] if energy is None else [value_in(energy_unit, energy)]
    if not values:
        return None
    return values[0] if len(values) == 1 else values[0].joined(values[1])


_SHAPES: tuple[Callable[[Document], MeterValue | None], ...] = (
    _home_assistant,
    _shelly_component,
    _shelly_device,
    _shelly_gen1_device,
    _shelly_gen1_meter,
    _tasmota,
    _redfish_power,
    _redfish_metrics,
    _own_keys,
)
