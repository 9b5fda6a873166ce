"""`advisor doctor` through the installed command, on whatever machine this is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Advisor, Conforms


def test_the_doctor_speaks_and_writes_nothing(
    advisor: Advisor, conforms: Conforms, tmp_path: Path
) -> None:
    told = advisor("doctor", "--json")
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    conforms(document, "diagnosis")
    shown = advisor("doctor")
    assert shown.returncode == 0
    assert shown.stderr == ""
    for finding in document["findings"]:
        assert f"{finding['component']}  {finding['method']}" in shown.stdout
    lines = [line for line in shown.stdout.splitlines() if "sudo" not in line]
    assert max(map(len, lines)) <= 100
    assert not (tmp_path / "home").exists()
