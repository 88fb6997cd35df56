"""Images brought to another size: every output is a weighted sum of a few inputs, one axis at a time."""

from __future__ import annotations

import numpy as np

from convcalc.axis.sampling import coordinates, taps
from convcalc.graph.primitives import Resize


def resize(primitive: Resize, x: np.ndarray) -> np.ndarray:
    """The last axes of x at the primitive's sizes."""
    for axis, (after, scale) in enumerate(primitive.along(), x.ndim - len(primitive.sizes)):
        before = x.shape[axis]
        if before == after:
            continue
        placed = coordinates(primitive.coordinates, before, after, scale)
        of = [taps(placed.at(output), primitive.mode, primitive.rounding, primitive.cubic) for output in range(after)]
        if primitive.inside:
            of = [_inside(each, before) for each in of]
        out = np.zeros(1, x.dtype)
        for number in range(max(map(len, of))):
            # Outputs with fewer taps repeat their last one with weight 0, so that nothing else is read.
            inputs = [min(max(each[min(number, len(each) - 1)][0], 0), before - 1) for each in of]
            weights = np.array([each[number][1] if number < len(each) else 0 for each in of], x.dtype)
            shaped = weights.reshape(-1, *(1,) * (x.ndim - axis - 1))
            out = out + np.where(shaped == 0, 0, x.take(inputs, axis) * shaped)
        x = out
    return x


def _inside(of: list[tuple[int, float]], size: int) -> list[tuple[int, float]]:
    """The inputs inside the image, their weights scaled to a sum of 1."""
    kept = [(number, weight) for number, weight in of if 0 <= number < size]
    whole = sum(weight for _, weight in kept)
    return [(number, weight / whole) for number, weight in kept] or of
