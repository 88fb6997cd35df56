"""The padded input, of which only the part that a block of windows reads is ever copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcalc.engine.blocks import Index, length, shaped
from convcalc.errors import ShapeError
from convcalc.window import Window

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

    @property
    def complete(self) -> bool:
        return sum(length(to) for to, _ in self.pieces) == self.length


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
            return Reads(span, stride, dilation, tuple(self._pieces(0, first, 1, span)))
        pieces: list[tuple[slice, slice]] = []
        if kernel <= count:
            for tap in range(kernel):
                pieces += self._pieces(tap * count, first + tap * dilation, stride, count)
            return Reads(count * kernel, 1, count, tuple(pieces))
        for position in range(count):
            pieces += self._pieces(position * kernel, first + position * stride, dilation, kernel)
        return Reads(count * kernel, kernel, 1, tuple(pieces))

    def _pieces(self, at: int, first: int, step: int, count: int) -> Iterator[tuple[slice, slice]]:
        """Slices for the padded positions first + step*i, i < count, which go to slab index at + i."""
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
    begin, end = -window.before, size + window.after
    most = {"zeros": None, "replicate": None, "reflect": size - 1, "circular": size}[mode]
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
        case "circular":
            return PaddedAxis(window, (Zone(begin, 0, size, 1), inside, Zone(size, end, -size, 1)))
    return PaddedAxis(window, (inside,))


def columns(
    x: np.ndarray,
    axes: tuple[PaddedAxis, ...],
    positions: tuple[slice, ...],
    taps: tuple[slice, ...],
    slab: np.ndarray,
    out: np.ndarray,
) -> np.ndarray:
    """The values under a block of windows as matrices (groups, channels*taps, batch*positions).

    x: (groups, channels, batch, *spatial), already cut to the block but for its spatial axes. `slab` and `out`
    are flat workspaces, the second for the result; both are overwritten.
    """
    reads = [axis.reads(*block) for axis, *block in zip(axes, positions, taps, strict=True)]
    leading = x.shape[:3]
    padded = shaped(slab, (*leading, *(read.length for read in reads)))
    if not all(read.complete for read in reads):
        padded[...] = 0
    for pieces in product(*(read.pieces for read in reads)):
        into: Index = (..., *(to for to, _ in pieces))
        source: Index = (..., *(read for _, read in pieces))
        padded[into] = x[source]
    groups, channels, batch = leading
    kernel, counts = tuple(map(length, taps)), tuple(map(length, positions))
    rows = channels * prod(kernel)
    if rows == channels:  # the slab has their order already
        return padded.reshape(groups, rows, -1)
    steps = padded.strides[3:]
    windows = as_strided(
        padded,
        (groups, channels, *kernel, batch, *counts),
        (
            *padded.strides[:2],
            *(read.tap_step * step for read, step in zip(reads, steps, strict=True)),
            padded.strides[2],
            *(read.position_step * step for read, step in zip(reads, steps, strict=True)),
        ),
        writeable=False,
    )
    matrix = shaped(out, windows.shape)
    matrix[...] = windows
    return matrix.reshape(groups, rows, -1)
