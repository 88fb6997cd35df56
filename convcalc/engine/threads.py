"""Work shared among Python threads, where NumPy lets go of the interpreter and BLAS would use one processor.

As many threads as BLAS is told to use: OPENBLAS_NUM_THREADS or OMP_NUM_THREADS, else a thread for every processor that
the process may run on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache


def thread_count() -> int:
    """How many threads may work at once."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        with suppress(KeyError, ValueError):
            return max(1, int(os.environ[name]))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(tasks: Sequence[Callable[[], None]]) -> None:
    """Runs all tasks, the first in this thread. The first exception is raised after all have ended."""
    others = [_pool().submit(task) for task in tasks[1:]]
    try:
        tasks[0]()
    finally:
        for other in others:
            other.exception()  # waits
    for other in others:
        other.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), "convcalc")
