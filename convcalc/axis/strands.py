"""Receptive fields carried forward, exact: which input positions every output position reads, along one axis.

The positions that output p reads form a repeating pattern: `period` phases, and each next round of them reads positions
that are `advance` pixels further on. A convolution has one phase, upsampling as many as its factor. After a global
pool every output reads the same set, which does not move. Merged branches read the union of what each of them reads.
Sizes, jumps and starts only summarize these sets: the usual recurrences over intervals are wrong if dilation
leaves holes or transposed convolutions alternate with strided ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import NamedTuple

from convcalc.axis.positions import Positions, Runs, gathered, singly, spread, spread_from, union
from convcalc.axis.window import Window
from convcalc.errors import ShapeError

MAX_PHASES = 1 << 16
"""Most phases of a pattern; a longer one is refused."""
LONG_PATTERN = 1 << 6
"""Phases from which on it pays to look whether all of them are short."""
MAX_OUTPUTS = 1 << 12
"""Most outputs to look at one by one if branches have unequal jumps."""
MAX_ENUMERATED = 1 << 17
"""Most outputs whose pattern one walk over a graph lists, all layers together."""
MAX_TAPS = 1 << 19
"""Most taps that are gone through for the patterns of one walk over a graph."""
RUNS_PER_OUTPUT = 32
"""Separate runs that take about as long to list as one more output."""


class AxisField(NamedTuple):
    """The receptive field along one axis, in input pixels, as if the input had no border.

    size: the largest span that one output depends on, over all outputs; coverage: how many positions inside
    that span it really reads; jump: input pixels between neighbouring outputs; start: the first position that
    output 0 reads, negative inside the padding, None if it reads none.
    """

    size: int
    jump: Fraction
    start: int | None
    coverage: int


class Reads(NamedTuple):
    """The positions of its own input that each output of one layer reads along an axis.

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
        """The reads of a transposed convolution. Raises ShapeError if its stride has too many phases."""
        check_phases(window.stride)
        each = (spread_from(Positions.single(output), window) for output in range(window.stride))
        return Reads(tuple((seen.first, seen.step, seen.count) if seen.runs else (0, 1, 0) for seen in each), 1)

    @staticmethod
    def shifted(first: int, step: int = 1) -> Reads:
        """The reads of a slice, crop or pad: output p is input first + p*step."""
        return Reads(((first, 1, 1),), step)


