"""The notation people type and pass: sizes, per-axis values, paddings and layer words.

The command line hands over strings and Python callers numbers; both take the same path through here, so both
get the same answer and the same message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, SupportsIndex, TypeAlias, TypeVar

from convcalc.axis.padding import WORDS
from convcalc.errors import NotationError, quoted
from convcalc.graph.stages import Axes, Padding

Number: TypeAlias = SupportsIndex | str
PerAxis: TypeAlias = SupportsIndex | str | Sequence[SupportsIndex]
PaddingValue: TypeAlias = SupportsIndex | str | Sequence[SupportsIndex | Sequence[SupportsIndex]]

LAYOUTS = ("channels-first", "channels-last")
MOST_DIGITS = 100
"""Digits of one number at the most, so that every product stays printable."""

RUNNING = 1 << 48
"""Plain ints below this, which is what nearly every call passes, take no reading."""

T = TypeVar("T")
_SEPARATOR = re.compile("[xX×,]")
_DIGITS = re.compile("[0-9]+")


def whole_number(value: object, name: str, minimum: int = 1) -> int:
    """The value as an int of at least `minimum`.

    Raises NotationError for anything else: fractions, booleans, signs, stray characters.

    >>> whole_number("12", "filters")
    12
    """
    if type(value) is int and minimum <= value < RUNNING:
        return value
    value = _plain(value)
    if isinstance(value, str):
        text = value.strip()
        if not _DIGITS.fullmatch(text):
            raise NotationError(f"{name}: must be a whole number of at least {minimum}, got {quoted(value)}")
        if len(text) > MOST_DIGITS:
            raise NotationError(f"{name}: a number may have {MOST_DIGITS} digits, got {len(text)}")
        number = int(text)
    elif type(value) is int or (isinstance(value, SupportsIndex) and not isinstance(value, bool)):
        number = index(value)
        if abs(number) >= 10**MOST_DIGITS:
            raise NotationError(f"{name}: a number may have {MOST_DIGITS} digits, got more")
    else:
        raise NotationError(f"{name}: must be a whole number of at least {minimum}, got {quoted(value)}")
    if number < minimum:
        raise NotationError(f"{name}: must be at least {minimum}, got {number}")
    return number


def parse_size(value: PerAxis, name: str = "input", layout: str = "channels-first") -> Axes:
    """(channels, *spatial) from `3x224x224` or (3, 224, 224); with channels-last from `224x224x3`.

    Raises NotationError unless there are 2 to 4 positive whole numbers.

    >>> parse_size("7x5x3", layout="channels-last")
    (3, 7, 5)
    """
    numbers = _numbers(value, name, 1)
    if not 2 <= len(numbers) <= 4:
        raise NotationError(
            f"{name}: a size has channels and 1 to 3 spatial axes, got {quoted(value)}; "
            f"write {'224x224x3' if layout == 'channels-last' else '3x224x224'} for 2-D, "
            f"{'16000x1' if layout == 'channels-last' else '1x16000'} for 1-D"
        )
    if parse_layout(layout) == "channels-last":
        numbers = (numbers[-1], *numbers[:-1])
    return numbers


def parse_features(value: PerAxis, name: str = "input", layout: str = "channels-first") -> Axes:
    """A size as parse_size reads it, or a number of features alone, which have no spatial axes.

    >>> parse_features("784"), parse_features("1x28x28")
    ((784,), (1, 28, 28))
    """
    numbers = _numbers(value, name, 1)
    return numbers if len(numbers) == 1 else parse_size(value, name, layout)


def parse_layout(layout: str) -> str:
    """The layout itself, if it is one. Raises NotationError otherwise."""
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise NotationError(f"layout: must be {' or '.join(LAYOUTS)}, got {quoted(layout)}")
    return layout


def parse_axes(value: PerAxis, name: str, dims: int, minimum: int = 1) -> Axes:
    """One number per spatial axis from `3`, `3x5`, 3 or (3, 5).

    Raises NotationError unless there is one number, or one for each of the `dims` axes.

    >>> parse_axes("3", "kernel", dims=2)
    (3, 3)
    """
    if type(value) is int and minimum <= value < RUNNING:
        return (value,) * dims
    return _broadcast(_numbers(value, name, minimum), name, dims, value)


def parse_padding(value: PaddingValue, dims: int, name: str = "padding") -> Padding:
    """((before, after), ...) per axis, or one of the words, from any way of writing a padding.

    Raises NotationError for anything else.

    >>> parse_padding("0:1x2", dims=2)
    ((0, 1), (2, 2))
    """
    if type(value) is int and 0 <= value < RUNNING:
        return ((value, value),) * dims
    value = _plain(value)
    if isinstance(value, str):
        text = value.strip()
        if text in WORDS:
            return text
        if not re.match("[0-9]", text):
            raise NotationError(
                f"{name}: must be numbers like 1, 1x2, 0:1x2:2 or a word, got {quoted(value)}; "
                f"the words: {', '.join(WORDS)}"
            )
        parts: Sequence[object] = [part.split(":") if ":" in part else part for part in _SEPARATOR.split(text)]
    elif isinstance(value, Sequence):
        parts = value
    else:
        parts = [value]
    pairs = []
    for part in parts:
        both = list(part) if isinstance(part, Sequence) and not isinstance(part, str) else [part, part]
        if len(both) != 2:
            raise NotationError(f"{name}: an axis takes one number or begin:end, got {quoted(value)}")
        pairs.append((whole_number(both[0], name, 0), whole_number(both[1], name, 0)))
    return _broadcast(tuple(pairs), name, dims, value)


def axis_count(value: PerAxis | PaddingValue | None) -> int:
    """How many axes a per-axis value names: 1 where one value stands for all of them."""
    value = _plain(value)
    if isinstance(value, str):
        return len(_SEPARATOR.split(value))
    return len(value) if isinstance(value, Sequence) else 1


def show_size(size: Sequence[int], layout: str = "channels-first") -> str:
    """`3x224x224`, or `224x224x3` with channels-last."""
    ordered = (*size[1:], size[0]) if layout == "channels-last" else size
    return "x".join(map(str, ordered))


def show_axes(values: Sequence[object]) -> str:
    """`3` where all axes agree, else `3x5`."""
    return str(values[0]) if len(set(values)) == 1 else "x".join(map(str, values))


def show_padding(pairs: Sequence[tuple[int, int]]) -> str:
    """`1`, `1x2` or `0:1x2:2`, as one would type it."""
    return show_axes([str(before) if before == after else f"{before}:{after}" for before, after in pairs])


@dataclass(frozen=True, slots=True)
class LayerWord:
    """One layer written as one word: its type's short name (None if unwritten) and its values as text."""

    text: str
    type: str | None
    values: dict[str, str]


