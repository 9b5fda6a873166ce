"""What an output needs before a run begins: its target, and packages that are not ours."""

from __future__ import annotations

from importlib.util import find_spec

from carbon_advisor.measurement.errors import InputError


def need_target(target: str, name: str, what: str) -> str:
    """Return the target of an output.

    Raises:
        InputError: it is empty.
    """
    if not target.strip():
        raise InputError(f"output {name} needs a target: {name}:{what}")
    return target.strip()


def need_none(target: str, name: str) -> None:
    """Raise InputError where an output that has no target was given one."""
    if target.strip():
        raise InputError(f"output {name} takes no target, not '{target}'")


def need_package(module: str, name: str, distribution: str) -> None:
    """Raise InputError where a module cannot be found; it is not imported.

    Args:
        module: its full name.
        name: of the output.
        distribution: what to install.
    """
    try:
        found = find_spec(module) is not None
    except (ImportError, ValueError):  # no parent; or it was put in place by hand
        found = False
    if not found:
        raise InputError(f"output {name} needs a package: pip install {distribution}")
