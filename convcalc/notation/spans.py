"""Ranges as people type them, `3..7`, of sizes, of options and of paddings; and outputs that depend on the input."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from convcalc.errors import NotationError, quoted
from convcalc.notation.spellings import PADDING_WORDS, did_you_mean, padding_spelling
from convcalc.notation.values import MAX_DIGITS, whole_number

SpanValue: TypeAlias = int | str | Sequence[int]
T = TypeVar("T")
_BETWEEN_AXES = re.compile("[xX×,]")
_TARGET = re.compile(r"(?:(?P<times>[0-9]*)\s*\*?\s*n|n\s*(?P<by>//|/)\s*(?P<divisor>[0-9]+)|(?P<size>[0-9]+))")
_OTHER_RANGE = re.compile(r"([0-9]{1,99})\s*[-–]\s*([0-9]{1,99})")
_FACTOR = re.compile(r"[xX×]\s*([0-9]+)")


class Span(NamedTuple):
    """The whole numbers from first to last; none if last < first."""

    first: int
    last: int

    def within(self, other: Span) -> Span:
        """The numbers that are in both."""
        return Span(max(self.first, other.first), min(self.last, other.last))

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return max(0, self.last - self.first + 1)

    def __bool__(self) -> bool:
        return self.last >= self.first

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


class Target(NamedTuple):
    """The output size wanted of an input of n: a number, or a multiple or part of n, rounded up or down."""

    kind: Literal["size", "times", "up", "down"]
    number: int

    def of(self, size: int) -> int:
        """The output size wanted of an input of this size.

        >>> Target("up", 2).of(7), Target("down", 2).of(7), Target("times", 5).of(7)
        (4, 3, 35)
        """
        match self.kind:
            case "size":
                return self.number
            case "times":
                return size * self.number
            case "up":
                return -(-size // self.number)
            case "down":
                return size // self.number

    def __str__(self) -> str:
        written = {"size": f"{self.number}", "times": f"{self.number}n", "up": f"n/{self.number}"}
        return written.get(self.kind, f"n//{self.number}") if (self.kind, self.number) != ("times", 1) else "n"


class Sides(NamedTuple):
    """The paddings searched on an axis: at its begin and at its end, which differ by one at most unless `free`."""

    begin: Span
    end: Span
    free: bool

    def __str__(self) -> str:
        if self.free:
            return f"{self.begin}:{self.end}"
        return f"{self.begin}" + (", begin and end differ by at most 1" if self.begin.size > 1 else "")


def parse_spans(value: SpanValue, name: str, dims: int | None = None, minimum: int = 1) -> tuple[Span, ...]:
    """A range per axis from `3`, `3..7`, `3..7x5`, 3 or (3, 7); without `dims`, as many as are written.

    Raises NotationError for anything else, and for a range that goes down.

    >>> parse_spans("3..7x5", "kernel", 2)
    (Span(first=3, last=7), Span(first=5, last=5))
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        value = f"{value[0]}..{value[1]}"
    return _per_axis(value, name, dims, lambda part: _span(part, name, minimum))


def parse_targets(value: int | str, name: str = "output", dims: int | None = None) -> tuple[Target, ...]:
    """The output wanted per axis: `112`, `112x160`, `5n`, `n`, `n/2` (rounded up) or `n//2` (rounded down).

    Raises NotationError for anything else.

    >>> parse_targets("5n"), parse_targets("n/2x112")
    ((Target(kind='times', number=5),), (Target(kind='up', number=2), Target(kind='size', number=112)))
    """
    factor = _FACTOR.fullmatch(value.strip()) if isinstance(value, str) else None
    return _per_axis(f"{factor[1]}n" if factor else value, name, dims, lambda part: _target(part, name))


def parse_sides(value: int | str, name: str = "padding", dims: int | None = None) -> tuple[Sides, ...] | str:
    """The paddings searched per axis: `1`, `0..5`, `0:1`, `0..5:0..5`, or one of the padding words.

    A number or range alone is for both sides, which differ by one at most; with a colon each side has its own.
    Raises NotationError for anything else.

    >>> parse_sides("0..5")[0].free, parse_sides("0..5:0..2")[0].end, parse_sides("SAME")
    (False, Span(first=0, last=2), 'same')
    """
    word = padding_spelling(value.strip()) if isinstance(value, str) else None
    return word or _per_axis(value, name, dims, lambda part: _sides(part, name))


def _per_axis(value: Any, name: str, dims: int | None, read: Callable[[str], T]) -> tuple[T, ...]:
    parts = _BETWEEN_AXES.split(str(value).strip())
    found = tuple(read(part.strip()) for part in parts)
    if dims is None or len(found) == dims:
        if len(found) > 3:
            raise NotationError(f"{name}: takes 1 to 3 spatial axes, got {quoted(value)}; write 224 or 224x224")
        return found
    if dims == 1 and len(found) != 1:
        raise NotationError(f"{name}: takes one value here, got {quoted(value)}; write {_instead(str(value), parts)}")
    if len(found) != 1:
        raise NotationError(
            f"{name}: takes one value for all axes or {dims}, one per axis, got {quoted(value)}; "
            f"write {'x'.join((parts + parts[-1:] * dims)[:dims])}"
        )
    return found * dims


def _instead(text: str, parts: Sequence[str]) -> str:
    """The range in which numbers with commas between them are, else the first part."""
    numbers = [int(part) for part in parts if part.isdecimal() and len(part) < MAX_DIGITS]
    several = "," in text and len(numbers) == len(parts) and min(numbers) < max(numbers)
    return f"{min(numbers)}..{max(numbers)}" if several else parts[0]


def _span(part: str, name: str, minimum: int) -> Span:
    between = _OTHER_RANGE.fullmatch(part)
    if between is not None:
        raise NotationError(f"{name}: a range has two dots, got {quoted(part)}; write {between[1]}..{between[2]}")
    first, dots, last = part.partition("..")
    low = whole_number(first.strip(), name, minimum)
    high = whole_number(last.strip(), name, minimum) if dots else low
    if high < low:
        raise NotationError(f"{name}: a range goes up, got {quoted(part)}; write {high}..{low}")
    return Span(low, high)


def _target(part: str, name: str) -> Target:
    found = _TARGET.fullmatch(part)
    if found is None:
        raise NotationError(
            f"{name}: must be a size such as 112, or of an input of n: 5n, n, n/2 rounded up, n//2 rounded down, "
            f"got {quoted(part)}; write 112 or 5n"
        )
    if found["size"]:
        return Target("size", whole_number(found["size"], name))
    if found["divisor"]:
        return Target("up" if found["by"] == "/" else "down", whole_number(found["divisor"], name))
    return Target("times", whole_number(found["times"] or "1", name))


def _sides(part: str, name: str) -> Sides:
    begin, colon, end = part.partition(":")
    if not re.match("[0-9]", part):
        raise NotationError(
            f"{name}: must be a number, a range such as 0..5, begin:end such as 0:1 or 0..5:0..5, or a word, "
            f"got {quoted(part)}; {did_you_mean(part.lower(), PADDING_WORDS)}the words: {', '.join(PADDING_WORDS)}"
        )
    first = _span(begin, name, 0)
    return Sides(first, _span(end, name, 0) if colon else first, bool(colon))
