"""How a command ends: well, and its files take their names; or not, and nothing of what it began is left.

A signal may end the process at any moment, from a thread of its own, so both are done under one lock.
"""

from __future__ import annotations

from _thread import RLock

TYPE_CHECKING = False  # typing takes long to import, and signals are caught before that
if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = RLock()
"""Held while what is undone changes, and for ever once a signal ends the process."""
_undoing: dict[object, Callable[[], None]] = {}
_waiting: list[Callable[[], None]] | None = None
"""What to do when the command has answered; None outside a command, where it is done at once."""


class Undone:
    """While this context is open, `undo` is called if the process or the command ends; it is called once at most."""

    def __init__(self, undo: Callable[[], None]) -> None:
        self._undo = undo

    def __enter__(self) -> Undone:
        with LOCK:
            _undoing[self] = self._undo
        return self

    def __exit__(self, *error: object) -> None:
        with LOCK:
            if (undo := _undoing.pop(self, None)) is not None:
                undo()

    def keep(self) -> None:
        """What was begun is finished: there is nothing to undo any more."""
        _undoing.pop(self, None)


def begin() -> None:
    """From now on, what is to be done last waits for `finish`."""
    global _waiting
    _waiting = []


def last(action: Callable[[], None]) -> None:
    """Does something when the command has answered, or at once outside a command."""
    if _waiting is None:
        action()
    else:
        _waiting.append(action)


def finish() -> None:
    """Does what was to be done last; a failure is to be followed by `abandon`."""
    global _waiting
    for action in _waiting or ():
        action()
    _waiting = None


def abandon() -> None:
    """Forgets what was to be done last, and undoes what was begun."""
    global _waiting
    _waiting = None
    with LOCK:
        while _undoing:
            _undoing.popitem()[1]()
