"""Work shared among Python threads, each with a BLAS of its own.

As many threads as BLAS is told to use: OPENBLAS_NUM_THREADS or OMP_NUM_THREADS, else one for every processor that the
process may run on. While they work, NumPy's OpenBLAS is held to one thread, since its own threads would be asked for by
all of them at once, and wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock

from convcalc.engine.blas import openblas


def thread_count() -> int:
    """How many threads may work at once: 1 where OpenBLAS could not be held to one thread beside them."""
    if openblas() is None:
        return 1
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        with suppress(KeyError, ValueError):
            return max(1, int(os.environ[name]))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(tasks: Sequence[Callable[[], None]]) -> None:
    """Runs the tasks, the first in this thread. The first exception is raised after all have ended."""
    with _one_blas_thread():
        others = [_pool().submit(task) for task in tasks[1:]]
        try:
            tasks[0]()
        finally:
            wait(others)
    for other in others:
        other.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), "convcalc")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of the threads


_lock, _holding, _before = Lock(), 0, 1


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Holds OpenBLAS to one thread until the last of all callers has left."""
    global _holding, _before
    blas = openblas()
    assert blas is not None
    with _lock:
        if _holding == 0:
            _before = blas.thread_count()
            blas.use_threads(1)
        _holding += 1
    try:
        yield
    finally:
        with _lock:
            _holding -= 1
            if _holding == 0:
                blas.use_threads(_before)
