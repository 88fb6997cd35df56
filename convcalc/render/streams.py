"""What a command prints, held back until the answer is complete: an error is then all that there is to see.

Everything printed passes here, so nothing from a file or the command line reaches a terminal as it is. Only what Rich
draws brings escapes of its own; it goes through `styled`, and its texts are written out before.
"""

from __future__ import annotations

import os
from contextlib import suppress

from convcalc.errors import clean_lines
from convcalc.storage.ending import Undone

SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TextIO


class Stream:
    """In place of sys.stdout or sys.stderr; whatever else is asked of it, the real one answers."""

    def __init__(self, real: TextIO, held: list[str] | None = None) -> None:
        self.real = real
        self._held: list[str] = [] if held is None else held

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def write(self, text: str) -> int:
        self._held.append(clean_lines(text))
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        self._held.append(clean_lines("".join(texts)))

    def flush(self) -> None:
        """Nothing: it is Rich's after every line."""

    def styled(self) -> Stream:
        """The same stream for text with escapes of our own."""
        return _Styled(self.real, self._held)

    def release(self) -> None:
        """Prints what was held back."""
        text = "".join(self._held)
        self._held.clear()
        self.real.write(text)
        self.real.flush()

    def discard(self) -> None:
        """Forgets what was held back; what the interpreter still has to flush at its end goes nowhere if it fails."""
        self._held.clear()
        try:
            self.real.flush()
        except (OSError, ValueError):
            silence(self.real)


class _Styled(Stream):
    def write(self, text: str) -> int:
        self._held.append(text)
        return len(text)


def silence(stream: TextIO) -> None:
    """From now on what is written to the stream's file goes nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def styled(file: TextIO) -> Any:
    """A file for text with escapes of our own."""
    return file.styled() if isinstance(file, Stream) else file


def live(file: TextIO) -> TextIO:
    """The file itself, for what is to be seen before the answer."""
    return file.real if isinstance(file, Stream) else file


def show_now(file: TextIO) -> None:
    """Prints what was held back so far."""
    if isinstance(file, Stream):
        file.release()
    else:
        file.flush()


def with_cursor_back(file: TextIO, before: str = "") -> Undone:
    """A context in which the cursor may be hidden; a signal that ends the process shows it, after `before`."""
    real = live(file)

    def show() -> None:
        try:  # not through the stream, which another thread may be writing to
            os.write(real.fileno(), f"{before}{SHOW_CURSOR}".encode())
        except (OSError, ValueError):
            real.write(f"{before}{SHOW_CURSOR}")

    return Undone(show)
