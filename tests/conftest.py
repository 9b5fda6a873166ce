"""What many tests need: the installed command, run as a user would, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import jsonschema
import pytest

from carbon_advisor import data

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURES = Path(__file__).parent / "fixtures"


class Advisor(Protocol):
    """Runs `advisor` with arguments; stdout and stderr are captured as text."""

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session", autouse=True)
def claims_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs of tests share idle energy among themselves, and not with what else runs here."""
    folder = tmp_path_factory.mktemp("machine") / "claims"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADVISOR_CLAIMS_FOLDER", str(folder))
        patch.delenv("ADVISOR_PARENT_RUN", raising=False)
        yield folder


@pytest.fixture
def advisor(tmp_path: Path, claims_of_tests: Path) -> Advisor:
    """The installed command with ADVISOR_HOME and the working folder in tmp_path."""
    home = tmp_path / "home"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ADVISOR_")
    }
    environment |= {"ADVISOR_HOME": str(home), "COLUMNS": "100", "TZ": "UTC"}
    environment["ADVISOR_CLAIMS_FOLDER"] = str(claims_of_tests)
    command = Path(sys.executable).parent / "advisor"

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


class Conforms(Protocol):
    """Checks a JSON document against the schema that is bundled under a name; raises if not."""

    def __call__(self, document: Any, schema: str) -> None: ...


@pytest.fixture
def conforms() -> Conforms:
    """The bundled JSON Schemas."""
    folder = Path(next(iter(data.__path__))) / "schemas"

    def check(document: Any, schema: str) -> None:
        jsonschema.validate(
            document, json.loads((folder / f"{schema}.schema.json").read_text(encoding="utf-8"))
        )

    return check


@pytest.fixture
def cpu_profile() -> Path:
    """A profile of a CPU job: 36 h on 4 cores of an EPYC of the third generation, measured."""
    return FIXTURES / "profile_cpu.json"


@pytest.fixture
def gpu_profile() -> Path:
    """A profile of a job on one A100 with 40 GB."""
    return FIXTURES / "profile_gpu.json"
