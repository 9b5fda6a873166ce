"""An external meter of the whole machine: a file, a command or an HTTP endpoint that gives watts.

It is read in a thread of its own, so that one that hangs delays neither the program nor a sample.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.meter_address import meter_address
from carbon_advisor.measurement.meter_energy import MeteredEnergy
from carbon_advisor.measurement.meter_reading import value_of
from carbon_advisor.measurement.meter_units import MeterError

if TYPE_CHECKING:
    from carbon_advisor.measurement.diagnosis import Finding
    from carbon_advisor.measurement.meter_address import MeterAddress
    from carbon_advisor.measurement.meter_units import MeterValue

TOKEN_VARIABLE = "ADVISOR_METER_TOKEN"  # noqa: S105 - the variable's name
# Metering plugs and PDUs state 0.5 to 2 %; a BMC's figure may be worse, and no vendor states it.
RELATIVE_ERROR = 0.02
_INTERVAL_S = {"file": 1.0, "http": 1.0, "command": 2.0}  # meters refresh no faster than 1 s
_MOST_CHARACTERS = 1 << 20
_REWRITTEN_S = 0.05
_FIRST_ANSWER_S = 5.0  # a challenge and a redirect of 2 s each


class Reader(Protocol):
    """What gets a meter's answer."""

    def read(self) -> str:
        """Return the answer's text, or raise MeterError."""

    def close(self) -> None:
        """Let go of what is kept open."""


class ExternalMeter:
    """A meter that is read again and again, from `start` to `close`.

    Args:
        address: where it is.
        reader: gets its answers.
        patience_s: without an answer, after which it is lost for the rest of a run.
    """

    relative_error = RELATIVE_ERROR

    def __init__(
        self, address: MeterAddress, reader: Reader, patience_s: float | None = None
    ) -> None:
        self.shown = address.shown
        self.interval_s = _INTERVAL_S[address.kind]
        self.value: MeterValue | None = None
        self.failure = ""
        self._places = address.places
        self._reader = reader
        self._patience_s = patience_s or max(10.0, 5 * self.interval_s)
        self._lock = threading.Lock()
        self._energy = MeteredEnergy(time.monotonic(), self._patience_s)
        self._answered = threading.Event()
        self._closing = threading.Event()

    @property
    def energy(self) -> MeteredEnergy:
        """What it has metered since `begin`."""
        return self._energy

    def start(self) -> None:
        """Begin to read it, in a thread."""
        threading.Thread(target=self._run, name="advisor-meter", daemon=True).start()

    def close(self) -> None:
        """Read it no more."""
        self._closing.set()

    def wait(self, timeout_s: float = _FIRST_ANSWER_S) -> MeterValue:
        """Wait for its first answer.

        Raises:
            MeterError: it failed, or none came in time.
        """
        self._answered.wait(timeout_s)
        if self.value is None:
            raise MeterError(self.failure or f"no answer within {timeout_s:g} s")
        return self.value

    def begin(self, now_s: float) -> None:
        """Count energy from now on."""
        with self._lock:
            self._energy = MeteredEnergy(now_s, self._patience_s)
            if self.value is not None:
                self._energy.take(self.value, now_s)

    def advance(self, now_s: float, own_j: float) -> float:
        """Return the machine's joules since the last call; see `MeteredEnergy.advance`."""
        with self._lock:
            return self._energy.advance(now_s, own_j)

    def poll(self) -> None:
        """Read it once; a failure is kept and not raised."""
        try:
            value = value_of(self._reader.read(), self._places)
        except MeterError as error:
            self.failure = str(error)
        except Exception as error:  # a fault of ours: its message might quote a secret
            self.failure = f"it cannot be read: {type(error).__name__}"
        else:
            with self._lock:
                self.value, self.failure = value, ""
                self._energy.take(value, time.monotonic())
        self._answered.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            self.poll()
            self._closing.wait(self.interval_s)
        self._reader.close()


class FileMeter:
    """A file that something else keeps writing."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()

    def read(self) -> str:
        """Return what is in it.

        Raises:
            MeterError: it cannot be read.
        """
        try:
            # One that is being rewritten is empty for a moment.
            text = self._text()
            if not text.strip():
                time.sleep(_REWRITTEN_S)
                text = self._text()
            return text
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it holds no text"
            raise MeterError(str(why)) from None

    def close(self) -> None:
        """Nothing is kept open."""

    def _text(self) -> str:
        with self._path.open(encoding="utf-8") as file:
            return file.read(_MOST_CHARACTERS)


def open_meter(text: str, *, wait: bool) -> ExternalMeter:
    """Return a meter that is being read; make it before the job starts.

    Args:
        text: how the user wrote it.
        wait: for its first answer.

    Raises:
        InputError: nothing that we know; or, after waiting, a meter that cannot be read.
    """
    address = meter_address(text)
    try:
        meter = ExternalMeter(address, _reader(address))
        meter.start()
        if wait:
            try:
                meter.wait()
            except MeterError:
                meter.close()
                raise
    except MeterError as error:
        raise InputError(f"the meter {address.shown} cannot be read: {error}") from None
    return meter


def meter_finding(text: str) -> Finding:
    """Return what `advisor doctor` says of a meter: what it reads now, or why it does not."""
    from carbon_advisor.measurement.diagnosis import Finding

    try:
        meter = open_meter(text, wait=True)
    except InputError as error:
        return Finding("meter", "none", "an external meter is set", 0.0, why=str(error))
    meter.close()
    return Finding(
        "meter",
        "measured",
        f"external meter {meter.shown}: {_said(meter.value)}; it measures the whole machine, and "
        "the sources of the components divide that",
        RELATIVE_ERROR,
    )


def _said(value: MeterValue | None) -> str:
    assert value is not None
    power = "" if value.power_w is None else f"{value.power_w:.4g} W"
    counter = "" if value.energy_j is None else f"{value.energy_j / 3.6e6:.7g} kWh on its counter"
    return ", ".join(part for part in (power, counter) if part)


def _reader(address: MeterAddress) -> Reader:
    # What they import is only for whoever has such a meter: http.client alone takes 20 ms.
    if address.kind == "file":
        return FileMeter(address.target[0])
    if address.kind == "command":
        from carbon_advisor.measurement.meter_command import CommandMeter

        return CommandMeter(address.target)
    from carbon_advisor.measurement.meter_http import HttpMeter

    return HttpMeter(address.target[0], os.environ.get(TOKEN_VARIABLE, ""))
