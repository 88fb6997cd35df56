"""Bytes to read an array from: a file, a pipe or a part of an archive, with what is known of their number."""

from __future__ import annotations

import io
from typing import NamedTuple, Protocol

from convcalc.errors import DataError
from convcalc.storage.memory import memory_budget, more_memory

SLAB = 16 * 2**20
"""Bytes moved at a time, so that Ctrl-C is heard."""
HEAD = 8
"""Bytes at the beginning that tell the form of a file."""


class Readable(Protocol):
    """What arrays are read from."""

    def read(self, size: int = -1, /) -> bytes: ...

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Source(NamedTuple):
    """Bytes under a name for messages, from their beginning; how many there are (None: only reading tells), and the
    first few of them.
    """

    name: str
    stream: Readable
    size: int | None
    head: bytes


class _Joined(io.RawIOBase):
    """A stream from which the first bytes were already taken."""

    def __init__(self, head: bytes, rest: io.BufferedReader) -> None:
        self.head, self.rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # any buffer does
        if not self.head:
            return self.rest.readinto(buffer)
        count = min(len(buffer), len(self.head))
        buffer[:count], self.head = self.head[:count], self.head[count:]
        return count


def is_literal(given: str) -> bool:
    """Whether an argument is meant as numbers rather than as the name of a file.

    >>> is_literal("[1, 2]"), is_literal(" [[1]]"), is_literal("x.npy")
    (True, True, False)
    """
    return given.lstrip().startswith("[")


def opened(name: str, file: io.BufferedReader, size: int | None) -> Source:
    """An open file, or a pipe, whose `size` is None."""
    head = file.read(HEAD)
    if size is None:
        return Source(name, io.BufferedReader(_Joined(head, file)), None, head)
    file.seek(0)
    return Source(name, file, size, head)


def whole(source: Source, worth: int = 1) -> io.BytesIO:
    """All bytes of a source, for formats that need them at once.

    `worth` is how many bytes of memory one of them may become. Raises DataError if they do not fit.
    """
    fits = memory_budget()
    if fits is not None and source.size is not None:
        check_fits(source.name, source.size * worth)
    data = io.BytesIO()
    while slab := source.stream.read(SLAB):
        data.write(slab)
        if fits is not None and data.tell() * worth > fits:
            raise DataError(f"{source.name}: must fit memory, got more than {fits} bytes; save it in a file")
    data.seek(0)
    return data


def check_fits(name: str, needed: int, otherwise: str = "use a smaller array") -> None:
    """Raises DataError for an array of so many bytes if they do not fit the memory that arrays may take.

    `otherwise` is what to do if there is not so much memory.
    """
    available = memory_budget()
    if available is not None and needed > available:
        remedy = more_memory(needed, otherwise)
        raise DataError(f"{name}: must fit memory, got {needed} bytes with {available} allowed; {remedy}")
