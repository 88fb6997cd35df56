"""Copies of the padded input: only the part that a block of windows reads is ever made.

An axis of the slab is put together from pieces of the input, with zeros in the gaps between them; a padding mode that
mirrors or wraps is one more piece. Here padding 2 before and 1 after, mode zeros, and a block of the first 7 positions:

    slab     [0  0][x0 x1 x2 x3 x4]          pieces  (slab 2:7, input 0:5)
              gap   piece
"""

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
    """Writes the padded input into `slab`, both (..., *spatial), piece by piece, with zeros in the gaps."""
    clear_gaps(axes, slab)
    copy_pieces(x, axes, slab)


def copy_pieces(x: np.ndarray, axes: Sequence[Pieces], slab: np.ndarray) -> None:
    """Writes the pieces of the input into `slab`, both (..., *spatial)."""
    for parts in product(*axes):
        into: Index = (..., *(to for to, _ in parts))
        source: Index = (..., *(read for _, read in parts))
        slab[into] = x[source]


def clear_gaps(axes: Sequence[Pieces], slab: np.ndarray) -> None:
    """Writes zeros into the gaps between the pieces of `slab`, (..., *spatial)."""
    for gap in _gaps(axes, slab):
        slab[gap] = 0


def _gaps(axes: Sequence[Pieces], slab: np.ndarray) -> Iterator[Index]:
    """The gaps between pieces. Narrow ends of rows come column by column, because NumPy clears a column in one run."""
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
    """The padded input: a view of x if nothing is padded or converted, else a copy in `slab`."""
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

    With `panel`, one matrix for each `panel` positions of the last axis: (groups, batch, *positions, channels*taps,
    panel). One channel, 3 taps and 4 positions on the input a b c d e f, whole and in panels of 2:

        tap 0   a b c d          a b   c d
        tap 1   b c d e          b c   d e
        tap 2   c d e f          c d   e f

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
        # Position by position, because taps lie side by side.
        shape, strides = (groups, batch, *counts, channels, *kernel), (by_tap[0], *by_position, *by_tap[1:])
        matrix = shaped(out, shape)
        matrix[...] = strided(padded, shape, strides)
        return matrix.reshape(groups, -1, rows).swapaxes(1, 2)
    matrix = shaped(out, (groups, channels, *kernel, batch, *counts))
    matrix[...] = strided(padded, matrix.shape, (*by_tap, *by_position))
    return matrix.reshape(groups, rows, -1)
