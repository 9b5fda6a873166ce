"""Build sdist and wheel of HEAD, install the wheel in an empty venv elsewhere and use it there.

    scripts/smoke_wheel

The working folder of every call holds a decoy measurement.py and data/, which must not shadow
ours. Prints each step; ends with exit code 1 at the first that fails.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROFILE = Path("tests/fixtures/profile_cpu.json")
MAXIMUM_PACKAGES = 12  # beyond what pandas and typer need themselves
UNWANTED = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_REQUIRE_VIRTUALENV"}
REQUIRED = (
    r"carbon_advisor/(advisor|data|measurement|providers)/py\.typed",
    r"carbon_advisor/data/schemas/\w+\.schema\.json",
    r"carbon_advisor/data/.*\.(csv|npz)",
    r"carbon_advisor/advisor/forecast/network\.npz",
    r"carbon_advisor-[\d.]+\.dist-info/(licenses/)?LICENSE",
    r"carbon_advisor-[\d.]+\.dist-info/licenses/data/NOTICE\.md",
)
DECOY = "raise SystemExit('the decoy {name} of the working folder was imported')\n"


class SmokeError(Exception):
    """What is wrong with the wheel, in one line or a few."""


def step(text: str) -> None:
    """Say what is done next."""
    print(f"smoke_wheel: {text}", flush=True)


def run(*command: str | Path, cwd: Path, home: Path | None = None) -> str:
    """Return what a command prints.

    Raises:
        SmokeError: it failed; with the end of its output.
    """
    environment = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    if home:
        environment["ADVISOR_HOME"] = str(home)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise SmokeError(
            f"'{Path(command[0]).name} {command[1]} …' ended with {done.returncode}:\n{tail}"
        )
    return done.stdout


def copy_of_head(folder: Path) -> Path:
    """Unpack the files of HEAD, and nothing that only lies in the checkout, into `folder`."""
    packed = folder / "head.zip"
    # The checkout may belong to another user, as in a container that mounts it.
    run("git", "-c", f"safe.directory={ROOT}", "archive", "-o", packed, "HEAD", cwd=ROOT)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "head")
    return folder / "head"


def build(source: Path, out: Path) -> Path:
    """Build the sdist, from it the wheel, and return the wheel."""
    run(sys.executable, "-P", "-m", "build", "--outdir", out, source, cwd=out.parent)
    (wheel,) = out.glob("*.whl")
    (_sdist,) = out.glob("*.tar.gz")
    return wheel


def check_contents(wheel: Path) -> None:
    """Raise SmokeError if the wheel lacks a file or holds one that is not part of the product."""
    names = zipfile.ZipFile(wheel).namelist()
    missing = [each for each in REQUIRED if not any(re.fullmatch(each, name) for name in names)]
    if missing:
        raise SmokeError("the wheel has no " + ", no ".join(missing))
    ours = re.compile(r"carbon_advisor(-[\d.]+\.dist-info)?/")
    tests = re.compile(r"(^|/)(tests?|scripts)/")
    strangers = [name for name in names if not ours.match(name) or tests.search(name)]
    if strangers:
        raise SmokeError(f"the wheel holds {', '.join(strangers)}")
    step(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1e6:.1f} MB")


def empty_venv(folder: Path) -> Path:
    """Make a venv and return its bin folder."""
    venv.create(folder, with_pip=True)
    return folder / "bin"


def decoys(folder: Path) -> Path:
    """Make a working folder whose names are those of our rooms."""
    folder.mkdir()
    for name in ("measurement.py", "advisor.py"):
        (folder / name).write_text(DECOY.format(name=name))
    for name in ("data", "providers"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(DECOY.format(name=name))
    return folder


def use(binaries: Path, folder: Path, profile: Path) -> None:
    """Call the installed commands as a user would, among the decoys."""
    home = folder / "advisor-home"

    def advisor(*arguments: str | Path) -> str:
        step(f"$ advisor {' '.join(Path(each).name for each in arguments)}")
        return run(binaries / "advisor", *arguments, cwd=folder, home=home)

    advisor("--help")
    if not re.search(r"\d+\.\d+\.\d+", advisor("--version")):
        raise SmokeError("advisor --version prints no version")
    step("$ python -m carbon_advisor.advisor --help")
    run(binaries / "python", "-m", "carbon_advisor.advisor", "--help", cwd=folder, home=home)
    check_answer(json.loads(advisor("recommend", profile, "--json")))


def check_answer(answer: dict[str, Any]) -> None:
    """Raise SmokeError unless the candidates are there and ranked."""
    grams = [candidate["emissions_g"] for candidate in answer["ranking"]]
    if not grams or grams != sorted(grams):
        raise SmokeError(f"not a ranking: {grams}")
    best = answer["ranking"][0]["candidate"]
    step(f"{answer['offers']} offers x {answer['starts']} starts, best: {best}")


def canonical(name: str) -> str:
    """Return a distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check_packages(binaries: Path, folder: Path) -> None:
    """Raise SmokeError if the wheel brought too many packages beside pandas' and typer's own."""
    pip = (binaries / "python", "-m", "pip", "--disable-pip-version-check")
    installed = json.loads(run(*pip, "list", "--format", "json", cwd=folder))
    needed = ("install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-")
    report = json.loads(run(*pip, *needed, "pandas", "typer", cwd=folder))
    theirs = {canonical(each["metadata"]["name"]) for each in report["install"]}
    brought_along = {"pip", "setuptools", "carbon-advisor"}
    ours = {canonical(each["name"]) for each in installed} - theirs - brought_along
    listed = f"{len(ours)} packages beyond pandas' and typer's own: {', '.join(sorted(ours))}"
    if len(ours) > MAXIMUM_PACKAGES:
        raise SmokeError(f"{listed} (at most {MAXIMUM_PACKAGES})")
    step(listed)


def smoke(folder: Path) -> None:
    """Do all steps in `folder`.

    Raises:
        SmokeError: a step failed.
    """
    step("building sdist and wheel from a clean copy of HEAD")
    source = copy_of_head(folder)
    wheel = build(source, folder / "dist")
    check_contents(wheel)
    step("installing the wheel, without extras, in an empty venv")
    binaries = empty_venv(folder / "venv")
    elsewhere = decoys(folder / "elsewhere")
    run(binaries / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    use(binaries, elsewhere, source / PROFILE)
    check_packages(binaries, folder)


def main() -> int:
    """Return the exit code: 0 if the wheel works, 1 if not."""
    with tempfile.TemporaryDirectory(prefix="smoke_wheel.") as folder:
        try:
            smoke(Path(folder).resolve())
        except SmokeError as error:
            step(f"FAILED: {error}")
            return 1
    step("the wheel works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
