"""Images brought to another size: every output is a weighted sum of a few inputs, one axis at a time."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np

from convcalc.stages import Axes

CUBIC = -0.75
"""The coefficient of the cubic kernel in PyTorch and, by default, ONNX."""
COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")
ROUNDINGS = {
    "floor": floor,
    "ceil": lambda at: -floor(-at),
    "round_prefer_floor": lambda at: -floor(Fraction(1, 2) - at),
    "round_prefer_ceil": lambda at: floor(at + Fraction(1, 2)),
}


def resize(x: np.ndarray, sizes: Axes, mode: str, coordinates: str, rounding: str) -> np.ndarray:
    """The last axes of x at `sizes`; inputs beyond an end are those at the end.

    Source: ONNX operator Resize; PyTorch, torch.nn.functional.interpolate.
    """
    for axis, after in enumerate(sizes, x.ndim - len(sizes)):
        before = x.shape[axis]
        if before == after:
            continue
        places = [_coordinate(output, before, after, coordinates) for output in range(after)]
        taps = [_taps(place, mode, rounding) for place in places]
        out = np.zeros(1, x.dtype)
        for number in range(max(map(len, taps))):
            # Outputs with fewer taps repeat their last one with weight 0, so that nothing else is read.
            inputs = [min(max(of[min(number, len(of) - 1)][0], 0), before - 1) for of in taps]
            weights = np.array([of[number][1] if number < len(of) else 0 for of in taps], x.dtype)
            shaped = weights.reshape(-1, *(1,) * (x.ndim - axis - 1))
            out = out + np.where(shaped == 0, 0, x.take(inputs, axis) * shaped)
        x = out
    return x


def _coordinate(output: int, before: int, after: int, coordinates: str) -> Fraction:
    """Where an output lies on the input, exactly."""
    scale = Fraction(before, after)
    match coordinates:
        case "align_corners":
            return Fraction(output * (before - 1), after - 1) if after > 1 else Fraction(0)
        case "half_pixel":
            return (output + Fraction(1, 2)) * scale - Fraction(1, 2)
        case "pytorch_half_pixel":
            return (output + Fraction(1, 2)) * scale - Fraction(1, 2) if after > 1 else Fraction(0)
        case _:
            return output * scale


def _taps(at: Fraction, mode: str, rounding: str) -> list[tuple[int, float]]:
    """(input, weight) of every input that counts for a place."""
    if mode == "nearest":
        return [(ROUNDINGS[rounding](at), 1.0)]
    low = floor(at)
    part = float(at - low)
    if part == 0:
        return [(low, 1.0)]
    if mode == "linear":
        return [(low, 1 - part), (low + 1, part)]
    return [(low + i, _cubic(abs(part - i))) for i in range(-1, 3)]


def _cubic(distance: float) -> float:
    """Keys' kernel. Source: Keys 1981, equation 4, with the coefficient free."""
    if distance <= 1:
        return ((CUBIC + 2) * distance - (CUBIC + 3)) * distance**2 + 1
    return ((CUBIC * distance - 5 * CUBIC) * distance + 8 * CUBIC) * distance - 4 * CUBIC
