"""Receptive fields carried forward through a network, exact: which input positions every output position reads.

Along one axis the positions that output p reads repeat: some phases, and how far the input moves from one round of
phases to the next. A convolution has one phase, upsampling as many as its factor. What every output reads, because
a global pool lies before it, is a set that does not move. A merge of arms is the union of what they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd, lcm

from convcalc.axis.positions import Positions, spread, spread_from, union
from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from convcalc.questions.layer_receptive import MOST_PHASES, AxisField

MOST_OUTPUTS = 1 << 12
"""Outputs looked at one by one where arms move unequally."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What one layer's outputs read of its own input along an axis.

    Output p reads the positions taps[p % period], each (first, step, count), moved by p // period * advance.
    """

    taps: tuple[tuple[int, int, int], ...]
    advance: int

    @staticmethod
    def through(window: Window) -> Reads:
        """The reads of a convolution or pool."""
        return Reads(((-window.before, window.dilation, window.kernel),), window.stride)

    @staticmethod
    def spread(window: Window) -> Reads:
        """The reads of a transposed convolution. Raises ShapeError where its stride has too many phases."""
        check_phases(window.stride)
        each = (spread_from(Positions.single(output), window) for output in range(window.stride))
        return Reads(tuple((seen.first, seen.step, seen.count) if seen.runs else (0, 1, 0) for seen in each), 1)

    @staticmethod
    def shifted(first: int, step: int = 1) -> Reads:
        """The reads of a slice, crop or pad: output p is input first + p*step."""
        return Reads(((first, 1, 1),), step)


@dataclass(frozen=True, slots=True)
class Strand:
    """Positions of the network's input: output p reads phases[p % period] moved by p // period * advance."""

    phases: tuple[Positions, ...]
    advance: int

    @property
    def jump(self) -> Fraction:
        return Fraction(self.advance, len(self.phases))

    def at(self, output: int) -> Positions:
        rounds, phase = divmod(output, len(self.phases))
        return self.phases[phase].moved(rounds * self.advance)

    def after(self, reads: Reads) -> Strand:
        """The strand of a layer that reads this one."""
        period, own = len(self.phases), len(reads.taps)
        rounds = period // gcd(period, reads.advance)
        check_phases(own * rounds)
        phases = []
        for output in range(own * rounds):
            first, step, count = reads.taps[output % own]
            phases.append(self._seen(first + output // own * reads.advance, step, count))
        return Strand(tuple(phases), reads.advance * rounds // period * self.advance)

    def _seen(self, first: int, step: int, count: int) -> Positions:
        """What inputs first, first + step, ... read, `count` of them."""
        period = len(self.phases)
        family = period // gcd(period, step)  # of taps that meet the same phase
        parts = []
        for tap in range(min(family, count)):
            taps = (count - 1 - tap) // family + 1
            hop = step * family // period * self.advance
            parts.append(spread(self.at(first + tap * step), taps, hop))
        return reduce(union, parts) if parts else Positions.none()


@dataclass(frozen=True, slots=True)
class Field:
    """What the outputs along one axis read: strands that move with the output, and what every output reads.

    More than one strand only where arms of unequal jumps meet.
    """

    strands: tuple[Strand, ...]
    whole: Positions

    @staticmethod
    def identity() -> Field:
        return Field((Strand((Positions.single(0),), 1),), Positions.none())

    @staticmethod
    def nothing() -> Field:
        """Of what depends on no input at all."""
        return Field((), Positions.none())

    def after(self, reads: Reads) -> Field:
        return Field(tuple(strand.after(reads) for strand in self.strands), self.whole)

    def at(self, output: int) -> Positions:
        return reduce(union, (strand.at(output) for strand in self.strands), self.whole)

    def all_of(self, outputs: int, size: int) -> Field:
        """Where every output reads all of these: their positions on an input of `size`, no longer moving."""
        seen = self.whole
        for strand in self.strands:
            for output in range(min(outputs, len(strand.phases))):
                rounds = (outputs - 1 - output) // len(strand.phases) + 1
                seen = union(seen, spread(strand.at(output), rounds, strand.advance))
        return Field((), seen.within(0, size))

    def summary(self, outputs: int, size: int) -> AxisField:
        """Size, jump, start and coverage; borders count only where something of the whole input is read."""
        widest, first = self.widest(outputs, size), self.seen(0, size)
        jump = self.strands[0].jump if self.strands else Fraction(0)
        return AxisField(widest.span, jump, first.first if first.runs else None, widest.count)

    def seen(self, output: int, size: int) -> Positions:
        """What an output reads; of what moves with it only the part on the input, where it reads a whole as well."""
        moving = reduce(union, (strand.at(output) for strand in self.strands), Positions.none())
        return union(moving.within(0, size), self.whole) if self.whole.runs else moving

    def widest(self, outputs: int, size: int) -> Positions:
        """The positions read by an output that reads furthest; among those, one that reads most."""
        if not self.strands:
            looked_at: Iterable[int] = (0,)
        elif len(self.strands) > 1 or self.whole.runs:
            looked_at = range(min(outputs, MOST_OUTPUTS))
        else:
            looked_at = range(len(self.strands[0].phases))
        return max((self.seen(output, size) for output in looked_at), key=lambda seen: (seen.span, seen.count))


def merged(arms: Sequence[Field]) -> Field:
    """What is read where each output reads the same output of every arm."""
    strands: dict[Fraction, Strand] = {}
    whole = Positions.none()
    for arm in arms:
        whole = union(whole, arm.whole)
        for strand in arm.strands:
            known = strands.get(strand.jump)
            strands[strand.jump] = strand if known is None else _both(known, strand)
    return Field(tuple(strands.values()), whole)


def _both(left: Strand, right: Strand) -> Strand:
    if left == right:
        return left
    period = lcm(len(left.phases), len(right.phases))
    check_phases(period)
    phases = tuple(union(left.at(p), right.at(p)) for p in range(period))
    return Strand(phases, left.advance * period // len(left.phases))


def check_phases(phases: int) -> None:
    """Raises ShapeError where a pattern is too long to enumerate."""
    if phases > MOST_PHASES:
        raise ShapeError(f"it repeats only after {phases} outputs, more than {MOST_PHASES} are not enumerated")


def centre(field: Field) -> Fraction | None:
    """The middle of what output 0 reads, in input pixels; None where nothing, or not one thing, moves with the output.

    Of upsampled outputs, whose phases lie to either side, it is the middle that they have on average.
    """
    if len(field.strands) != 1:
        return None
    [strand] = field.strands
    if not all(seen.runs for seen in strand.phases):
        return None
    middles = [Fraction(seen.first + seen.last, 2) - p * strand.jump for p, seen in enumerate(strand.phases)]
    return sum(middles, Fraction(0)) / len(middles)
