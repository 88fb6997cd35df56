"""How much memory there is, checked before an allocation: NumPy would promise more than the machine has."""

from __future__ import annotations

import os
from contextlib import suppress

from convcalc.errors import DataError

ALWAYS = 64 * 2**20
"""Allocations up to this size are not checked: the check costs as much as running a small layer."""


def check_memory(needed: int, what: str) -> None:
    """Raises DataError if an array of `needed` bytes is sure not to fit."""
    if needed <= ALWAYS:
        return
    available = available_memory()
    if available is not None and needed > available:
        raise DataError(f"memory: must hold {what}, got {needed} bytes with {available} available; use smaller sizes")


def available_memory() -> int | None:
    """Bytes that can be allocated without swapping, None if the system does not say.

    Linux counts caches as available in /proc/meminfo; elsewhere the whole physical memory is the limit.
    """
    with suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
