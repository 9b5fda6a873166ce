"""CPU energy of Apple Silicon by `powermetrics`, for macOS versions that IOReport fails on.

It needs root, or a rule for sudo. Tested on a recorded capture (M4), not on hardware.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.ioreport import RELATIVE_ERROR
from carbon_advisor.measurement.power_source import Reading, SourceLostError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from carbon_advisor.measurement.profile import Component, Method

COMMAND = (
    "/usr/bin/powermetrics",
    "--samplers",
    "cpu_power,gpu_power,ane_power",
    "--format",
    "plist",
    "--sample-rate",
    "500",
    "--buffer-size",
    "1",
)
# This one command and no other arguments: powermetrics can write files as root.
GRANT_POWERMETRICS = (
    r"""printf '%s %s\n' "$USER" 'ALL=(root) NOPASSWD: """
    + " ".join(COMMAND).replace(",", r"\,")
    + "' | sudo tee /etc/sudoers.d/carbon-advisor"
)
_END = b"</plist>"


class PowermetricsSource:
    """The energy of CPU and neural engine since the first reading, at most half a second old.

    Args:
        domain: "cpu"; recent versions say nothing of memory.
        command: what writes the samples.
        permitted: whether it may be run; asked of the system if None.
    """

    method: Method = "measured"
    idle_power_w: float | None = None
    relative_error = RELATIVE_ERROR

    def __init__(
        self,
        domain: Component = "cpu",
        command: Sequence[str] = COMMAND,
        *,
        permitted: bool | None = None,
    ) -> None:
        self.domain: Component = domain
        self.source = "powermetrics, CPU and neural engine"
        self._command = list(command)
        installed = os.access(self._command[0], os.X_OK)
        as_root = os.geteuid() == 0
        if installed and not as_root and permitted is None:
            permitted = _sudo_allows(self._command)
            self._command = ["sudo", "--non-interactive", *self._command]
        self.refused = installed and not (as_root or permitted)
        self.missing = "" if installed else f"no {command[0]}"
        if self.refused:
            self.missing = "powermetrics may be run by root only"
        self.remedy = GRANT_POWERMETRICS if self.refused else ""
        self._process: subprocess.Popen[bytes] | None = None
        self._tail = b""
        self._joules = 0.0

    def available(self) -> bool:
        """Say whether it can be started."""
        return not self.missing

    def read(self) -> Reading:
        """Return the joules of all samples that are complete; the first call starts it.

        Raises:
            SourceLostError: it has ended, or writes what is not understood.
        """
        if self.missing:
            raise SourceLostError(self.missing)
        try:
            if self._process is None:
                self._start()
            ended = self._take()
        except (OSError, ValueError) as error:
            raise SourceLostError(f"powermetrics lost: {error}") from error
        if ended:
            raise SourceLostError("powermetrics has ended")
        return Reading(time.monotonic(), energy_j=self._joules)

    def _start(self) -> None:
        import subprocess

        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    def _take(self) -> bool:
        """Add what has been written since the last call; say whether that was the end."""
        assert self._process is not None
        assert self._process.stdout is not None
        chunks, ended = [self._tail], False
        while not ended:
            try:
                chunk = os.read(self._process.stdout.fileno(), 1 << 20)
            except BlockingIOError:
                break
            chunks.append(chunk)
            ended = not chunk
        *complete, self._tail = b"".join(chunks).split(_END)
        self._joules += sum(sample_joules(document + _END) for document in complete)
        return ended

    def __del__(self) -> None:
        process = getattr(self, "_process", None)
        if process is None:
            return
        process.stdout.close()  # ends one of root's too: it has nobody left to write to
        if process.poll() is None:
            try:
                process.terminate()
            except PermissionError:
                return
            process.wait()


def sample_joules(document: bytes) -> float:
    """Return the joules of CPU and neural engine in one sample of `--format plist`.

    Raises:
        ValueError: it holds neither energy nor power.
    """
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        sample: dict[str, Any] = plistlib.loads(document.strip(b"\0 \r\n"))
    except (ExpatError, plistlib.InvalidFileException) as error:
        raise ValueError(f"a sample is no property list: {error}") from error
    processor = sample.get("processor", {})
    return sum(_part_joules(processor, part, sample) for part in ("cpu", "ane"))


def _part_joules(processor: dict[str, Any], part: str, sample: dict[str, Any]) -> float:
    """By power (mW) and time: the energy beside it is rounded to whole millijoules."""
    power_mw = processor.get(f"{part}_power")
    if power_mw is not None and "elapsed_ns" in sample:
        return float(power_mw) * float(sample["elapsed_ns"]) * 1e-12
    energy_mj = processor.get(f"{part}_energy")
    if energy_mj is not None:
        return float(energy_mj) * 1e-3
    if part == "cpu":
        raise ValueError("a sample has no cpu_power and no cpu_energy")
    return 0.0


def _sudo_allows(command: list[str]) -> bool:
    """Ask sudo whether it would run this without a password; nothing is run."""
    import subprocess

    try:
        asked = subprocess.run(
            ["sudo", "--non-interactive", "--list", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return asked.returncode == 0
