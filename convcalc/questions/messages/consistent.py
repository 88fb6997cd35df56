"""Whether a message's own numbers agree with each other: a message that was copied with a mistake gets no answer."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, assert_never

from convcalc.errors import NotationError
from convcalc.questions.messages.idioms import channel_axis, shown
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import (
    UNSTATED,
    Axes,
    Batches,
    Channels,
    Elements,
    Features,
    Fed,
    Groups,
    OneValue,
    OutputPadding,
    OutputSize,
    Padded,
    Rule,
    Samples,
    Sizes,
    Smallest,
    TooSmall,
    Trouble,
    Weights,
)

FREE = ("target", "gives", "least", "most", "axis", "output_padding", "differing", "rows", "out", "padding")
"""What may be 0 or less in a message, or is checked on its own."""


def check_consistent(framework: str, trouble: Trouble) -> None:
    """Raises NotationError for a message of numbers that fit together, contradict each other, or are no sizes."""
    unstated = ("expected",) if isinstance(trouble, Channels) and trouble.expected == UNSTATED else ()
    for name, value in trouble._asdict().items():
        if name not in (*FREE, *unstated) and any(n < 1 for n in _numbers(value)):
            got = shown(value) if isinstance(value, tuple) and value and not isinstance(value[0], tuple) else value
            raise NotationError(f"why: sizes must be at least 1, got {got}; a tensor without elements was passed on")
    problem = _problem(framework, trouble)
    if problem is not None:
        raise NotationError(f"why: the message must state numbers that do not fit, got {problem}; paste it as printed")


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value


def _problem(framework: str, trouble: Trouble) -> str | None:
    """What is wrong with the numbers themselves; None if they state a trouble."""
    match trouble:
        case Channels():
            return _channels(framework, trouble)
        case Axes():
            rank = len(trouble.shape) or trouble.got
            wrong = trouble.got in trouble.allowed or rank != trouble.got
            return f"{trouble.got} axes, {shown(trouble.shape)}, for {trouble.allowed}" if wrong else None
        case TooSmall():
            lengths = {len(sizes) for sizes in (trouble.sizes, trouble.extents, trouble.gives) if sizes}
            return f"sizes of {sorted(lengths)} axes" if len(lengths) != 1 or max(lengths) > 3 else None
        case Features():
            return f"{trouble.got} features for {trouble.expected}" if trouble.got == trouble.expected else None
        case Sizes():
            return _sizes(trouble)
        case Elements():
            return _elements(trouble)
        case Groups():
            count = trouble.filters if trouble.channels is None else trouble.channels
            return f"{trouble.groups} groups for {count}" if count is not None and count % trouble.groups == 0 else None
        case OutputSize():
            return _output_size(trouble)
        case OutputPadding():
            lengths = {len(trouble.output_padding), len(trouble.stride), len(trouble.dilation or trouble.stride)}
            return f"values of {sorted(lengths)} axes" if len(lengths) != 1 or 0 in lengths else None
        case Padded():
            most = trouble.size // 2 if trouble.mode == "pool" else trouble.size - 1
            return f"padding {trouble.padding} of {trouble.size}" if trouble.padding <= most else None
        case Weights():
            return f"{shown(trouble.file)} twice" if trouble.file == trouble.model else None
        case Samples():
            same = trouble.left == trouble.right
            return f"{shown(trouble.left)} twice" if same or not trouble.left or not trouble.right else None
        case Batches():
            return (
                f"{trouble.got} for {trouble.wanted} samples"
                if trouble.got == trouble.wanted and not trouble.shapes
                else None
            )
        case Smallest() | OneValue() | Fed() | Rule():
            return None
        case _:
            assert_never(trouble)


def _channels(framework: str, trouble: Channels) -> str | None:
    shape, weight, got = trouble.shape, trouble.weight, trouble.got
    if trouble.expected == got:
        return f"{got} channels for {trouble.expected}"
    if trouble.layer == "norm":
        return None
    if shape and (not 3 <= len(shape) <= 5 or shape[channel_axis(framework, shape)] not in (got, None)):
        return f"{got} channels in {shown(shape)}"
    if weight and not 3 <= len(weight) <= 5:
        return f"a weight of {shown(weight)}"
    return f"{trouble.groups} groups of {trouble.expected}" if trouble.expected % trouble.groups else None


def _sizes(trouble: Sizes) -> str | None:
    left, right, shapes = trouble.left, trouble.right, trouble.shapes
    if left == right or (not trouble.joined and 1 in (left, right)) or (trouble.axis or 0) < 0:
        return f"{left} and {right}"
    if len({len(shape) for shape in shapes}) > 1 or (shapes and not 0 <= (trouble.axis or 0) < len(shapes[0])):
        return " and ".join(map(shown, shapes))
    return None


def _elements(trouble: Elements) -> str | None:
    elements, target, shape = trouble.elements, trouble.target, trouble.shape
    fixed = prod(n for n in target if n is not None and n != -1)
    is_open = any(n in (None, -1) for n in target)
    whole = _whole(shape)
    if fixed < 1 or fixed == elements or (is_open and elements % fixed == 0):
        return f"{elements} elements as {shown(target)}"
    return f"{elements} elements in {shown(shape)}" if whole not in (None, elements) else None


def _whole(shape: Shape) -> int | None:
    """Elements of a shape without its open axes; None if there is no shape."""
    return prod(n for n in shape if n is not None) if shape else None


def _output_size(trouble: OutputSize) -> str | None:
    least, most, wanted = trouble.least, trouble.most, trouble.wanted
    every = (wanted, least, most, trouble.sizes)
    if len({len(sizes) for sizes in every}) != 1 or any(None in sizes for sizes in every):
        return "sizes of different numbers of axes"
    inside = all(low <= n <= high for low, n, high in zip(_ints(least), _ints(wanted), _ints(most), strict=True))
    ordered = all(1 <= low <= high for low, high in zip(_ints(least), _ints(most), strict=True))
    return f"{shown(wanted)} between {shown(least)} and {shown(most)}" if inside or not ordered else None


def _ints(shape: Shape) -> tuple[int, ...]:
    return tuple(n or 0 for n in shape)
