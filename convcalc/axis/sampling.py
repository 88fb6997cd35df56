"""Where the outputs of a resize lie on its input, and which inputs they are made of: for receptive fields and for runs.

Source: ONNX operator Resize, attribute coordinate_transformation_mode; PyTorch, torch.nn.functional.interpolate.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from convcalc.graph.primitives import Resize

HALF = Fraction(1, 2)
KINDS = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn",
)  # fmt: skip
"""Of coordinates."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Output 0 lies at `first` on the input, in pixels, and every further one `step` behind the one before."""

    first: Fraction
    step: Fraction

    def at(self, output: int) -> Fraction:
        return self.first + output * self.step


def coordinates(kind: str, before: int, after: int, scale: Fraction | None = None) -> Coordinates:
    """The coordinates of one of ONNX's kinds, from `before` pixels to `after`.

    `scale` is the factor where it is given and not after/before, as when 1.7 times 13 pixels are cut to 22.
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
        case "half_pixel_symmetric":  # the middle of the outputs there would be is over the middle of the inputs
            cut = Fraction(before, 2) * (1 - after * step / before)
            return Coordinates(cut + HALF * step - HALF, step)
        case _:
            raise ValueError(f"no coordinates are called {kind}")


def taps(at: Fraction, operator: Resize) -> list[tuple[int, float]]:
    """(input, weight) of every input that counts for a place: neighbours, one after the other."""
    low = floor(at)
    part = at - low
    if operator.mode == "nearest":
        nearest = {
            "floor": low,
            "ceil": ceil(at),
            "round_prefer_floor": ceil(at - HALF),
            "round_prefer_ceil": floor(at + HALF),
        }
        return [(nearest[operator.rounding], 1.0)]
    if part == 0:
        return [(low, 1.0)]
    if operator.mode == "linear":
        return [(low, float(1 - part)), (low + 1, float(part))]
    return [(low + i, _cubic(abs(float(part) - i), operator.cubic)) for i in range(-1, 3)]


def _cubic(distance: float, a: float) -> float:
    """Keys' kernel. Source: Keys 1981, equation 4, with the coefficient free."""
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
