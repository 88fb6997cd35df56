"""The place of every output of a resize on its input, and the inputs it is made of: for receptive fields and runs.

Source: ONNX operator Resize, attribute coordinate_transformation_mode; PyTorch, torch.nn.functional.interpolate.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, gcd, lcm
from typing import NamedTuple

from convcalc.axis.strands import MAX_PHASES, Reads, check_phases

HALF = Fraction(1, 2)
KINDS = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn",
)  # fmt: skip
"""Supported values of ONNX's coordinate_transformation_mode."""


class Coordinates(NamedTuple):
    """Output 0 lies at `first` on the input, in pixels, and each next output `step` pixels further on."""

    first: Fraction
    step: Fraction

    def at(self, output: int) -> Fraction:
        return self.first + output * self.step


def coordinates(kind: str, before: int, after: int, scale: Fraction | None = None) -> Coordinates:
    """The coordinates of one of ONNX's kinds, from `before` pixels to `after`.

    `scale` is the factor if it is not after/before: 1.7 times 13 pixels are 22 after rounding down.
    """
    step = 1 / scale if scale else Fraction(before, after)
    match kind:
        case "align_corners":
            return Coordinates(Fraction(0), Fraction(before - 1, after - 1) if after > 1 else Fraction(0))
        case "asymmetric":
            return Coordinates(Fraction(0), step)
        case "tf_half_pixel_for_nn":
            return Coordinates(HALF * step, step)
        case "pytorch_half_pixel" if after == 1:
            return Coordinates(Fraction(0), step)
        case "half_pixel" | "pytorch_half_pixel":
            return Coordinates(HALF * step - HALF, step)
        case "half_pixel_symmetric":  # the middle of the unrounded output lies over the middle of the input
            cut = Fraction(before, 2) * (1 - after * step / before)
            return Coordinates(cut + HALF * step - HALF, step)
        case _:
            raise ValueError(f"no coordinates are called {kind}")


def taps(at: Fraction, mode: str, rounding: str, cubic: float) -> list[tuple[int, float]]:
    """(input, weight) of every input that an output at this place is made of, in order.

    mode is nearest, linear or cubic; `rounding` is for nearest, `cubic` the coefficient of the cubic kernel.
    """
    first, count = _reached(at.numerator, at.denominator, mode, rounding)
    if count == 1:
        return [(first, 1.0)]
    part = at - floor(at)
    if mode == "linear":
        return [(first, float(1 - part)), (first + 1, float(part))]
    return [(first + 1 + i, _cubic(abs(float(part) - i), cubic)) for i in range(-1, 3)]


def _reached(place: int, of: int, mode: str, rounding: str) -> tuple[int, int]:
    """The first input that an output at place/of is made of, and how many there are."""
    low, part = divmod(place, of)
    match mode, rounding:
        case "nearest", "floor":
            return low, 1
        case "nearest", "ceil":
            return low + (part > 0), 1
        case "nearest", "round_prefer_floor":
            return low + (2 * part > of), 1
        case "nearest", _:
            return low + (2 * part >= of), 1
    if part == 0:
        return low, 1
    return (low, 2) if mode == "linear" else (low - 1, 4)


def _cubic(distance: float, a: float) -> float:
    """Keys' kernel. Source: Keys 1981, equation 4, with the coefficient free."""
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a


def adaptive_reads(before: int, after: int) -> Reads:
    """Which inputs each output of an adaptive pool reads: output i from floor(i*size/n) up to ceil((i + 1)*size/n)."""
    common = gcd(before, after)
    period, advance = after // common, before // common
    check_phases(period)
    firsts = [output * before // after for output in range(period)]
    ends = [-(-(output + 1) * before // after) for output in range(period)]
    return Reads(tuple((first, 1, end - first) for first, end in zip(firsts, ends, strict=True)), advance)


def resize_reads(before: int, after: int, kind: str, mode: str, rounding: str, scale: Fraction | None = None) -> Reads:
    """Which inputs each output of a resize reads, as if there were no border; the pattern repeats.

    Its period is the denominator of the step. If that is very large, the ratio of the sizes is used as the scale.
    """
    placed = coordinates(kind, before, after, scale)
    if scale is not None and placed.step.denominator > MAX_PHASES:
        placed = coordinates(kind, before, after)
    check_phases(placed.step.denominator)
    of = lcm(placed.first.denominator, placed.step.denominator)
    first, step = int(placed.first * of), int(placed.step * of)  # whole numbers, for fractions take 20 times as long
    read = []
    for output in range(placed.step.denominator):
        low, count = _reached(first + output * step, of, mode, rounding)
        read.append((low, 1, count))
    return Reads(tuple(read), placed.step.numerator)
