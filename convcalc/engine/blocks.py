"""Index spaces cut into rectangular blocks whose arrays stay within a memory budget."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, product
from math import prod
from types import EllipsisType
from typing import TypeAlias

import numpy as np

Index: TypeAlias = tuple[EllipsisType | slice | int, ...]

# Bytes of one workspace. It is written by a copy and at once read by a matrix product, which is fastest from
# the L2 cache; 1 to 4 MiB measured alike. Every working array is a small multiple of it, whatever the layer.
BUDGET = 2 * 2**20

# Positions that a matrix product should have before its other sizes are cut: below it reads more than it computes.
LANES = 64


def block_shape(sizes: tuple[int, ...], cost: float, share: int = 1) -> tuple[int, ...]:
    """The block, in indices per axis, to cut `sizes` by: at most share*BUDGET bytes at `cost` bytes an index.

    Whole trailing axes first, so that what is read stays contiguous; at least one index, and even parts.

    >>> block_shape((5, 4, 1000), BUDGET / 2500)
    (1, 2, 1000)
    """
    room = max(1, int(share * BUDGET / cost))
    shape: tuple[int, ...] = ()
    for size in reversed(sizes):
        parts = -(-size // min(size, room))
        shape = (-(-size // parts), *shape)
        room = max(1, room // size)
    return shape


def blocks(sizes: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Slices of every block of at most `shape` indices, which together cover `sizes` once.

    >>> list(blocks((1, 5), (1, 3)))
    [(slice(0, 1, None), slice(0, 3, None)), (slice(0, 1, None), slice(3, 5, None))]
    """
    return product(
        *(
            [slice(start, min(start + step, size)) for start in range(0, size, step)]
            for size, step in zip(sizes, shape, strict=True)
        )
    )


def length(part: slice) -> int:
    """Indices in a slice of a block."""
    return int(part.stop) - int(part.start)


def workspaces(dtype: np.dtype, *sizes: int) -> Iterator[np.ndarray]:
    """Flat working arrays of these sizes, uninitialised.

    Cut from one allocation: several would be returned to the system after every call, and getting the pages
    back took half as long again as a small layer.
    """
    whole = np.empty(sum(sizes), dtype)
    for size, end in zip(sizes, accumulate(sizes), strict=True):
        yield whole[end - size : end]


def shaped(workspace: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The beginning of a flat workspace as an array of `shape`."""
    return workspace[: prod(shape)].reshape(shape)
