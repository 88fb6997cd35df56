"""Ctrl-C and other signals end the process at once, whatever it is doing, and leave nothing behind.

Python calls a signal's handler in the main thread, between two instructions: not during a long matrix product, nor
while a file is written. So the signals are blocked, and a thread of its own waits for them.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # built in, while `signal` takes time to import
import os
from _thread import start_new_thread

from convcalc.storage.ending import LOCK, abandon

INTERRUPTED = 130
ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU")


_caught = False


def catch_signals() -> None:
    """From now on signals that end a process do so by `_end`, but for those that it ignores; once is enough."""
    global _caught
    if _caught or not hasattr(signal, "sigwait"):
        return
    _caught = True
    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    caught = {number for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, caught)
    try:
        start_new_thread(_wait, (caught,))
    except RuntimeError:  # no thread can be started: they are handled as in any Python program
        signal.pthread_sigmask(signal.SIG_UNBLOCK, caught)


def _wait(caught: set[int]) -> None:
    _end(signal.sigwait(caught))


def _end(number: int) -> None:
    """Ends the process by the signal, so that the shell sees it; an interrupt with its exit code and a word."""
    LOCK.acquire()  # and never released: no file may be made or renamed any more
    abandon()
    if number == signal.SIGINT:
        try:
            os.write(2, b"interrupted\n")
        finally:
            os._exit(INTERRUPTED)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
