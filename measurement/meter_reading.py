"""From the text a meter answers with to its figures: in the places that were named, or by shape.

Text shapes: a number with or without a unit; `ipmitool dcmi power reading` (ipmitool(1),
"Instantaneous power reading: 204 Watts"); FreeIPMI's `ipmi-dcmi --get-system-power-statistics`
(ipmi-dcmi(8), "Current Power : 164 Watts"); NUT's `upsc` (RFC 9271, "ups.realpower: 120"). By name:
Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from carbon_advisor.measurement.meter_shapes import known_shape
from carbon_advisor.measurement.meter_units import MeterError, MeterValue, is_unit, value_in

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_PLAIN = re.compile(rf"\s*{_NUMBER}\s*([A-Za-z]*)\s*")
_KNOWN_LINES = (
    re.compile(rf"Instantaneous power reading\s*:\s*{_NUMBER}\s*(Watts)"),
    re.compile(rf"^Current Power\s*:\s*{_NUMBER}\s*(Watts)", re.MULTILINE),
    re.compile(rf"^ups\.realpower\s*:\s*{_NUMBER}()", re.MULTILINE),
)
_SWITCHED_OFF = re.compile(r"Power reading state is\s*:\s*deactivated|^Power Measurement\s*:\s*Not")
_AFTER_NAME = re.compile(rf"(?:\{{[^}}]*\}})?(?:\s*[:=]\s*|\s+){_NUMBER}\s*([A-Za-z]*)")
_BETWEEN_PLACES = re.compile(r",(?![^{]*\})")  # not the commas between Prometheus' labels
# What a value is in where its name says so and nobody else does.
_UNIT_OF_ENDING = (
    ("aenergy.total", "Wh"),
    ("energy.total", "kWh"),  # Tasmota's
    ("kwh.reading", "kWh"),
    ("kwh", "kWh"),
    ("watt_hours_total", "Wh"),
    ("watt_hours", "Wh"),
    ("_wh", "Wh"),
    ("joules_total", "J"),
    ("joules", "J"),
    ("_j", "J"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: a dotted path in JSON, or a name in text; and its unit, "" if unsaid.

    "switch:0.apower" and "meters.0.power" are paths, "node_power_watts" is a name. An empty name is
    the whole answer.
    """

    name: str
    unit: str


def places_named(text: str) -> tuple[Place, ...]:
    """Return the places in what follows the # of a meter: "apower", "aenergy.total:Wh", or both.

    They are separated by commas; none means that the answer is of a known shape.
    """
    return tuple(_place(part.strip()) for part in _BETWEEN_PLACES.split(text) if part.strip())


def value_of(answer: str, places: tuple[Place, ...] = ()) -> MeterValue:
    """Return the figures in a meter's answer.

    Raises:
        MeterError: they are not there, or are no reading.
    """
    document = _decoded(answer)
    if not places:
        return _by_shape(answer) if document is None else known_shape(document)
    first, *others = (_at_place(answer, document, place) for place in places)
    for other in others:
        first = first.joined(other)
    return first


def _place(text: str) -> Place:
    name, colon, unit = text.rpartition(":")
    return Place(name, unit) if colon and is_unit(unit) else Place(text, "")


def _decoded(answer: str) -> Any:
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    # Gen2+ Shellies wrap the same answer when they are asked over RPC.
    wrapped = isinstance(document, dict) and isinstance(document.get("result"), dict)
    return document["result"] if wrapped else document


def _by_shape(answer: str) -> MeterValue:
    plain = _PLAIN.fullmatch(answer)
    if plain:
        return value_in(plain[2] or "W", plain[1])
    if _SWITCHED_OFF.search(answer):
        raise MeterError("it says that power reading is switched off")
    for line in _KNOWN_LINES:
        found = line.search(answer)
        if found:
            return value_in(found[2] or "W", found[1])
    raise MeterError("its answer is no number and of no known shape: name the value, with #name")


def _at_place(answer: str, document: Any, place: Place) -> MeterValue:
    if not place.name:
        plain = _PLAIN.fullmatch(answer)
        if plain is None:
            raise MeterError("its answer is no number")
        return value_in(place.unit, plain[1])
    if isinstance(document, dict | list):
        return value_in(place.unit or _unit_of(place.name), _in_json(document, place.name))
    number, unit = _in_text(answer, place.name)
    if place.unit:
        return value_in(place.unit, number)
    return value_in(unit if is_unit(unit) else _unit_of(place.name), number)


def _in_json(document: Any, path: str) -> Any:
    """Follow a dotted path; keys may hold dots themselves."""
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        key, rest = ".".join(parts[:count]), ".".join(parts[count:])
        if isinstance(document, dict) and key in document:
            found = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            found = document[int(key)]
        else:
            continue
        return _in_json(found, rest) if rest else found
    raise MeterError(f"there is no '{path}' in its answer")


def _in_text(answer: str, name: str) -> tuple[str, str]:
    """Find the one line that begins with a name; return its number and unit."""
    found = []
    for line in answer.splitlines():
        if line.strip().startswith(name):
            match = _AFTER_NAME.match(line.strip(), len(name))
            if match:
                found.append((match[1], match[2]))
    if not found:
        raise MeterError(f"there is no '{name}' in its answer")
    if len(found) > 1:
        raise MeterError(f"its answer has several '{name}': add the labels of one, {{…}}")
    return found[0]


def _unit_of(name: str) -> str:
    lower = name.partition("{")[0].lower()
    return next((unit for ending, unit in _UNIT_OF_ENDING if lower.endswith(ending)), "W")
