"""Sizes that are computed one at a time or, as NumPy arrays, many at once: `+`, `//` and `==` do the same on both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import floor, prod
from typing import Any, TypeAlias

from convcalc.notation import Axes

Size: TypeAlias = Any
"""A whole number, or a NumPy array of whole numbers that are tried at once."""
Sizes: TypeAlias = tuple[Size, ...]
Fits: TypeAlias = Any
"""Whether a size is accepted, as a bool or an array of them."""


def unchanged(size: Size) -> tuple[Size, Fits]:
    return size, True


def ceiled(size: Size, stride: int, room: int, before: int) -> tuple[Size, Fits]:
    positions = -(-(size + room) // stride) + 1
    return positions - ((positions - 1) * stride >= size + before), size + room > -stride


def scaled(size: Size, factor: float) -> Size:
    if isinstance(factor, int):
        return size * factor
    if isinstance(size, int):
        return floor(size * factor)
    return (size.astype(float) * factor // 1).astype(size.dtype)


def length_rule(
    arriving: Sequence[int], lengths: Sequence[int], first: int, step: int
) -> tuple[Callable[[Size], tuple[Size, Fits]], int] | None:
    """How many positions a slice takes of an axis: a fixed number, all but some, or a share; and what it divides by."""
    pairs = list(zip(arriving, lengths, strict=True))
    if len(set(arriving)) == 1:
        before, length = pairs[0]
        return lambda n: (length, n == before), 1
    if len(set(lengths)) == 1:
        length, needed = lengths[0], first + (lengths[0] - 1) * step if step > 0 else first
        return lambda n: (length, n > needed), 1
    hop = abs(step)
    left = next(
        (m for m in (first, *range(arriving[0])) if all(-(-(n - m) // hop) == length for n, length in pairs)), None
    )
    if left is not None:
        return lambda n: (-(-(n - left) // hop), n > left), hop
    share = Fraction(lengths[0], arriving[0])
    over, under = share.numerator, share.denominator
    if all(n * over == length * under for n, length in pairs):
        return lambda n: (n * over // under, n % under == 0), under
    return None


def runs_of_axes(before: Axes, after: Axes) -> list[tuple[list[int], list[int]]]:
    """The axes of two shapes of as many elements, cut into the shortest runs of as many elements each."""
    runs, i, j = [], 0, 0
    while i < len(before) or j < len(after):
        left, right = list(range(i, min(i + 1, len(before)))), list(range(j, min(j + 1, len(after))))
        i, j = i + len(left), j + len(right)
        while (have := prod(before[a] for a in left)) != (want := prod(after[a] for a in right)):
            if have < want and i < len(before):
                left.append(i)
                i += 1
            elif j < len(after):
                right.append(j)
                j += 1
            else:
                left += range(i, len(before))
                i = len(before)
        runs.append((left, right))
    return runs


def product(sizes: Sequence[Size]) -> Size:
    result: Size = 1
    for size in sizes:
        result = result * size
    return result


def all_of(conditions: Any) -> Fits:
    fits: Fits = True
    for each in conditions:
        fits = fits & each
    return fits


def larger(a: Size, b: Size) -> Size:
    return a if a is b else a * (a >= b) + b * (b > a)


def broadcast(shapes: Sequence[Sizes]) -> tuple[Sizes, Fits]:
    """The shape that all broadcast to, as `convcalc.graph.shapes.broadcast` has it."""
    rank = max(map(len, shapes))
    result: list[Size] = [1] * rank
    fits: Fits = True
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            have = result[axis]
            if have is not size:
                fits = fits & ((have == size) | (have == 1) | (size == 1))
                result[axis] = larger(have, size)
    return tuple(result), fits


def matrix_product(left: Sizes, right: Sizes) -> tuple[Sizes, Fits]:
    stack, fits = broadcast((left[:-2], right[:-2])) if len(left) > 2 or len(right) > 2 else ((), True)
    return (*stack, left[-2], right[-1]), fits & (left[-1] == right[-2])


def joined(axis: int, shapes: Sequence[Sizes]) -> tuple[Sizes, Fits]:
    first, fits = shapes[0], True
    for shape in shapes[1:]:
        for a, (have, size) in enumerate(zip(first, shape, strict=True)):
            if a != axis and have is not size:
                fits = fits & (have == size)
    total = sum(shape[axis] for shape in shapes)
    return (*first[:axis], total, *first[axis + 1 :]), fits