class Strand(NamedTuple):
    """Positions of the network's input: output p reads phases[p % period] moved by p // period * advance."""

    phases: tuple[Positions, ...]
    advance: int

    @property
    def jump(self) -> Fraction:
        return Fraction(self.advance, len(self.phases))

    def at(self, output: int) -> Positions:
        rounds, phase = divmod(output, len(self.phases))
        return self.phases[phase].shifted(rounds * self.advance)

    def after(self, reads: Reads) -> Strand:
        """The strand of a layer that reads this one."""
        if len(self.phases) == len(reads.taps) == 1:  # as in every convolution of a convolution
            [(first, step, count)] = reads.taps
            seen = self.phases[0].shifted(first * self.advance)
            return Strand((spread(seen, count, step * self.advance),), reads.advance * self.advance)
        period, own = len(self.phases), len(reads.taps)
        rounds = period // gcd(period, reads.advance)
        check_phases(own * rounds)
        check_taps(self.taps(reads))
        plain = [singly(seen) for seen in self.phases] if own * rounds >= LONG_PATTERN else [None]
        short = None if None in plain else [each for each in plain if each is not None]
        phases, runs = [], 0
        for output in range(own * rounds):
            first, step, count = reads.taps[output % own]
            first += output // own * reads.advance
            if count == 1:
                phases.append(self.at(first))
            elif period == 1 and count:
                phases.append(spread(self.at(first), count, step * self.advance))
            elif short is not None and count <= period // gcd(period, step):
                phases.append(gathered(self._runs(short, first, step, count)))
            else:
                phases.append(self.seen_through(first, step, count))
            runs += len(phases[-1].runs)
            if runs > RUNS_PER_OUTPUT * MAX_ENUMERATED:
                raise ShapeError(
                    f"its pattern of {own * rounds} outputs has more than {RUNS_PER_OUTPUT * MAX_ENUMERATED} separate "
                    "pieces, which are not enumerated; use a smaller kernel, dilation or stride"
                )
        return Strand(tuple(phases), reads.advance * rounds // period * self.advance)

    def taps(self, reads: Reads) -> int:
        """How many taps are gone through to list the pattern of a layer that reads this one."""
        period = len(self.phases)
        rounds = period // gcd(period, reads.advance)
        return rounds * sum(min(count, period // gcd(period, step)) for _, step, count in reads.taps)

    def _runs(self, short: Sequence[Runs], first: int, step: int, count: int) -> list[tuple[int, int]]:
        """As `seen_through`, if all phases have few runs, as runs one pixel apart: most patterns that are long."""
        found = []
        for tap in range(count):
            rounds, phase = divmod(first + tap * step, len(short))
            moved = rounds * self.advance
            for begin, end in short[phase]:
                found.append((begin + moved, end + moved))
        return found

    def seen_through(self, first: int, step: int, count: int) -> Positions:
        """What `count` outputs read together: first, first + step, ..."""
        period = len(self.phases)
        family = period // gcd(period, step)  # taps this far apart read the same phase
        parts = []
        for tap in range(min(family, count)):
            taps = (count - 1 - tap) // family + 1
            hop = step * family // period * self.advance
            parts.append(spread(self.at(first + tap * step), taps, hop))
        return reduce(union, parts) if parts else Positions.none()


@dataclass(frozen=True, slots=True)
class Field:
    """What the outputs along one axis read: strands that move with the output, and `whole`, which every output reads.

    There is more than one strand only if branches of unequal jumps meet.
    """

    strands: tuple[Strand, ...]
    whole: Positions

    @staticmethod
    def identity() -> Field:
        return Field((Strand((Positions.single(0),), 1),), Positions.none())

    @staticmethod
    def nothing() -> Field:
        """The field of an array that depends on no input."""
        return Field((), Positions.none())

    def after(self, reads: Reads) -> Field:
        return Field(tuple(strand.after(reads) for strand in self.strands), self.whole)

    def spread(self, window: Window) -> Field:
        """The field of a transposed convolution of this one."""
        if window.stride > MAX_PHASES and len(self.strands) == 1 and not self.whole.runs:
            return _Spread(self.strands, self.whole, window)
        for strand in self.strands:
            check_phases(len(strand.phases) * window.stride)  # before they are enumerated
        return self.after(Reads.spread(window))

    def at(self, output: int) -> Positions:
        return reduce(union, (strand.at(output) for strand in self.strands), self.whole)

    def all_of(self, outputs: int, size: int) -> Field:
        """The field after every output reads all `outputs` of this one: fixed positions on an input of `size`."""
        seen = self.whole
        for strand in self.strands:
            for output in range(min(outputs, len(strand.phases))):
                rounds = (outputs - 1 - output) // len(strand.phases) + 1
                seen = union(seen, spread(strand.at(output), rounds, strand.advance))
        return Field((), seen.within(0, size))

    def summary(self, outputs: int, size: int) -> AxisField:
        """Size, jump, start and coverage; borders count only if some positions are read by every output."""
        if len(self.strands) == 1 and len(self.strands[0].phases) == 1 and not self.whole.runs:
            widest = first = self.strands[0].phases[0]
        else:
            widest, first = self.widest(outputs, size), self.seen(0, size)
        jump = self.strands[0].jump if self.strands else Fraction(0)
        return AxisField(widest.span, jump, first.first if first.runs else None, widest.count)

    def seen(self, output: int, size: int) -> Positions:
        """What an output reads; if it also reads fixed positions, the moving part counts only inside the input."""
        moving = reduce(union, (strand.at(output) for strand in self.strands), Positions.none())
        return union(moving.within(0, size), self.whole) if self.whole.runs else moving

    def widest(self, outputs: int, size: int) -> Positions:
        """The positions read by an output that reads furthest; among those, one that reads most."""
        if len(self.strands) == 1 and not self.whole.runs:
            found: Iterable[Positions] = self.strands[0].phases
        else:
            found = [self.seen(output, size) for output in range(min(outputs, MAX_OUTPUTS) if self.strands else 1)]
        return max(found, key=lambda seen: (seen.span, seen.count))


@dataclass(frozen=True, slots=True)
class _Spread(Field):
    """The field of a transposed convolution whose stride has too many phases to enumerate.

    Outputs that the first tap reaches read as many inputs as any, whatever the stride, so these are enough for the
    summary of the last layer. `strands` and `whole` are those of its input, and nothing can follow.
    """

    window: Window

    def after(self, reads: Reads) -> Field:
        del reads
        check_phases(self.window.stride)
        raise AssertionError("a stride this large has too many phases")

    def spread(self, window: Window) -> Field:
        return self.after(Reads.shifted(window.before))

    def summary(self, outputs: int, size: int) -> AxisField:
        widest, first = self.widest(outputs, size), self.at(0)
        jump = self.strands[0].jump / self.window.stride
        return AxisField(widest.span, jump, first.first if first.runs else None, widest.count)

    def at(self, output: int) -> Positions:
        inputs = spread_from(Positions.single(output), self.window)
        if not inputs.runs:
            return Positions.none()
        return self.strands[0].seen_through(inputs.first, inputs.step, inputs.count)

    def seen(self, output: int, size: int) -> Positions:
        del size
        return self.at(output)

    def widest(self, outputs: int, size: int) -> Positions:
        del outputs, size
        phases, stride = len(self.strands[0].phases), self.window.stride
        looked_at = range(-self.window.before, phases * stride - self.window.before, stride)
        return max((self.at(output) for output in looked_at), key=lambda seen: (seen.span, seen.count))


def merged(branches: Sequence[Field]) -> Field:
    """The field if each output reads the same output of every branch."""
    strands: dict[Fraction, Strand] = {}
    whole = Positions.none()
    for branch in branches:
        whole = union(whole, branch.whole)
        for strand in branch.strands:
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
    """Raises ShapeError if a pattern is too long to enumerate."""
    if phases > MAX_PHASES:
        raise ShapeError(
            f"it repeats only after {phases} outputs, more than {MAX_PHASES} are not enumerated; "
            "use smaller strides or factors"
        )


def check_taps(taps: int) -> None:
    """Raises ShapeError if a pattern takes too long to list."""
    if taps > MAX_TAPS:
        raise ShapeError(
            f"with the layers before it, patterns of {taps} taps would be listed, more than {MAX_TAPS} are not "
            "enumerated; use smaller strides or kernels"
        )


class Enumerated:
    """How much one walk has listed, so that a graph of many long patterns is refused rather than waited for."""

    def __init__(self) -> None:
        self.outputs = self.taps = 0
        self._fields: dict[int, Field] = {}  # by identity, and kept so that it stays theirs

    def read(self, field: Field, reads: Reads) -> None:
        """Counts the taps of a layer that will read a field. Raises ShapeError if they are too many."""
        taps = self.taps + sum(strand.taps(reads) for strand in field.strands if len(strand.phases) > 1)
        check_taps(taps)
        self.taps = taps

    def add(self, field: Field) -> None:
        """Counts a field once; one of a single phase costs next to nothing. Raises ShapeError if it is too much."""
        if id(field) in self._fields:
            return
        self._fields[id(field)] = field
        for strand in field.strands:
            if len(strand.phases) > 1:
                self.outputs += sum(1 + len(seen.runs) // RUNS_PER_OUTPUT for seen in strand.phases)
        if self.outputs > MAX_ENUMERATED:
            raise ShapeError(
                f"with the layers before it, patterns of {self.outputs} outputs would be listed, more than "
                f"{MAX_ENUMERATED} are not enumerated; use smaller strides or factors"
            )


def centre(field: Field) -> Fraction | None:
    """The middle of what output 0 reads, in input pixels; None unless exactly one strand moves with the output.

    For upsampled outputs, whose phases lie to either side, it is the average middle.
    """
    strand = _moving(field)
    if strand is None:
        return None
    middles = [Fraction(seen.first + seen.last, 2) - p * strand.jump for p, seen in enumerate(strand.phases)]
    return sum(middles, Fraction(0)) / len(middles)


def newest(field: Field) -> Fraction | None:
    """The last input pixel that output 0 reads, on average over the phases; None if outputs read ahead of their place.

    The place of output p is the pixels from p*jump on, up to the next output's.
    """
    strand = _moving(field)
    if strand is None:
        return None
    lasts = [seen.last - p * strand.jump for p, seen in enumerate(strand.phases)]
    return sum(lasts, Fraction(0)) / len(lasts) if max(lasts) <= max(strand.jump - 1, Fraction(0)) else None


def _moving(field: Field) -> Strand | None:
    """The one strand that moves with the output, if every phase of it reads something."""
    [strand] = field.strands if len(field.strands) == 1 else [None]
    return strand if strand is not None and all(seen.runs for seen in strand.phases) else None