LETTERS = {
    "k": "kernel", "s": "stride", "p": "padding", "d": "dilation",
    "g": "groups", "f": "filters", "a": "output_padding",
}  # fmt: skip
_AXES = "[0-9]+(?:[x×,][0-9]+)*"
_PAIRS = "[0-9]+(?::[0-9]+)?(?:[x×,][0-9]+(?::[0-9]+)?)*"
_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
_TOKEN = re.compile(f"([ksda])({_AXES})|([fg])([0-9]+)|(p)({_WORD}|{_PAIRS})")


def parse_layer(text: str, types: Sequence[str]) -> LayerWord:
    """The parts of a layer word such as `k3s2p1`, `max:k3s2p1` or `t:k4s2psame`.

    `types` are the names that may stand before the colon.
    Raises NotationError where the word cannot be read, saying at which character.

    >>> parse_layer("max:k3x5s2", ["max"]).values
    {'kernel': '3x5', 'stride': '2'}
    """
    head, colon, rest = text.partition(":")
    if text in types:
        type, rest = text, ""
    elif not colon or _TOKEN.match(head):
        type, rest = None, text
    elif head in types:
        type = head
    else:
        raise NotationError(f"{text}: unknown layer type {quoted(head)}; use one of {', '.join(types)}")
    values: dict[str, str] = {}
    at = 0
    while at < len(rest):
        token = _TOKEN.match(rest, at)
        if not token:
            raise NotationError(
                f"{text}: cannot read {quoted(rest[at:])}; a layer is written like k3s2p1d2, letters: "
                + ", ".join(f"{letter} {name.replace('_', ' ')}" for letter, name in LETTERS.items())
            )
        letter, value = (group for group in token.groups() if group is not None)
        if LETTERS[letter] in values:
            raise NotationError(f"{text}: {letter} ({LETTERS[letter]}) is given twice")
        values[LETTERS[letter]] = value
        at = token.end()
    return LayerWord(text, type, values)


def _plain(value: Any) -> Any:
    """The value without NumPy: its numbers and arrays as Python's. Bytes are no sequence of numbers here."""
    if isinstance(value, bytes | bytearray | memoryview):
        return repr(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _numbers(value: PerAxis, name: str, minimum: int) -> Axes:
    value = _plain(value)
    if isinstance(value, str):
        parts: Sequence[object] = _SEPARATOR.split(value)
    elif isinstance(value, Sequence):
        parts = value
    else:
        parts = [value]
    return tuple(whole_number(part, name, minimum) for part in parts)


def _broadcast(values: tuple[T, ...], name: str, dims: int, given: object) -> tuple[T, ...]:
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise NotationError(
            f"{name}: takes one value for all axes or {dims}, one per spatial axis, got {quoted(given)}"
        )
    return values
