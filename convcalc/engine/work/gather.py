"""Copies of the padded input, of which only the part that a block of windows reads is ever made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import prod
from operator import mul

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.padded import PaddedAxis, Pieces
from convcalc.engine.work.blocks import Index, length, shaped, strided


def copy_padded(x: np.ndarray, axes: Sequence[Pieces], slab: np.ndarray) -> None:
    """Writes the padded input into `slab`, both (..., *spatial), piece by piece; what no piece fills becomes 0."""
    clear_gaps(axes, slab)
    copy_pieces(x, axes, slab)


def copy_pieces(x: np.ndarray, axes: Sequence[Pieces], slab: np.ndarray) -> None:
    """Writes what the pieces show of the input into `slab`, both (..., *spatial)."""
    for parts in product(*axes):
        into: Index = (..., *(to for to, _ in parts))
        source: Index = (..., *(read for _, read in parts))
        slab[into] = x[source]


def clear_gaps(axes: Sequence[Pieces], slab: np.ndarray) -> None:
    """Writes zeros where no piece shows an input value in `slab`, (..., *spatial)."""
    for gap in _gaps(axes, slab):
        slab[gap] = 0


def _gaps(axes: Sequence[Pieces], slab: np.ndarray) -> Iterator[Index]:
    """Where no piece shows an input value; narrow ends of rows one index at a time, which NumPy clears in long runs."""
    for axis, pieces in enumerate(axes, slab.ndim - len(axes)):
        size, before = slab.shape[axis], (slice(None),) * axis
        if len(pieces) == 1 and length(pieces[0][0]) == size:
            continue
        filled = sorted((to.start, to.stop) for to, _ in pieces)
        for (_, begin), (end, _) in pairwise([(0, 0), *filled, (size, size)]):
            if end - begin <= tuning.MAX_NARROW_RUN and axis == slab.ndim - 1:
                for index in range(begin, end):
                    yield (*before, index)
            else:
                yield (*before, slice(begin, end))


def padded_view(x: np.ndarray, axes: Sequence[Pieces], slab: np.ndarray) -> np.ndarray:
    """The padded input, in `slab` or, where nothing is padded or converted, as it lies."""
    if x.dtype == slab.dtype and all(len(pieces) == 1 for pieces in axes):
        index: Index = (..., *(read for ((_, read),) in axes))
        view = x[index]
        if view.shape == slab.shape:
            return view
    copy_padded(x, axes, slab)
    return slab


def columns(
    x: np.ndarray,
    axes: tuple[PaddedAxis, ...],
    positions: tuple[slice, ...],
    taps: tuple[slice, ...],
    slab: np.ndarray,
    out: np.ndarray,
    panel: int | None = None,
) -> np.ndarray:
    """The values under a block of windows as matrices (groups, channels*taps, batch*positions).

    Or as one for every `panel` positions of the last axis: (groups, batch, *positions, channels*taps, panel).
    x: (groups, channels, batch, *spatial), already cut to the block but for its spatial axes. `slab` and `out`
    are flat workspaces, the second for the result; both are overwritten.
    """
    reads = [axis.reads(at, tap) for axis, at, tap in zip(axes, positions, taps, strict=True)]
    spans, position_steps, tap_steps, pieces = zip(*reads, strict=True)
    groups, channels, batch = leading = x.shape[:3]
    padded = shaped(slab, (*leading, *spans))
    kernel, counts = tuple(map(length, taps)), tuple(map(length, positions))
    rows = channels * prod(kernel)
    if rows == channels and panel is None:  # the slab has their order already
        copy_padded(x, pieces, padded)
        return padded.reshape(groups, rows, -1)
    padded = padded_view(x, pieces, padded)
    steps = padded.strides[3:]
    by_tap = (*padded.strides[:2], *map(mul, tap_steps, steps))
    by_position = (padded.strides[2], *map(mul, position_steps, steps))
    if panel is not None:
        *others, last = by_position
        shape = (groups, batch, *counts[:-1], counts[-1] // panel, channels, *kernel, panel)
        matrix = shaped(out, shape)
        matrix[...] = strided(padded, shape, (by_tap[0], *others, panel * last, *by_tap[1:], last))
        return matrix.reshape(groups, batch, *counts[:-1], -1, rows, panel)
    if tap_steps[-1] == 1 < position_steps[-1] and kernel[-1] >= tuning.MIN_LONG_RUN:
        # Position by position, because the taps are what lies side by side.
        shape, strides = (groups, batch, *counts, channels, *kernel), (by_tap[0], *by_position, *by_tap[1:])
        matrix = shaped(out, shape)
        matrix[...] = strided(padded, shape, strides)
        return matrix.reshape(groups, -1, rows).swapaxes(1, 2)
    matrix = shaped(out, (groups, channels, *kernel, batch, *counts))
    matrix[...] = strided(padded, matrix.shape, (*by_tap, *by_position))
    return matrix.reshape(groups, rows, -1)
