"""Resizes by the formulas of their sources in plain fractions, and by hand at the halves and at the ends."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest

from convcalc.axis import sampling
from convcalc.axis.sampling import Coordinates, adaptive_reads, coordinates, resize_reads, taps
from convcalc.axis.strands import MAX_PHASES, Reads
from convcalc.errors import ShapeError


def original(kind: str, output: int, before: int, after: int, scale: Fraction) -> Fraction:
    """ONNX, operator Resize, attribute coordinate_transformation_mode, as the text has it."""
    match kind:
        case "half_pixel":
            return (output + Fraction(1, 2)) / scale - Fraction(1, 2)
        case "half_pixel_symmetric":
            adjustment = after / (scale * before)
            centre = Fraction(before, 2)
            return centre * (1 - adjustment) + (output + Fraction(1, 2)) / scale - Fraction(1, 2)
        case "pytorch_half_pixel":
            return (output + Fraction(1, 2)) / scale - Fraction(1, 2) if after > 1 else Fraction(0)
        case "align_corners":
            return Fraction(output * (before - 1), after - 1)
        case "asymmetric":
            return output / scale
        case "tf_half_pixel_for_nn":
            return (output + Fraction(1, 2)) / scale
        case _:
            raise AssertionError(kind)


@pytest.mark.parametrize("kind", sampling.KINDS)
def test_coordinates_are_those_of_onnx(kind: str) -> None:
    sizes = ((7, 12, None), (12, 7, None), (13, 22, Fraction(17, 10)), (5, 2, Fraction(1, 2)), (3, 3, None))
    for before, after, scale in sizes:
        placed = coordinates(kind, before, after, scale)
        for output in range(after):
            found = placed.at(output)
            assert found == original(kind, output, before, after, scale or Fraction(after, before)), (before, after)


def test_coordinates_of_a_single_output() -> None:
    assert coordinates("align_corners", 5, 1) == Coordinates(Fraction(0), Fraction(0))
    assert coordinates("align_corners", 5, 2) == Coordinates(Fraction(0), Fraction(4))
    assert coordinates("pytorch_half_pixel", 5, 1).at(0) == 0
    assert coordinates("half_pixel", 5, 1).at(0) == 2
    with pytest.raises(ValueError, match="no coordinates are called nearest"):
        coordinates("nearest", 5, 1)


@pytest.mark.parametrize(
    ("rounding", "found"),
    [
        ("floor", [0, 0, 0, 0, 1, 1, -1]),
        ("ceil", [0, 1, 1, 1, 1, 2, 0]),
        ("round_prefer_floor", [0, 0, 0, 1, 1, 1, -1]),
        ("round_prefer_ceil", [0, 0, 1, 1, 1, 2, 0]),
    ],
)
def test_the_nearest_input(rounding: str, found: list[int]) -> None:
    places = [Fraction(n, 6) for n in (0, 2, 3, 4, 6, 9, -3)]
    assert [taps(at, "nearest", rounding, -0.75) for at in places] == [[(at, 1.0)] for at in found]


def test_weights_by_hand() -> None:
    """Keys 1981, equation 4 at 5/4, 1/4, 3/4 and 7/4 with a = -1/2, and at 3/2 and 1/2 with a = -3/4."""
    assert taps(Fraction(9, 4), "linear", "", -0.5) == [(2, 0.75), (3, 0.25)]
    assert taps(Fraction(3), "linear", "", -0.5) == taps(Fraction(3), "cubic", "", -0.5) == [(3, 1.0)]
    assert taps(Fraction(9, 4), "cubic", "", -0.5) == [(1, -9 / 128), (2, 111 / 128), (3, 29 / 128), (4, -3 / 128)]
    assert taps(Fraction(5, 2), "cubic", "", -0.75) == [(1, -3 / 32), (2, 19 / 32), (3, 19 / 32), (4, -3 / 32)]
    for part in range(1, 9):
        assert sum(weight for _, weight in taps(Fraction(part, 9), "cubic", "", -0.75)) == pytest.approx(1)


@pytest.mark.parametrize(("before", "after"), [(7, 3), (12, 8), (3, 7), (9, 3), (8, 12), (5, 1)])
def test_adaptive_pools_read_from_floor_to_ceil(before: int, after: int) -> None:
    """PyTorch, torch.nn.AdaptiveAvgPool2d; the pattern repeats after the sizes' ratio in lowest terms."""
    reads = adaptive_reads(before, after)
    assert len(reads.taps) == Fraction(before, after).denominator
    assert reads.advance == Fraction(before, after).numerator
    for output in range(after):
        first, step, count = reads.taps[output % len(reads.taps)]
        first += output // len(reads.taps) * reads.advance
        begin, end = floor(Fraction(output * before, after)), ceil(Fraction((output + 1) * before, after))
        assert (first, step, count) == (begin, 1, end - begin)


def test_reads_of_resizes_by_hand() -> None:
    assert resize_reads(2, 4, "half_pixel", "linear", "") == Reads(((-1, 1, 2), (0, 1, 2)), 1)
    assert resize_reads(4, 2, "asymmetric", "nearest", "floor") == Reads(((0, 1, 1),), 2)
    assert resize_reads(2, 3, "asymmetric", "cubic", "") == Reads(((0, 1, 1), (-1, 1, 4), (0, 1, 4)), 2)
    assert resize_reads(3, 5, "align_corners", "linear", "") == Reads(((0, 1, 1), (0, 1, 2)), 1)
    assert resize_reads(13, 22, "asymmetric", "nearest", "floor", Fraction(2)) == Reads(((0, 1, 1), (0, 1, 1)), 1)


def test_a_scale_with_too_many_phases_is_the_ratio_of_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MAX_PHASES", 17)
    assert len(resize_reads(10, 17, "asymmetric", "nearest", "floor", Fraction(17, 11)).taps) == 17
    assert (
        resize_reads(10, 18, "asymmetric", "nearest", "floor", Fraction(18, 11)).advance == 5
    )  # 9 outputs on 5 pixels


def test_patterns_as_long_as_are_listed_and_one_more() -> None:
    message = f"it repeats only after {MAX_PHASES + 1} outputs, more than {MAX_PHASES} are not enumerated"
    with pytest.raises(ShapeError, match=message):
        adaptive_reads(MAX_PHASES + 2, MAX_PHASES + 1)
    with pytest.raises(ShapeError, match=message):
        resize_reads(MAX_PHASES + 2, MAX_PHASES + 1, "asymmetric", "nearest", "floor")
    assert len(adaptive_reads(MAX_PHASES + 1, MAX_PHASES).taps) == MAX_PHASES
