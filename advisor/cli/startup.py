"""What a command does before it imports what is slow."""

from __future__ import annotations

import os


def without_blas_threads() -> None:
    """Keep NumPy's OpenBLAS from starting a thread per core; call it before NumPy is imported.

    They spin for a tenth of a second of CPU time, and nothing in a recommendation uses BLAS. Only
    for commands that start no job: a job would inherit the setting.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
