"""Sizes, per-axis values and paddings, as people type and pass them.

The command line hands over strings and Python callers numbers; both take the same path through here, so both
get the same answer and the same message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import index
from typing import Any, SupportsIndex, TypeAlias, TypeVar

from convcalc.errors import NotationError, quoted
from convcalc.notation.spellings import (
    LAYOUTS,
    PADDING_MODES,
    PADDING_WORDS,
    Layout,
    did_you_mean,
    layout_spelling,
    mode_spelling,
    padding_spelling,
)

Axes: TypeAlias = tuple[int, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]
Padding: TypeAlias = Pairs | str
Number: TypeAlias = SupportsIndex | str
PerAxis: TypeAlias = SupportsIndex | str | Sequence[SupportsIndex]
PaddingValue: TypeAlias = SupportsIndex | str | Sequence[SupportsIndex | Sequence[SupportsIndex]]

MAX_DIGITS = 100
"""The most digits of one number, so that every product stays printable."""
FAST_PATH_LIMIT = 1 << 48
"""Fast path: plain ints below this need no parsing."""

T = TypeVar("T")
_SEPARATOR = re.compile("[xX×,]")
_DIGITS = re.compile("[0-9]+")
_SIZE_NUMBER = re.compile(r"([0-9]+)(?:\.[0-9]+)?")
_SIZE_LIKE = re.compile(r"[-+=*:;/|.xX×,()\[\]{}\s0-9]+")
"""A size with something between, before or after its numbers that does not belong there."""
_NEGATIVE = re.compile(r"[\s0-9xX×,:()\[\]]*-[-\s0-9xX×,:()\[\]]*")
_PAIR = re.compile(r"[(\[]\s*([0-9]+)\s*,\s*([0-9]+)\s*,?\s*[)\]]")
_BRACKETS = {"(": ")", "[": "]"}


def whole_number(value: object, name: str, minimum: int = 1) -> int:
    """The value as an int of at least `minimum`.

    Raises NotationError for anything else: fractions, booleans, signs, stray characters.

    >>> whole_number("12", "filters")
    12
    """
    if type(value) is int and minimum <= value < FAST_PATH_LIMIT:
        return value
    value = _plain(value)
    if isinstance(value, str):
        text = value.strip()
        if not _DIGITS.fullmatch(text):
            raise NotationError(f"{name}: must be a whole number of at least {minimum}, got {quoted(value)}")
        if len(text) > MAX_DIGITS:
            raise NotationError(f"{name}: a number may have {MAX_DIGITS} digits, got {len(text)}")
        number = int(text)
    elif type(value) is int or (isinstance(value, SupportsIndex) and not isinstance(value, bool)):
        try:
            number = index(value)
        except Exception:  # a class, or another library's object that is no number
            raise NotationError(f"{name}: must be a whole number of at least {minimum}, got {quoted(value)}") from None
        if abs(number) >= 10**MAX_DIGITS:
            raise NotationError(f"{name}: a number may have {MAX_DIGITS} digits, got more")
    else:
        raise NotationError(f"{name}: must be a whole number of at least {minimum}, got {quoted(value)}")
    if number < minimum:
        raise NotationError(f"{name}: must be at least {minimum}, got {number}")
    return number


def truth_value(value: object, name: str) -> bool:
    """The value, which must be True or False, of Python or NumPy. Raises NotationError otherwise.

    >>> truth_value(True, "bias")
    True
    """
    value = _plain(value)
    if not isinstance(value, bool):
        raise NotationError(f"{name}: must be True or False, got {quoted(value)}")
    return value


def parse_size(value: PerAxis, name: str = "input", layout: str = "channels-first") -> Axes:
    """(channels, *spatial) from `3x224x224`, `(3, 224, 224)` or (3, 224, 224); with channels-last from `224x224x3`.

    Raises NotationError unless there are 2 to 4 positive whole numbers.

    >>> parse_size("7x5x3", layout="channels-last"), parse_size("(3, 7, 5)")
    ((3, 7, 5), (3, 7, 5))
    """
    order = parse_layout(layout)
    numbers = _size_numbers(value, name, order)
    if not 2 <= len(numbers) <= 4:
        got = quoted(value if isinstance(value, str) or len(numbers) != 1 else numbers[0])
        raise NotationError(
            f"{name}: a size has channels and 1 to 3 spatial axes, got {got}; {_other_sizes(numbers, order)}"
        )
    return (numbers[-1], *numbers[:-1]) if order == "channels-last" else numbers


def parse_features(value: PerAxis, name: str = "input", layout: str = "channels-first") -> Axes:
    """A size as parse_size reads it, or a number of features alone, which have no spatial axes.

    >>> parse_features("784"), parse_features("1x28x28")
    ((784,), (1, 28, 28))
    """
    numbers = _size_numbers(value, name, parse_layout(layout))
    return numbers if len(numbers) == 1 else parse_size(value, name, layout)


def _size_numbers(value: PerAxis, name: str, order: Layout) -> Axes:
    """The numbers of a size. Raises NotationError, with the size that is meant if one can be made out."""
    try:
        return _numbers(value, name, 1)
    except NotationError as error:
        found = _SIZE_NUMBER.findall(value) if isinstance(value, str) and _SIZE_LIKE.fullmatch(value) else []
        meant = "x".join(found) if 1 < len(found) <= 4 and all(int(number[:MAX_DIGITS]) for number in found) else ""
        write = meant if len(meant) <= MAX_DIGITS and meant else f"for example {show_size((3, 224, 224), order)}"
        raise NotationError(f"{error}; write {write}") from None


def _other_sizes(numbers: Axes, order: Layout) -> str:
    """How sizes are written, with the numbers of one that has too few or too many."""
    if len(numbers) == 5:
        batch, *size = numbers
        return f"write {show_size(size)}" + f" --batch {batch}" * (batch > 1)
    side, length = (numbers[0], numbers[0]) if len(numbers) == 1 else (224, 16000)
    alone = f", {show_size((side, 1), order)} for features alone" if len(numbers) == 1 else ""
    return f"write {show_size((3, side, side), order)} for 2-D, {show_size((1, length), order)} for 1-D{alone}"


def parse_layout(layout: str) -> Layout:
    """`channels-first` or `channels-last`, from these or a spelling such as NCHW or NHWC.

    Raises NotationError for anything else.

    >>> parse_layout("NHWC")
    'channels-last'
    """
    if isinstance(layout, str):
        known = next((name for name in LAYOUTS if name == layout), None) or layout_spelling(layout)
        if known:
            return known
    written = layout.upper() if isinstance(layout, str) else ""
    hint = did_you_mean(written, ("NCHW", "CHW", "NHWC", "HWC", "NCL", "NLC", "NCDHW", "NDHWC"))
    raise NotationError(
        f"layout: must be {' or '.join(LAYOUTS)}, got {quoted(layout)}; {hint}NCHW, NHWC and the like mean these too"
    )


def parse_axes(value: PerAxis, name: str, dims: int, minimum: int = 1) -> Axes:
    """One number per spatial axis from `3`, `3x5`, `(3, 5)`, 3 or (3, 5).

    Raises NotationError unless there is one number, or one for each of the `dims` axes.

    >>> parse_axes("3", "kernel", dims=2)
    (3, 3)
    """
    if type(value) is int and minimum <= value < FAST_PATH_LIMIT:
        return (value,) * dims
    return _broadcast(_numbers(value, name, minimum), name, dims, value, show_size)


def parse_padding(value: PaddingValue, dims: int, name: str = "padding") -> Padding:
    """((before, after), ...) per axis, or one of the words, from any way of writing a padding.

    Raises NotationError for anything else.

    >>> parse_padding("0:1x2", dims=2), parse_padding("SAME_UPPER", dims=2)
    (((0, 1), (2, 2)), 'same')
    """
    if type(value) is int and 0 <= value < FAST_PATH_LIMIT:
        return ((value, value),) * dims
    value = _plain(value)
    if isinstance(value, str):
        word = padding_spelling(value.strip())
        if word:
            return word
        each = _parts(value)
        if _NEGATIVE.fullmatch(value):
            raise NotationError(
                f"{name}: must be at least 0, got {quoted(value)}; write {value.strip().replace('-', '')}"
            )
        if not re.match(r"\s*[0-9]", each[0]):
            raise NotationError(
                f"{name}: must be numbers like 1, 1x2, 0:1x2:2 or a word, got {quoted(value)}; "
                f"{did_you_mean(value.strip().lower(), PADDING_WORDS)}the words: {', '.join(PADDING_WORDS)}"
            )
        parts: Sequence[object] = [part.split(":") if ":" in part else part for part in each]
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
    sides = [before for before, after in pairs if before == after]
    if len(pairs) == len(sides) == 2 * dims > 0:
        meant = "x".join(f"{begin}:{end}" for begin, end in zip(sides[::2], sides[1::2], strict=True))
        raise NotationError(_unequal(name, dims, value, f"{meant} for begin:end of each axis"))
    return _broadcast(tuple(pairs), name, dims, value, show_padding)


def parse_padding_mode(value: object, name: str = "padding-mode") -> str:
    """The padding mode by PyTorch's name, from any spelling. Raises NotationError for anything else.

    >>> parse_padding_mode("Circular"), parse_padding_mode("edge")
    ('circular', 'replicate')
    """
    mode = mode_spelling(value) if isinstance(value, str) else None
    if mode is None:
        raise NotationError(f"{name}: must be one of {', '.join(PADDING_MODES)}, got {quoted(value)}")
    return mode


def axis_count(value: PerAxis | PaddingValue | None) -> int:
    """How many axes a per-axis value names: 1 if one value stands for all of them."""
    value = _plain(value)
    if isinstance(value, str):
        return len(_parts(value))
    return len(value) if isinstance(value, Sequence) else 1


def show_size(size: Sequence[int], layout: str = "channels-first") -> str:
    """`3x224x224`, or `224x224x3` with channels-last."""
    ordered = (*size[1:], size[0]) if parse_layout(layout) == "channels-last" else size
    return "x".join(map(str, ordered))


def show_axes(values: Sequence[object]) -> str:
    """`3` if all axes agree, else `3x5`."""
    return str(values[0]) if len(set(values)) == 1 else "x".join(map(str, values))


def show_padding(pairs: Sequence[tuple[int, int]]) -> str:
    """`1`, `1x2` or `0:1x2:2`, as one would type it."""
    return show_axes([str(before) if before == after else f"{before}:{after}" for before, after in pairs])


def _plain(value: Any) -> Any:
    """The value without NumPy: its numbers and arrays as Python's. Bytes are not a sequence of numbers here."""
    if isinstance(value, bytes | bytearray | memoryview):
        return repr(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _parts(text: str) -> list[str]:
    """The text of each axis: of `3x5`, `(3, 5)` or `[3, 5]`, and `0:1x2:2` from `((0, 1), (2, 2))` too."""
    text = text.strip()
    if _BRACKETS.get(text[:1]) == text[-1:] != "":
        text = _PAIR.sub(r"\1:\2", text[1:-1]).rstrip().removesuffix(",")
    return _SEPARATOR.split(text)


def _numbers(value: PerAxis, name: str, minimum: int) -> Axes:
    value = _plain(value)
    if isinstance(value, str):
        parts: Sequence[object] = _parts(value)
    elif isinstance(value, Sequence):
        parts = value
    else:
        parts = [value]
    return tuple(whole_number(part, name, minimum) for part in parts)


def _broadcast(
    values: tuple[T, ...], name: str, dims: int, given: object, show: Callable[[Sequence[T]], str]
) -> tuple[T, ...]:
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        meant = show((*values[:1] * (dims - len(values)), *values[-dims:])) if values else "for example 1"
        raise NotationError(_unequal(name, dims, given, meant))
    return values


def _unequal(name: str, dims: int, given: object, meant: str) -> str:
    rule = f"takes one value for all axes or {dims}, one per spatial axis"
    return f"{name}: {rule}, got {quoted(given)}; write {meant}"
