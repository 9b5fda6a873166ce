"""Packages of the extra integrations-test: without one, tests are skipped aloud, and fail on CI."""

import os
from importlib.util import find_spec

import pytest


def need_installed(module: str, of: str | None = None) -> None:
    """Skip what calls this where a package is missing; on CI it must be there.

    Args:
        module: that is looked for, and not imported.
        of: what is then not tested; the module if None.
    """
    if find_spec(module) is not None:
        return
    reason = f"{of or module} is NOT TESTED: {module} is missing (scripts/setup integrations-test)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
