"""Work shared among Python threads, while OpenBLAS is held to one thread.

As many threads as BLAS is set to use: OPENBLAS_NUM_THREADS or OMP_NUM_THREADS, else one per processor that the process
may run on. OpenBLAS has one set of threads: if all of ours asked for them at once, they would wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from queue import SimpleQueue
from threading import Lock, RLock, Thread

from convcalc.engine.counter import StoppedError
from convcalc.engine.work.blas import openblas


@cache
def thread_count() -> int:
    """How many threads may work at once: 1 if there is no OpenBLAS to be held to one thread meanwhile.

    The environment is read once, as BLAS does.
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
    """A function that is run once, by the first thread that takes it, and how it ended."""

    def __init__(
        self, function: Callable[[], None], ended: SimpleQueue[BaseException | None], stop: Callable[[], None]
    ) -> None:
        self._function: Callable[[], None] | None = function
        self._ended, self._first, self._stop = ended, Lock(), stop

    def run(self) -> None:
        if self._first.acquire(blocking=False):
            function, self._function = self._function, None  # so that its arrays are released when it ends
            assert function is not None
            try:
                function()
            except BaseException as error:
                self._stop()
                self._ended.put(error)
            else:
                self._ended.put(None)


def run_all(functions: Sequence[Callable[[], None]], stop: Callable[[], None] = lambda: None) -> None:
    """Runs the functions concurrently; this thread takes the first, then any that no worker has started.

    An exception in one of them is raised after all have ended; an interrupt while waiting is raised at once. After
    either, `stop` is called: it has the others end soon, with StoppedError.
    """
    ended: SimpleQueue[BaseException | None] = SimpleQueue()
    tasks = [_Task(function, ended, stop) for function in functions]
    with _one_blas_thread():
        waiting = _waiting()
        for task in tasks[1:]:
            waiting.put(task)
        try:
            for task in tasks:
                task.run()
            failures = [failure for failure in (ended.get() for _ in tasks) if failure is not None]
        except BaseException:
            stop()
            raise
    if failures:
        failures.sort(key=lambda failure: isinstance(failure, StoppedError))
        try:
            raise failures[0]
        finally:
            del failures  # its traceback would keep this frame alive, and the arrays with it


_lock, _holders, _before = RLock(), set[object](), 1
"""Guards the others: callers that hold OpenBLAS to one thread, and the threads it had before the first of them. A
signal handler that computes may need it while the thread has it already."""
_tasks: SimpleQueue[_Task] | None = None


def _waiting() -> SimpleQueue[_Task]:
    """The queue of tasks, and at first use the threads that wait for it.

    A pool of concurrent.futures takes twice as long to hand over a task.
    """
    global _tasks
    with _lock:
        if _tasks is None:
            _tasks = SimpleQueue()
            with suppress(RuntimeError):  # no more threads can be started: callers run what nobody takes
                for _ in range(max(1, thread_count() - 1)):
                    Thread(target=_work, args=(_tasks,), name="convcalc", daemon=True).start()
        return _tasks


def _work(tasks: SimpleQueue[_Task]) -> None:
    while True:
        tasks.get().run()


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Holds OpenBLAS to one thread until the last of concurrent callers has left."""
    global _before
    blas, holder = openblas(), object()
    assert blas is not None
    try:
        with _lock:
            if not _holders:
                _before = blas.thread_count()
            _holders.add(holder)
            blas.use_threads(1)
        yield
    finally:
        with _lock:
            _holders.discard(holder)
            if not _holders:
                blas.use_threads(_before)


def begin_anew() -> None:
    """Forgets all threads: for a forked process, which has none of those that wait, work or hold a lock."""
    global _lock, _tasks
    _lock, _tasks = RLock(), None
    if _holders:
        _holders.clear()
        blas = openblas()
        assert blas is not None
        blas.use_threads(_before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=begin_anew)
