"""How much memory there is, checked before an allocation: NumPy would promise more than the machine has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context

from convcalc.errors import DataError, NotationError, quoted
from convcalc.storage.limits import allowed_memory

ALWAYS = 64 * 2**20
"""Allocations up to this size are not checked: the check costs as much as running a small layer."""


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_BYTES = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?i?)b?", re.IGNORECASE)
_limit: ContextVar[int | None] = ContextVar("memory")
"""Set in commands that have --max-memory, to None if it was not given."""


@contextmanager
def limited_memory(limit: str | None) -> Iterator[None]:
    """Within, arrays may take so many bytes, written as 256MiB, 2G or 1000000; None leaves half of what is free.

    Raises NotationError for what is no number of bytes.
    """
    token = _limit.set(None if limit is None else _bytes(limit))
    try:
        yield
    finally:
        _limit.reset(token)


def _bytes(text: str) -> int:
    found = _BYTES.fullmatch(text.strip())
    unit = None if found is None else _UNITS.get(found[2].lower())
    value = 0 if found is None or unit is None else int(float(found[1]) * unit)
    if value < 1:
        raise NotationError(f"max-memory: must be a number of bytes, got {quoted(text)}; write for example 256MiB")
    return value


def memory_budget() -> int | None:
    """Bytes that arrays may take: the limit that was given, else half of what is free; None if nobody says."""
    limit, available = _limit.get(None), available_memory()
    if limit is not None:
        return limit if available is None else min(limit, available)
    return None if available is None else available // 2


def more_memory(needed: int, otherwise: str = "use a smaller array") -> str:
    """What to do where `needed` bytes do not fit: a larger limit, if the command takes one and that is there."""
    available = available_memory()
    if _limit in copy_context() and (available is None or needed <= available):
        return f"use --max-memory {-(-needed // 2**20)}MiB"
    return otherwise


def resident_memory() -> int:
    """Bytes of memory that this process occupies, 0 if the system does not say."""
    with suppress(OSError, ValueError, IndexError), open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def check_memory(needed: int, what: str, remedy: str = "use smaller sizes") -> None:
    """Raises DataError if `needed` bytes are sure not to fit."""
    if needed <= ALWAYS:
        return
    available = available_memory()
    if available is not None and needed > available:
        raise DataError(f"memory: must hold {what}, got {needed} bytes with {available} available; {remedy}")


def available_memory() -> int | None:
    """Bytes that can be allocated without swapping and within the limits of this process, None if nobody says."""
    known = [each for each in (_free_memory(), allowed_memory()) if each is not None]
    return min(known, default=None)


def _free_memory() -> int | None:
    """Linux counts caches as available in /proc/meminfo; elsewhere the whole physical memory is the limit."""
    with suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
