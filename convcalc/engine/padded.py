"""The padded input along an axis: described, so that it is never made as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from convcalc.axis.modes import Zone, zones
from convcalc.axis.window import Window
from convcalc.engine.work.blocks import length

Pieces: TypeAlias = Sequence[tuple[slice, slice]]


class Reads(NamedTuple):
    """What a block of window positions reads along one axis, copied into a slab of `length` values.

    Tap t of position p is at p*position_step + t*tap_step; `pieces` are (slab slice, input slice), and slab
    values outside all pieces are padding zeros.
    """

    length: int
    position_step: int
    tap_step: int
    pieces: tuple[tuple[slice, slice], ...]


class PaddedAxis(NamedTuple):
    """One axis of the input under a window, with its padding described by zones."""

    window: Window
    zones: tuple[Zone, ...]

    def reads(self, positions: slice, taps: slice) -> Reads:
        """The values that the taps of a block of positions read.

        The slab is the span of the block. If taps leave gaps in it (large strides or dilations), it holds only the
        values read, tap by tap or position by position, so it never exceeds positions*taps values.
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
    """One axis of `size` pixels, padded as the window says, in a mode that `zones` knows.

    >>> padded_axis(4, Window(3, before=2), "reflect").reads(slice(0, 4), slice(0, 3)).pieces
    ((slice(0, 2, None), slice(2, 0, -1)), (slice(2, 6, None), slice(0, 4, 1)))
    """
    return PaddedAxis(window, zones(size, window, mode))
