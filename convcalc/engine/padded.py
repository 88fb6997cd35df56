"""The padded input, of which only the part that a block of windows reads is ever copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from typing import TypeAlias

import numpy as np

from convcalc.engine.blocks import Index, length, shaped, strided
from convcalc.errors import ShapeError
from convcalc.window import Window

Pieces: TypeAlias = Sequence[tuple[slice, slice]]

NARROW, LONG = 8, 16
"""Values in a run that are too few to be copied or cleared as one, and enough."""

MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True, slots=True)
class Zone:
    """Padded positions begin <= q < end, which show the input's position offset + sign*q."""

    begin: int
    end: int
    offset: int
    sign: int


@dataclass(frozen=True, slots=True)
class Reads:
    """What a block of window positions reads along one axis, copied into a slab of `length` values.

    Tap t of position p is at p*position_step + t*tap_step; `pieces` are (slab slice, input slice), and slab
    values in no piece are padding zeros.
    """

    length: int
    position_step: int
    tap_step: int
    pieces: tuple[tuple[slice, slice], ...]


@dataclass(frozen=True, slots=True)
class PaddedAxis:
    """One axis of the input under a window, with its padding described by zones."""

    window: Window
    zones: tuple[Zone, ...]

    def reads(self, positions: slice, taps: slice) -> Reads:
        """Where the taps of a block of positions come from.

        The slab is the span of the block, or where taps leave gaps (large strides or dilations) only the values
        read, tap by tap or position by position: it never exceeds positions*taps values.
        """
        stride, dilation = self.window.stride, self.window.dilation
        first = positions.start * stride + taps.start * dilation - self.window.before
        count, kernel = length(positions), length(taps)
        span = (count - 1) * stride + (kernel - 1) * dilation + 1
        if span <= count * kernel:
            return Reads(span, stride, dilation, tuple(self.pieces(first, span)))
        pieces: list[tuple[slice, slice]] = []
        if kernel <= count:
            for tap in range(kernel):
                pieces += self.pieces(first + tap * dilation, count, step=stride, at=tap * count)
            return Reads(count * kernel, 1, count, tuple(pieces))
        for position in range(count):
            pieces += self.pieces(first + position * stride, kernel, step=dilation, at=position * kernel)
        return Reads(count * kernel, kernel, 1, tuple(pieces))

    def pieces(self, first: int, count: int, *, step: int = 1, at: int = 0) -> Iterator[tuple[slice, slice]]:
        """(slab slice, input slice) pairs for the padded positions first + step*i, i < count, put at index at + i.

        Position 0 is the input's first; indices in no pair are padding zeros.
        """
        for zone in self.zones:
            begin = max(0, -((first - zone.begin) // step))
            end = min(count, -((first - zone.end) // step))
            if begin < end:
                start = zone.offset + zone.sign * (first + begin * step)
                stop = start + zone.sign * step * (end - begin) if zone.sign else start + 1
                # A stop below zero would count from the end; None says "as far as it goes".
                yield slice(at + begin, at + end), slice(start, None if stop < 0 else stop, zone.sign * step or 1)


def padded_axis(size: int, window: Window, mode: str) -> PaddedAxis:
    """One axis of `size` pixels, padded as the window says, with PyTorch's meaning of the modes.

    reflect mirrors without repeating the border, replicate repeats the border, circular wraps around.
    Raises ShapeError where the mode cannot fill that much padding.

    >>> padded_axis(4, Window(3, before=2), "reflect").reads(slice(0, 4), slice(0, 3)).pieces
    ((slice(0, 2, None), slice(2, 0, -1)), (slice(2, 6, None), slice(0, 4, 1)))
    """
    inside = Zone(0, size, 0, 1)
    if mode == "zeros":
        return PaddedAxis(window, (inside,))
    begin, end = -window.before, size + window.after
    most = {"replicate": None, "reflect": size - 1, "circular": size}[mode]
    if most is not None and max(window.before, window.after) > most:
        rule = "smaller than" if mode == "reflect" else "at most as large as"
        raise ShapeError(
            f"{mode} padding must be {rule} the input, got padding {window.before}:{window.after} on size {size}; "
            f"use at most {most}, or padding mode zeros or replicate"
        )
    match mode:
        case "reflect":
            return PaddedAxis(window, (Zone(begin, 0, 0, -1), inside, Zone(size, end, 2 * (size - 1), -1)))
        case "replicate":
            return PaddedAxis(window, (Zone(begin, 0, 0, 0), inside, Zone(size, end, size - 1, 0)))
        case _:
            return PaddedAxis(window, (Zone(begin, 0, size, 1), inside, Zone(size, end, -size, 1)))


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


def _gaps(axes: Sequence[Pieces], slab: np.ndarray) -> Iterator[tuple[slice | int, ...]]:
    """Where no piece shows an input value; narrow ends of rows one index at a time, which NumPy clears in long runs."""
    for axis, pieces in enumerate(axes, slab.ndim - len(axes)):
        size, before = slab.shape[axis], (slice(None),) * axis
        if len(pieces) == 1 and length(pieces[0][0]) == size:
            continue
        filled = sorted((to.start, to.stop) for to, _ in pieces)
        for (_, begin), (end, _) in pairwise([(0, 0), *filled, (size, size)]):
            if end - begin <= NARROW and axis == slab.ndim - 1:
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
    reads = [axis.reads(*block) for axis, *block in zip(axes, positions, taps, strict=True)]
    leading = x.shape[:3]
    padded = shaped(slab, (*leading, *(read.length for read in reads)))
    pieces = tuple(read.pieces for read in reads)
    groups, channels, batch = leading
    kernel, counts = tuple(map(length, taps)), tuple(map(length, positions))
    rows = channels * prod(kernel)
    if rows == channels and panel is None:  # the slab has their order already
        copy_padded(x, pieces, padded)
        return padded.reshape(groups, rows, -1)
    padded = padded_view(x, pieces, padded)
    steps = padded.strides[3:]
    by_tap = (*padded.strides[:2], *(read.tap_step * step for read, step in zip(reads, steps, strict=True)))
    by_position = (padded.strides[2], *(read.position_step * step for read, step in zip(reads, steps, strict=True)))
    if panel is not None:
        *others, last = by_position
        shape = (groups, batch, *counts[:-1], counts[-1] // panel, channels, *kernel, panel)
        matrix = shaped(out, shape)
        matrix[...] = strided(padded, shape, (by_tap[0], *others, panel * last, *by_tap[1:], last))
        return matrix.reshape(groups, batch, *counts[:-1], -1, rows, panel)
    if reads[-1].tap_step == 1 < reads[-1].position_step and kernel[-1] >= LONG:
        # Position by position, because the taps are what lies side by side.
        shape, strides = (groups, batch, *counts, channels, *kernel), (by_tap[0], *by_position, *by_tap[1:])
        matrix = shaped(out, shape)
        matrix[...] = strided(padded, shape, strides)
        return matrix.reshape(groups, -1, rows).swapaxes(1, 2)
    matrix = shaped(out, (groups, channels, *kernel, batch, *counts))
    matrix[...] = strided(padded, matrix.shape, (*by_tap, *by_position))
    return matrix.reshape(groups, rows, -1)
