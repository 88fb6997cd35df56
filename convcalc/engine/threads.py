"""Work shared among Python threads, each with a BLAS of its own.

As many threads as BLAS is told to use: OPENBLAS_NUM_THREADS or OMP_NUM_THREADS, else one for every processor that the
process may run on. While they work, NumPy's OpenBLAS is held to one thread, since its own threads would be asked for by
all of them at once, and wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from queue import SimpleQueue
from threading import Lock, Thread

from convcalc.engine.blas import openblas


@cache
def thread_count() -> int:
    """How many threads may work at once: 1 where OpenBLAS could not be held to one thread beside them.

    Asked once, as BLAS does.
    """
    if openblas() is None:
        return 1
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        with suppress(KeyError, ValueError):
            return max(1, int(os.environ[name]))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Task:
    """A function that is run once, by whoever comes first, and how it ended."""

    def __init__(self, function: Callable[[], None], ended: SimpleQueue[BaseException | None]):
        self._function, self._ended, self._first = function, ended, Lock()

    def run(self) -> None:
        if self._first.acquire(blocking=False):
            try:
                self._function()
            except BaseException as error:
                self._ended.put(error)
            else:
                self._ended.put(None)


def run_all(functions: Sequence[Callable[[], None]]) -> None:
    """Runs the functions, the first in this thread, and others too that no thread has begun by then.

    An exception is raised after all have ended.
    """
    ended: SimpleQueue[BaseException | None] = SimpleQueue()
    tasks = [_Task(function, ended) for function in functions]
    with _one_blas_thread():
        for task in tasks[1:]:
            _waiting().put(task)
        for task in tasks:
            task.run()
        failures = [ended.get() for _ in tasks]
    for failure in failures:
        if failure is not None:
            raise failure


@cache
def _waiting() -> SimpleQueue[_Task]:
    """Tasks for the threads that are started with it. A pool of concurrent.futures takes twice as long to hand over."""
    tasks: SimpleQueue[_Task] = SimpleQueue()

    def work() -> None:
        while True:
            tasks.get().run()

    for _ in range(max(1, thread_count() - 1)):
        Thread(target=work, name="convcalc", daemon=True).start()
    return tasks


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_waiting.cache_clear)  # a forked process has none of the threads


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
