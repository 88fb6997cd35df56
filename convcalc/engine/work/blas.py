"""NumPy's OpenBLAS, queried and configured through its own functions."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from convcalc.engine import tuning

SPELLINGS = ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}")
"""How builds of OpenBLAS spell the names of its functions."""
SMALL_KERNELS = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
"""Processors for which OpenBLAS multiplies small matrices in place; it packs larger ones into its own buffers first."""


@dataclass(frozen=True, slots=True)
class OpenBLAS:
    """Its functions: get and set its number of threads, and the processor that its kernels are for."""

    thread_count: Callable[[], int]
    use_threads: Callable[[int], None]
    processor: str


@cache
def openblas() -> OpenBLAS | None:
    """NumPy's own OpenBLAS, or None if NumPy uses another library or the system's."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            with suppress(OSError):
                library: Any = ctypes.CDLL(str(path))  # loaded already: this finds it again
                for spelling in SPELLINGS:
                    with suppress(AttributeError):
                        name = getattr(library, spelling.format("get_corename"))
                        name.restype = ctypes.c_char_p
                        get, put = (getattr(library, spelling.format(f"{verb}_num_threads")) for verb in ("get", "set"))
                        return OpenBLAS(get, put, name().decode())
    return None


def rows_in_place(rows: int, depth: int, columns: int) -> int:
    """Rows per block so that each product of (rows, depth) and (depth, columns) is small enough to skip packing.

    The largest even part that is a multiple of KERNEL_ROWS and more than one of it; all rows if there is none.
    """
    if not multiplies_small_matrices_in_place():
        return rows
    step = tuning.KERNEL_ROWS
    most = min(rows, tuning.MAX_UNPACKED // (depth * columns)) // step * step
    return next((some for some in range(most, step, -step) if rows % some == 0), rows)


def is_in_place(rows: int, depth: int, columns: int) -> bool:
    """Whether the product of matrices (rows, depth) and (depth, columns) skips packing."""
    return rows * depth * columns <= tuning.MAX_UNPACKED and multiplies_small_matrices_in_place()


def multiplies_small_matrices_in_place() -> bool:
    """Whether products of up to MAX_UNPACKED multiplications skip the packing that larger ones begin with."""
    blas = openblas()
    return blas is not None and blas.processor in SMALL_KERNELS
