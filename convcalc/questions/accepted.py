"""Which sizes of input a network accepts, at which it gives back the size it got, and the rule behind them.

Sizes repeat: a stride of 2 treats all even sizes alike, and all odd ones. So the sizes of one period are carried
through the network at once, and the answer goes on from there. Every answer is checked by placing the network on sizes
at its ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.errors import ConvcalcError, ShapeError, plural
from convcalc.graph.following import MAX_BITS, Rules, all_shapes, rules_of, smallest_size, walked
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Linear
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.graph.size_algebra import Size, Sizes
from convcalc.graph.size_rules import UnfollowedError
from convcalc.notation import Axes, show_size
from convcalc.questions.ranges import Range, continued, in_ranges, ranges_of
from convcalc.questions.samples import Place, alike, placed_samples

if TYPE_CHECKING:
    import numpy as np

MAX_STEPS = 1 << 24
"""Most sizes carried through nodes at once: sizes times nodes."""
MIN_SIZES, MAX_SIZES = 1 << 10, 1 << 17
"""Bounds of how many sizes are carried through a network at once."""
MAX_TRIED = 300
"""Most sizes that a network is placed on one by one, if its sizes follow no known rule."""
SECONDS = 0.8
"""How long checking an answer may take, about; at least MIN_CHECKS sizes are tried."""
MIN_CHECKS = 2


@dataclass(frozen=True, slots=True)
class AxisSizes:
    """The sizes along one axis, or along all of them alike.

    `accepted` and `returns` are those within the range asked for; a size returns if the output is as large along that
    axis, or along all. `modulus` is the period of the pattern that both have from some size on, None if there is none:
    only some sizes are accepted. `remainders` are those of accepted sizes on division by the modulus,
    `return_remainders` those of sizes that come back.
    """

    axis: str
    smallest: int | None
    accepted: tuple[Range, ...]
    returns: tuple[Range, ...]
    modulus: int | None
    remainders: tuple[int, ...] = ()
    return_remainders: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "smallest": self.smallest,
            "accepted": [list(each) for each in self.accepted],
            "returns": [list(each) for each in self.returns],
            "modulus": self.modulus,
            "remainders": list(self.remainders),
            "return_remainders": list(self.return_remainders),
        }


@dataclass(frozen=True, slots=True)
class AcceptedSizes:
    """The sizes that a network accepts: with one size on all axes, and along each axis with the others at `own`.

    `own` is None if it is made up.
    `found` is derived or tried; `checked` counts the sizes that the network was placed on.
    """

    name: str
    own: Axes | None
    first: int
    last: int
    every: AxisSizes
    axes: tuple[AxisSizes, ...]
    found: str
    checked: int
    notes: tuple[str, ...] = ()

    @property
    def alike(self) -> bool:
        """Whether every axis has the same answer."""
        return all(replace(axis, axis=self.every.axis) == self.every for axis in self.axes)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **self.every.to_dict(),
            "from": self.first,
            "to": self.last,
            "own": None if self.own is None else list(self.own),
            "axes": [{"axis": axis.axis, **axis.to_dict()} for axis in self.axes],
            "found": self.found,
            "checked": self.checked,
            "notes": list(self.notes),
        }


class _WrongError(Exception):
    """The forward rules do not confirm an answer."""


def accepted_sizes(graph: Graph, at: Place, first: int = 1, last: int = 512) -> AcceptedSizes:
    """The sizes from `first` to `last` that a network accepts, and those beyond by their rule.

    `graph` is the network on an input that it accepts. Raises ShapeError for an input without spatial axes, and if
    sizes follow no rule that is known here and are too many to be tried.
    """
    own = (graph.inputs[0].shape or ())[1:]
    if not 2 <= len(own) <= 4:
        raise ShapeError(f"sizes: are those of 1 to 3 spatial axes, got an input of {show_size(own)}; they are fixed")
    checks = _Checks(at, own)
    samples, found = placed_samples(graph, at), "derived"
    for fixed in (False, True):
        try:
            every, axes = _derived(rules_of(samples, fixed), checks, first, last)
            break
        except (UnfollowedError, _WrongError):
            continue
    else:
        every, axes = _tried(checks, own, first, last)
        found = "tried"
    return AcceptedSizes(graph.name, own, first, last, every, axes, found, len(checks.tried), _notes(samples))


def _derived(rules: Rules, checks: _Checks, first: int, last: int) -> tuple[AxisSizes, tuple[AxisSizes, ...]]:
    """The answer along all axes and along each, checked. Raises _WrongError if it is not confirmed."""
    (name, line), *others = _lines(checks.own)
    every = _along(rules, line, name, first, last)
    checks.confirm(every, line, first, last)
    if alike(rules.graph):
        return every, tuple(replace(every, axis=name) for name, _ in others)
    axes = []
    for name, line in others:
        axes.append(_along(rules, line, name, first, last))
        checks.confirm(axes[-1], line, first, last)
    return every, tuple(axes)


def _lines(own: Axes) -> list[tuple[str, Line]]:
    """What is asked about: all axes alike, then each of them."""
    names = AXIS_NAMES[len(own) - 1]
    each = [(name, Line(own, (axis,))) for axis, name in enumerate(names)]
    return [("every axis", Line(own, tuple(range(len(names))))), *each]


class Line(NamedTuple):
    """The inputs that are asked about: one size along some axes, the others as `own` has them."""

    own: Axes
    axes: tuple[int, ...]

    def at(self, size: Size) -> Sizes:
        return (self.own[0], *(size if i in self.axes else n for i, n in enumerate(self.own[1:])))


def _notes(graphs: Sequence[Graph]) -> tuple[str, ...]:
    """What the answer leaves open: layers that are not understood, and weights that are not the same on every size."""
    notes = []
    for node in graphs[0].nodes:
        if not node.counted:
            notes.append(f"sizes are not followed beyond {node.name}, which is not understood")
            break
    for nodes in zip(*(graph.nodes for graph in graphs), strict=False):
        widths = {node.primitive.in_features for node in nodes if isinstance(node.primitive, Linear)}
        if len(widths) > 1:
            notes.append(f"{nodes[0].name}: its weights grow with the input; once trained, they fit few sizes")
            break
    return tuple(notes)


def _along(rules: Rules, line: Line, axis: str, first: int, last: int) -> AxisSizes:
    """The answer along some axes, by carrying arrays of sizes through the network."""
    period = _period(rules, line)
    most = most_at_once(rules)
    smallest = smallest_along(rules, line)
    pattern = _pattern(rules, line, period, smallest, most)
    directly = min(last, first + most - 1)
    fits, back = carried(rules, line, first, directly)
    accepted, returns = (_places(mask, first) for mask in (fits, back))
    if directly < last:
        if pattern is None:
            raise ShapeError(
                f"sizes: at most {most} at once for this network, got {first} to {last}; use --to {directly}"
            )
        pattern.check(accepted, returns, directly)
    modulus = None if pattern is None or not any(pattern.accepted) else pattern.modulus
    step = 1 if modulus is None else modulus
    found = []
    for places, kept in ((accepted, pattern.accepted), (returns, pattern.returns)) if pattern else (
        (accepted, ()), (returns, ())
    ):  # fmt: skip
        ranges = ranges_of(places, step)
        found.append(ranges if directly == last else continued(ranges, directly, last, step, kept))
    return AxisSizes(
        axis, smallest, found[0], found[1], modulus,
        pattern.remainders(pattern.accepted) if pattern else (), pattern.remainders(pattern.returns) if pattern else (),
    )  # fmt: skip


def most_at_once(rules: Rules) -> int:
    """How many sizes to carry through a network at once."""
    return min(MAX_SIZES, max(MIN_SIZES, MAX_STEPS // len(rules.steps)))


def modulus_of(rules: Rules, line: Line) -> int:
    """The number that all accepted sizes are multiples of, from some size on; 1 if there is no other."""
    most = most_at_once(rules)
    pattern = _pattern(rules, line, _period(rules, line), smallest_along(rules, line), most)
    if pattern is None or not any(pattern.accepted):
        return 1
    return gcd(pattern.modulus, *pattern.remainders(pattern.accepted))


def carried(rules: Rules, line: Line, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """For every size from first to last, whether it is accepted, and whether it comes back."""
    import numpy as np

    largest = max((n for shape in all_shapes(rules, line.at(last)) for n in shape or ()), default=0)
    sizes = np.arange(first, last + 1, dtype=np.int64 if largest < 1 << 60 else object)
    answer = walked(rules, line.at(sizes))
    fits = np.broadcast_to(np.asarray(answer.fits, bool), sizes.shape)
    output, back = answer.output, fits
    if output is None or len(output) != len(line.own) + 1:
        back = np.zeros_like(fits)
    else:
        for axis in line.axes:
            back = back & np.asarray(output[2 + axis] == sizes, bool)
    return fits, np.broadcast_to(back, sizes.shape)


def _places(mask: np.ndarray, first: int) -> list[int]:
    return [first + int(i) for i in mask.nonzero()[0]]


def _period(rules: Rules, line: Line) -> int:
    """After how many pixels the sizes of all layers have moved on by whole numbers.

    Far from the beginning, layer sizes grow by a fraction of what the input grows; the period is a multiple of all
    denominators.
    """
    far = prod(rules.divisors) << 64
    near, further = (all_shapes(rules, line.at(size)) for size in (far, 2 * far))
    slopes = {
        Fraction(b - a, far).denominator
        for before, after in zip(near, further, strict=True)
        for a, b in zip(before or (), after or (), strict=True)
        if a != b
    }
    return lcm(*slopes)


def smallest_along(rules: Rules, line: Line) -> int | None:
    """The smallest accepted size; None if there is none among those that can be tried."""
    if rules.monotone:
        axes = line.axes[:1] if alike(rules.graph) else line.axes
        found = [smallest_size(rules, line.at(1 << MAX_BITS), 1 + axis) for axis in axes]
        return None if None in found else max(n for n in found if n is not None)
    most = most_at_once(rules)
    first, count = 1, min(MIN_SIZES, most)
    while first <= 2 * most:
        fits, _ = carried(rules, line, first, first + count - 1)
        if fits.any():
            return first + int(fits.argmax())
        first, count = first + count, min(2 * count, most)
    return None


class _Pattern(NamedTuple):
    """What holds for all sizes far enough from the beginning, by their remainder on division by the modulus."""

    modulus: int
    accepted: tuple[bool, ...]
    returns: tuple[bool, ...]

    def remainders(self, mask: Sequence[bool]) -> tuple[int, ...]:
        return tuple(i for i, there in enumerate(mask) if there)

    def check(self, accepted: Sequence[int], returns: Sequence[int], last: int) -> None:
        """Raises UnfollowedError unless the last sizes of a range follow the pattern already."""
        for places, mask in ((accepted, self.accepted), (returns, self.returns)):
            there = set(places[-self.modulus :])
            sizes = range(max(1, last - self.modulus + 1), last + 1)
            if any((size in there) != mask[size % self.modulus] for size in sizes):
                raise UnfollowedError("the range ends before sizes repeat")


def _pattern(rules: Rules, line: Line, period: int, smallest: int | None, most: int) -> _Pattern | None:
    """The pattern that sizes follow from some size on; None if it is too long to be found."""
    if smallest is None or 2 * period > most:
        return None
    start = max(smallest, *line.own[1:], 64)
    for _ in range(12):
        start = -(-4 * start // period) * period
        fits, back = carried(rules, line, start, start + 2 * period - 1)
        both = [(bool(a), bool(b)) for a, b in zip(fits, back, strict=True)]
        if both[:period] == both[period:]:
            break
    else:
        return None
    modulus = next(d for d in _divisors(period) if both[: period - d] == both[d:period])
    return _Pattern(modulus, tuple(a for a, _ in both[:modulus]), tuple(b for _, b in both[:modulus]))


def _divisors(number: int) -> Iterator[int]:
    return (d for d in range(1, number + 1) if number % d == 0)


class _Checks:
    """Sizes that the network itself was placed on."""

    def __init__(self, at: Place, own: Axes) -> None:
        self.at, self.own = at, own
        self.tried: dict[Axes, Graph | None] = {}
        self.began = time.monotonic()

    def graph(self, size: Axes) -> Graph | None:
        """The network on this input, None if it does not accept it."""
        if size not in self.tried:
            try:
                self.tried[size] = self.at(size)
            except ConvcalcError:
                self.tried[size] = None
        return self.tried[size]

    def returned(self, size: Axes, axes: Sequence[int]) -> bool:
        """Whether the output is as large as the input along these axes."""
        graph = self.graph(size)
        shape = None if graph is None else graph.nodes[graph.output].shape
        return shape is not None and len(shape) == len(size) + 1 and all(shape[2 + i] == size[1 + i] for i in axes)

    def confirm(self, found: AxisSizes, line: Line, first: int, last: int) -> None:
        """Raises _WrongError if placing the network gives another answer; the most telling sizes come first."""
        begun = len(self.tried)
        for size in dict.fromkeys(_telling(found, first, last)):
            if len(self.tried) - begun >= MIN_CHECKS and time.monotonic() - self.began > SECONDS:
                return
            accepted = self.graph(line.at(size)) is not None
            inside = first <= size <= last
            if accepted != (size == found.smallest or (inside and in_ranges(found.accepted, size))):
                raise _WrongError
            if inside and self.returned(line.at(size), line.axes) != in_ranges(found.returns, size):
                raise _WrongError


def _telling(found: AxisSizes, first: int, last: int) -> Iterator[int]:
    """Sizes that would show a mistake: the smallest, the ends of ranges, and the neighbours of both."""
    if found.smallest is not None:
        yield found.smallest
    if found.smallest != 1:
        yield 1 if found.smallest is None else found.smallest - 1
    ends = [*found.accepted[:3], *found.accepted[-1:], *found.returns[:2], *found.returns[-1:]]
    near = [n for each in ends for n in (each.first, each.last)]
    near += [n + i for n in near for i in (1, -1)] + [each.first + each.step for each in ends] + [last, first]
    middle = (first + last) // 2
    near += [middle + i for i in range(min(found.modulus or 1, 12))]
    yield from (n for n in near if first <= n <= last)


def _tried(checks: _Checks, own: Axes, first: int, last: int) -> tuple[AxisSizes, tuple[AxisSizes, ...]]:
    """The answer of a network whose sizes follow no known rule, by placing it on each of them."""
    if last - first >= MAX_TRIED:
        raise ShapeError(
            f"sizes: of this network can only be tried one by one, got {plural(last - first + 1, 'size')}; "
            f"use --from {first} --to {first + MAX_TRIED - 1}"
        )
    results = []
    for name, line in _lines(own):
        accepted = [n for n in range(first, last + 1) if checks.graph(line.at(n)) is not None]
        returns = [n for n in accepted if checks.returned(line.at(n), line.axes)]
        smallest = accepted[0] if accepted and first == 1 else None
        results.append(AxisSizes(name, smallest, ranges_of(accepted, 1), ranges_of(returns, 1), None))
    return results[0], tuple(results[1:])
