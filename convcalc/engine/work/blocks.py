"""Index spaces cut into rectangular blocks whose arrays stay within a memory budget."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import product
from math import prod
from types import EllipsisType
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcalc.engine import tuning

Index: TypeAlias = tuple[EllipsisType | slice | int, ...]


def block_shape(sizes: tuple[int, ...], cost: float, budget: float | None = None) -> tuple[int, ...]:
    """The block, in indices per axis, to cut `sizes` by: at most `budget` bytes (BUDGET if None) at `cost` per index.

    Whole trailing axes first, so that what is read stays contiguous; at least one index, and even parts.

    >>> block_shape((5, 4, 1000), tuning.BUDGET / 2500)
    (1, 2, 1000)
    """
    room = max(1, int((tuning.BUDGET if budget is None else budget) / cost))
    shape: tuple[int, ...] = ()
    for size in reversed(sizes):
        shape = (even_parts(size, room), *shape)
        room = max(1, room // size)
    return shape


def even_parts(size: int, most: int) -> int:
    """The size of the fewest even parts of `size` that have at most `most` indices, or one where even that is less.

    >>> even_parts(10, 4)
    4
    >>> even_parts(9, 4)
    3
    """
    parts = -(-size // max(1, min(size, most)))
    return -(-size // parts)


def blocks(sizes: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Slices of every block of at most `shape` indices, which together cover `sizes` once.

    >>> list(blocks((1, 5), (1, 3)))
    [(slice(0, 1, None), slice(0, 3, None)), (slice(0, 1, None), slice(3, 5, None))]
    """
    return product(*[cuts(size, step) for size, step in zip(sizes, shape, strict=True)])


def cuts(size: int, step: int) -> list[slice]:
    """Slices of at most `step` indices, which together cover `size` once.

    >>> cuts(5, 3)
    [slice(0, 3, None), slice(3, 5, None)]
    """
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


def length(part: slice) -> int:
    """Indices in a slice of a block."""
    count: int = part.stop - part.start
    return count


def workspaces(dtype: np.dtype, *sizes: int) -> list[np.ndarray]:
    """Flat working arrays of these sizes, uninitialised; the thread's next call takes them back.

    They are cut from a block that each thread keeps: getting its pages anew from the system
    in every call took half as long again as a small layer. More than MAX_KEPT_BYTES are not kept.
    """
    if dtype.hasobject:
        return [np.empty(size, dtype) for size in sizes]
    # Lines of the cache are shared by no two arrays, and no two begin the same distance from a page's start: a copy
    # between such arrays waits for its own writes.
    block, begin, arrays = _block(sum(sizes) * dtype.itemsize + 6 * tuning.CACHE_LINE * len(sizes)), 0, []
    for size in sizes:
        arrays.append(np.ndarray(size, dtype, block, begin))
        begin += -(-size * dtype.itemsize // tuning.CACHE_LINE) * tuning.CACHE_LINE + 5 * tuning.CACHE_LINE
    return arrays


class _Kept(threading.local):
    def __init__(self) -> None:
        self.block: np.ndarray | None = None


_kept = _Kept()


def _block(size: int) -> np.ndarray:
    """At least `size` bytes from the start of a cache line, the thread's kept ones if they suffice."""
    block = _kept.block
    if block is None or block.size < size:
        block = _kept.block = None  # freed before the larger one is taken
        block = np.empty(size + tuning.CACHE_LINE, np.uint8)
        block = block[-block.ctypes.data % tuning.CACHE_LINE :]
        if size <= tuning.MAX_KEPT_BYTES:
            _kept.block = block
    return block


def strided(
    array: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], first: tuple[int, ...] = ()
) -> np.ndarray:
    """Values of an array again and again, in any order: `strides` in bytes, from the value at index `first` on.

    NumPy's as_strided takes ten times as long, as long as many a product here.

    >>> strided(np.arange(5, dtype=np.int8), (2, 3), (1, 1), first=(1,))
    array([[1, 2, 3],
           [2, 3, 4]], dtype=int8)
    """
    if array.flags.c_contiguous and not array.dtype.hasobject:
        offset = sum(index * step for index, step in zip(first, array.strides, strict=False))
        return np.ndarray(shape, array.dtype, array, offset, strides)
    return as_strided(array[tuple(slice(index, None) for index in first)], shape, strides)


def shaped(workspace: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The beginning of a flat workspace as an array of `shape`."""
    return workspace[: prod(shape)].reshape(shape)
