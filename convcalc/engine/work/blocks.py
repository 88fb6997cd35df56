"""Index spaces cut into rectangular blocks whose arrays stay within a memory budget, and the memory for those arrays.

One block of memory per thread serves all working arrays of a call, and is kept for the next call:

    start of a cache line
    |
    [ first array        |.....| second array |.....| third array              |.....]
      whole cache lines    gap                  gap                              gap

Each gap is five cache lines. So no two arrays share a line, and no two begin at the same distance from the start of a
page: a copy between two such arrays would wait for its own writes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import product
from math import prod
from sys import getrefcount
from types import EllipsisType
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcalc.engine import tuning

Index: TypeAlias = tuple[EllipsisType | slice | int, ...]


def block_shape(sizes: tuple[int, ...], cost: float, budget: float | None = None) -> tuple[int, ...]:
    """The block, in indices per axis, to cut `sizes` by: at most `budget` bytes (BUDGET if None) at `cost` per index.

    Whole trailing axes first, so that what is read stays contiguous; at least one index, and even parts:

        sizes (5, 4, 1000), room for 2500 indices        room for 600 indices

        rows of 1000, two by two: (1, 2, 1000)           half rows: (1, 1, 500)
        [==========]  [==========]                       [=====|=====]
        [==========]  [==========]   ...                 [=====|=====]   ...

    >>> block_shape((5, 4, 1000), 1, 2500)
    (1, 2, 1000)
    >>> block_shape((5, 4, 1000), 1, 600)
    (1, 1, 500)
    """
    room = max(1, int((tuning.BUDGET if budget is None else budget) / cost))
    shape: tuple[int, ...] = ()
    for size in reversed(sizes):
        shape = (even_parts(size, room), *shape)
        room = max(1, room // size)
    return shape


def even_parts(size: int, most: int) -> int:
    """The size of the fewest even parts of `size` with at most `most` indices each, and 1 if `most` is below that.

    >>> even_parts(10, 4)
    4
    >>> even_parts(9, 4)
    3
    """
    parts = -(-size // max(1, min(size, most)))
    return -(-size // parts)


def blocks(sizes: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Slices of blocks of at most `shape` indices, which together cover `sizes` once.

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
    """Flat working arrays of these sizes, uninitialised.

    They are cut from the block that the thread keeps, because getting pages from the system in every call takes half
    as long as a small layer. Blocks above MAX_KEPT_BYTES are not kept. While arrays of the kept block are in use, as by
    a convolution that a signal handler interrupted to make another, the arrays are cut from a block of their own.
    """
    if dtype.hasobject:
        return [np.empty(size, dtype) for size in sizes]
    line = tuning.CACHE_LINE
    block, begin, arrays = _block(sum(sizes) * dtype.itemsize + 6 * line * len(sizes)), 0, []
    for size in sizes:
        arrays.append(np.ndarray(size, dtype, block, begin))
        begin += -(-size * dtype.itemsize // line) * line + 5 * line
    return arrays


class _Kept(threading.local):
    def __init__(self) -> None:
        self.block: np.ndarray | None = None


_kept = _Kept()


def _block(size: int) -> np.ndarray:
    """At least `size` bytes from the start of a cache line: the thread's kept ones if they suffice and are free."""
    block = _kept.block
    if block is not None and _references(block) > _UNUSED:
        return _new_block(size)
    if block is None or block.size < size:
        block = _kept.block = None  # freed before the larger one is allocated
        block = _new_block(size)
        if size <= tuning.MAX_KEPT_BYTES:
            _kept.block = block
    return block


def _new_block(size: int) -> np.ndarray:
    block = np.empty(size + tuning.CACHE_LINE, np.uint8)
    return block[-block.ctypes.data % tuning.CACHE_LINE :]


def _references(block: np.ndarray) -> int:
    """References to the memory of a block: every array that is cut from it, or from such an array, holds one."""
    return getrefcount(block.base)


_UNUSED = _references(_new_block(0))


def strided(
    array: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], first: tuple[int, ...] = ()
) -> np.ndarray:
    """A view that may show values repeatedly and in any order: `strides` in bytes, from the value at index `first`.

    NumPy's as_strided takes ten times as long, which is as long as many products here.

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
