"""Sets of positions along one axis, exact and compact: equally spaced, in runs.

The receptive field is such a set pulled back through the windows. Holes from dilation, gaps from strides
wider than the kernel and the unequal phases of transposed stages are all kept, which intervals cannot do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import gcd
from typing import TypeAlias

from convcalc.axis.window import Window
from convcalc.errors import ShapeError

Runs: TypeAlias = tuple[tuple[int, int], ...]
"""(first, last) pairs."""
SHORT = 16
"""Most runs, or separate positions, of a set that counts as short."""
MAX_RUNS = 1 << 16
"""Separate runs that a set may have, so that an absurd request is refused before it fills the memory."""


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions offset + step*i for every i in the runs: sorted, disjoint, non-adjacent (first, last) pairs."""

    offset: int
    step: int
    runs: tuple[tuple[int, int], ...]

    @staticmethod
    def single(position: int) -> Positions:
        return Positions(position, 1, ((0, 0),))

    @staticmethod
    def none() -> Positions:
        return _NONE

    def __iter__(self) -> Iterator[int]:
        return (self.offset + self.step * i for first, last in self.runs for i in range(first, last + 1))

    @property
    def count(self) -> int:
        """How many positions there are."""
        return sum(last - first + 1 for first, last in self.runs)

    @property
    def is_single(self) -> bool:
        """Whether it is one position."""
        return len(self.runs) == 1 and self.runs[0][0] == self.runs[0][1]

    @property
    def first(self) -> int:
        return self.offset + self.step * self.runs[0][0]

    @property
    def last(self) -> int:
        return self.offset + self.step * self.runs[-1][1]

    @property
    def span(self) -> int:
        """Pixels from the first position to the last, both included; 0 for the empty set."""
        return self.last - self.first + 1 if self.runs else 0

    def shifted(self, distance: int) -> Positions:
        """The positions shifted by `distance`."""
        return Positions(self.offset + distance, self.step, self.runs) if distance else self

    def within(self, low: int, high: int) -> Positions:
        """The positions from low up to, but not including, high."""
        first, last = -((self.offset - low) // self.step), (high - 1 - self.offset) // self.step
        kept = ((max(a, first), min(b, last)) for a, b in self.runs)
        return Positions(self.offset, self.step, tuple((a, b) for a, b in kept if a <= b))


_NONE = Positions(0, 1, ())


def spread_from(outputs: Positions, window: Window) -> Positions:
    """Input positions whose value a transposed convolution spreads over the outputs.

    Input i reaches output o where i*stride + t*dilation - before = o for some tap t.

    >>> list(spread_from(Positions.single(0), Window(kernel=4, stride=2, before=1)))
    [-1, 0]
    """
    reach = (window.kernel - 1) * window.dilation
    shifted = Positions(outputs.offset + window.before - reach, outputs.step, outputs.runs)
    return _divided(spread(shifted, window.kernel, window.dilation), window.stride)


def union(left: Positions, right: Positions) -> Positions:
    """The positions that are in either set.

    >>> list(union(Positions(0, 2, ((0, 2),)), Positions(1, 4, ((0, 1),))))
    [0, 1, 2, 4, 5]
    """
    if left == right or not right.runs:
        return left
    if not left.runs:
        return right
    left, right = _plainly(left), _plainly(right)
    step = gcd(left.step, right.step, left.offset - right.offset) or 1
    runs = _merged([*_on(left, left.offset, step), *_on(right, left.offset, step)])
    _check_runs(len(runs))
    return Positions(left.offset, step, runs)


def singly(positions: Positions) -> Runs | None:
    """The positions as runs one pixel apart; None if that takes more than SHORT of them."""
    offset, step = positions.offset, positions.step
    if step == 1 or positions.is_single:
        short = len(positions.runs) <= SHORT
        return tuple([(offset + step * a, offset + step * b) for a, b in positions.runs]) if short else None
    return tuple([(at, at) for at in positions]) if positions.count <= SHORT else None


def gathered(runs: Iterable[tuple[int, int]]) -> Positions:
    """The union of runs one pixel apart, on the widest spacing.

    >>> gathered([(5, 5), (1, 1), (9, 9)])
    Positions(offset=1, step=4, runs=((0, 2),))
    """
    merged = _merged(runs)
    if not merged:
        return Positions.none()
    low = merged[0][0]
    alone = all(first == last for first, last in merged)
    step = (gcd(*[first - low for first, _ in merged]) or 1) if alone else 1
    indices = [((first - low) // step, (last - low) // step) for first, last in merged]
    return Positions(low, step, _merged(indices) if step > 1 else tuple(indices))


def _plainly(positions: Positions) -> Positions:
    """The positions; a single one gets step 0, since its step means nothing."""
    return Positions(positions.first, 0, ((0, 0),)) if positions.is_single else positions


def _on(positions: Positions, offset: int, step: int) -> Iterator[tuple[int, int]]:
    """The runs as indices i of offset + step*i, a finer spacing that contains the positions."""
    shift = (positions.offset - offset) // step
    for first, last in _refined(positions.runs, positions.step // step or 1, 1, 1):
        yield first + shift, last + shift


def spread(positions: Positions, kernel: int, dilation: int) -> Positions:
    """Every position plus t*dilation, for 0 <= t < kernel, on the finest spacing that both need."""
    if kernel == 1 or dilation == 0 or not positions.runs:
        return positions
    if dilation < 0:
        positions, dilation = positions.shifted((kernel - 1) * dilation), -dilation
    if positions.is_single:
        return Positions(positions.first, dilation, ((0, kernel - 1),))
    step = gcd(positions.step, dilation)
    runs = _refined(positions.runs, positions.step // step, kernel, dilation // step)
    return Positions(positions.offset, step, runs)


def _refined(runs: tuple[tuple[int, int], ...], factor: int, kernel: int, hop: int) -> tuple[tuple[int, int], ...]:
    """The runs with indices times factor, plus t*hop for every tap; factor and hop have no common divisor."""
    if hop == 1 and kernel >= factor:  # the taps close the gaps: every run stays a run
        if len(runs) == 1:
            return ((runs[0][0] * factor, runs[0][1] * factor + kernel - 1),)
        return _merged((first * factor, last * factor + kernel - 1) for first, last in runs)
    if factor > 1:
        _check_runs(sum(last - first + 1 for first, last in runs))
        runs = tuple((i * factor, i * factor) for first, last in runs for i in range(first, last + 1))
    taps = 1
    while taps < kernel:  # double: the taps covered already, and the same again after them
        grown = min(taps, kernel - taps)
        _check_runs(2 * len(runs))
        runs = _merged([*runs, *((first + grown * hop, last + grown * hop) for first, last in runs)])
        taps += grown
    return runs


def _merged(runs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _divided(positions: Positions, stride: int) -> Positions:
    """The multiples of stride among the positions, divided by it."""
    common = gcd(positions.step, stride)
    if not positions.runs or positions.offset % common:
        return Positions(0, 1, ())
    period = stride // common
    phase = -positions.offset // common * pow(positions.step // common, -1, period) % period
    runs = ((-((phase - first) // period), (last - phase) // period) for first, last in positions.runs)
    kept = _merged((first, last) for first, last in runs if first <= last)
    offset = (positions.offset + positions.step * phase) // stride
    return Positions(offset, positions.step // common, kept)


def _check_runs(count: int) -> None:
    if count > MAX_RUNS:
        raise ShapeError(
            f"a receptive field of more than {MAX_RUNS} separate pieces is not enumerated, got {count}; "
            "use a smaller kernel, dilation or stride"
        )
