"""Output shapes of single primitives by hand, at the edge of what fits and just beyond it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from convcalc.errors import ShapeError
from convcalc.graph import primitives as p
from convcalc.graph.shapes import broadcast, place, resolved, shown, with_space

VALID = ((0, 0), (0, 0))


def correlate(channels: int, filters: int, groups: int = 1, **changed: Any) -> p.Correlate:
    return p.Correlate(channels, filters, (3, 2), (2, 1), VALID, (1, 1), groups)._replace(**changed)


def dense(kernel: tuple[int, ...]) -> p.Correlate:
    ones = (1,) * len(kernel)
    return p.Correlate(2, 2, kernel, ones, ((0, 0),) * len(kernel), ones)


def transposed(channels: int, filters: int, longer: tuple[int, int], **changed: Any) -> p.TransposedCorrelate:
    plain = p.TransposedCorrelate(channels, filters, (3, 2), (2, 1), VALID, (1, 4), output_padding=longer)
    return plain._replace(**changed)


@pytest.mark.parametrize(
    ("primitive", "shapes", "expected"),
    [
        (correlate(3, 5), [(2, 3, 7, 9)], (2, 5, 3, 8)),
        (correlate(4, 6, 2), [(1, 4, 7, 9)], (1, 6, 3, 8)),
        (correlate(3, 5, padding=((1, 0), (0, 2))), [(1, 3, 7, 9)], (1, 5, 3, 10)),
        (correlate(3, 5, padding="same"), [(1, 3, 7, 9)], (1, 5, 4, 9)),
        (p.Pool("max", (3, 2), (2, 2), "same", (1, 1)), [(2, 3, 6, 7)], (2, 3, 3, 4)),
        (transposed(3, 5, (1, 3)), [(2, 3, 4, 6)], (2, 5, 3 * 2 + 3 + 1, 5 + 5 + 3)),
        (p.Pool("max", (3, 2), (2, 2), VALID, (1, 1)), [(2, 3, 6, 7)], (2, 3, 2, 3)),
        (p.Pool("max", (3, 2), (2, 2), VALID, (1, 1), ceil_mode=True), [(2, 3, 6, 7)], (2, 3, 3, 4)),
        (p.ShuffleChannels(3), [(2, 6, 7)], (2, 6, 7)),
        (p.Reshape((2, 21)), [(2, 3, 7)], (2, 21)),
        (p.Linear(21, 5, True, flatten=True), [(2, 3, 7)], (2, 5)),
        (p.Linear(7, 5, True), [(2, 3, 7)], (2, 3, 5)),
        (p.MatMul(), [(3, 5), (5, 7)], (3, 7)),
        (p.MatMul(), [(2, 3, 5), (5, 7)], (2, 3, 7)),
        (p.MatMul(), [(2, 1, 3, 5), (4, 5, 7)], (2, 4, 3, 7)),
        (p.WithConstant("add", (5, 1), True), [(2, 3, 1, 7)], (2, 3, 5, 7)),
        (p.Merge("add"), [(2, 3, 1), (4,), (1, 1, 1, 1)], (1, 2, 3, 4)),
        (p.Merge("multiply", flat=True), [(2, 3), (2, 3, 5, 7)], (2, 3, 5, 7)),
        (p.Concat(2), [(2, 3, 5), (2, 3, 7), (2, 3, 1)], (2, 3, 13)),
        (p.Concat(1), [(2, 3, 5), (2, 4, 5)], (2, 7, 5)),
        (p.Reduce("mean", (2, 3)), [(2, 3, 5, 7)], (2, 3, 1, 1)),
        (p.Reduce("mean", (1, 3), keep=False), [(2, 3, 5, 7)], (2, 5)),
        (p.Slice(1, 2, 4), [(2, 9, 5)], (2, 4, 5)),
        (p.Take(1, (4, 0, 0, 2), (2, 2)), [(2, 5, 7)], (2, 2, 2, 7)),
        (p.Pad(((0, 0), (1, 2), (-3, 0))), [(2, 3, 7)], (2, 6, 4)),
        (p.Transpose((2, 0, 1)), [(2, 3, 7)], (7, 2, 3)),
        (p.Expand((3, 1, 7)), [(5, 1)], (3, 5, 7)),
        (p.Resize((4, 9)), [(2, 3, 5, 7)], (2, 3, 4, 9)),
        (p.Resize((4,)), [(2, 3, 5)], (2, 3, 4)),
        (p.AdaptivePool("mean", (4, 9, 1)), [(2, 3, 5, 7, 6)], (2, 3, 4, 9, 1)),
        (p.AdaptivePool("mean", (4, 9)), [(2, 3, 5, 7)], (2, 3, 4, 9)),
        (p.Normalize("batch_norm", (3,)), [(2, 3, 7)], (2, 3, 7)),
    ],
)  # fmt: skip
def test_shapes_by_hand(primitive: p.Primitive, shapes: list[tuple[int, ...]], expected: tuple[int, ...]) -> None:
    assert place(primitive, shapes, ["a", "b", "c"][: len(shapes)]).shape == expected


@pytest.mark.parametrize(
    ("primitive", "shapes", "message"),
    [
        (correlate(3, 5), [(2, 4, 7, 9)], "input channels must match the stage, got 4 for in_channels=3"),
        (correlate(3, 5), [(2, 3)], "takes channels and 1 to 3 spatial axes, got 3"),
        (p.ShuffleChannels(3), [(2, 3, 1, 1, 1, 1)], "takes channels and 1 to 3 spatial axes, got 3x1x1x1x1"),
        (p.ShuffleChannels(3), [(2, 7, 5)], "groups must divide channels, got groups=3 and channels=7; try 1 or 7"),
        (correlate(9, 12, 2), [(1, 9, 7, 9)],
         "groups must divide in_channels, got groups=2 and in_channels=9; try 1 or 3"),
        (correlate(9, 12, 9), [(1, 9, 7, 9)], "groups must divide filters, got groups=9 and filters=12; try 1 or 3"),
        (correlate(12, 18, 5), [(1, 12, 7, 9)],
         "groups must divide in_channels, got groups=5 and in_channels=12; try 3 or 6"),
        (correlate(3, 5), [(1, 3, 2, 9)], "height: the window must fit the padded input, got extent 3"),
        (correlate(3, 5), [(1, 3, 3, 1)], "width: the window must fit the padded input, got extent 2"),
        (dense((1, 1, 4)), [(1, 2, 1, 1, 3)],
         "width: the window must fit"),
        (dense((4, 1, 1)), [(1, 2, 3, 1, 1)],
         "depth: the window must fit"),
        (dense((4,)), [(1, 2, 3)],
         "length: the window must fit"),
        (transposed(3, 5, (2, 0)), [(1, 3, 4, 6)],
         "height: output-padding must be smaller than stride or dilation, got 2 for stride 2 and dilation 1; "
         "use at most 1"),
        (transposed(3, 5, (0, 4)), [(1, 3, 4, 6)],
         "width: output-padding must be smaller than stride or dilation, got 4 for stride 1 and dilation 4; "
         "use at most 3"),
        (p.Reshape((2, 20)), [(2, 3, 7)], "must keep the elements, got 2x3x7 as 2x20"),
        (p.Linear(20, 5, True, flatten=True), [(2, 3, 7)], "takes 20 features, got 21"),
        (p.Linear(3, 5, True), [(2, 3, 7)], "takes 3 features, got 7"),
        (p.MatMul(), [(5,), (5, 7)], "a matrix product needs (..., m, k) and (..., k, n), got (5,) and (5, 7)"),
        (p.MatMul(), [(3, 5), (5,)], "a matrix product needs (..., m, k) and (..., k, n), got (3, 5) and (5,)"),
        (p.MatMul(), [(5, 3), (5, 7)], "a matrix product needs (..., m, k) and (..., k, n), got (5, 3) and (5, 7)"),
        (p.MatMul(), [(2, 3, 5), (4, 5, 7)], "its inputs must have one shape, got one number from the left"),
        (p.Merge("add"), [(2, 3, 5), (2, 1, 5), (2, 4, 5)],
         "its inputs must have one shape, got 3x5 from a and 4x5 from c"),
        (p.Merge("add"), [(2, 1, 5), (2, 3, 5), (2, 4, 5)],
         "its inputs must have one shape, got 3x5 from b and 4x5 from c"),
        (p.Merge("add"), [(3, 3, 5), (3, 4, 5)], "its inputs must have one shape, got 3x5 from a and 4x5 from b"),
        (p.Concat(2), [(2, 3, 9), (2, 3)], "its inputs may differ along one axis only, got 3x9 from a and 3 from b"),
        (p.Concat(1), [(2, 3, 5), (2, 4, 6), (2, 4, 6)],
         "its inputs may differ along one axis only, got 3x5 from a and 4x6 from b"),
        (p.Concat(1), [(2, 3, 5), (2, 4, 5), (2, 4, 6)],
         "its inputs may differ along one axis only, got 3x5 from a and 4x6 from c"),
        (p.Concat(1), [(2, 3, 5), (2, 4, 5, 1)],
         "its inputs may differ along one axis only, got 3x5 from a and 4x5x1 from b"),
        (p.Pad(((0, 0), (0, 0), (-3, -4))), [(2, 3, 7)], "padding must leave something, got 2x3x0"),
    ],
)  # fmt: skip
def test_what_does_not_fit(primitive: p.Primitive, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ShapeError, match="^" + re.escape(message)):
        place(primitive, shapes, ["a", "b", "c"][: len(shapes)])


def test_the_last_sizes_that_fit() -> None:
    assert place(correlate(3, 5), [(1, 3, 3, 2)]).shape == (1, 5, 1, 1)
    assert place(p.Pad(((0, 0), (0, 0), (-3, -3))), [(2, 3, 7)]).shape == (2, 3, 1)
    assert place(correlate(3, 5, 1), [(1, 3, 7, 9)]).shape == (1, 5, 3, 8)  # one group divides everything
    for spatial in ((1,), (1, 1, 1)):
        assert place(p.ShuffleChannels(2), [(1, 4, *spatial)]).shape == (1, 4, *spatial)


def test_two_divisors_at_most_are_suggested_and_none_beyond_the_limit() -> None:
    """65,537 is a prime, the first number beyond MAX_DIVISOR; 65,536 = 2^16 is the last that is tried."""
    for channels, advice in ((65_537, "1$"), (65_536, "32768 or 65536$")):
        with pytest.raises(ShapeError, match=f"try {advice}"):
            place(p.ShuffleChannels(65_535), [(1, channels, 5)])


def test_padding_words_become_numbers() -> None:
    """4 outputs of kernel 3 and stride 2 read 9 pixels, 2 more than 7; 9 outputs of kernel 2 read one more than 9."""
    assert resolved(correlate(3, 5, padding="same"), (7, 9)).padding == ((1, 1), (0, 1))
    assert resolved(correlate(3, 5, padding="full"), (None, None)).padding == ((2, 2), (1, 1))
    given = transposed(3, 5, (1, 0), kernel=(1, 3), padding="same", dilation=(1, 1))
    known = resolved(given, (4, 6))
    assert (known.padding, known.output_padding) == (((0, 0), (1, 1)), (2, 0))  # a window shorter than its stride
    assert resolved(correlate(3, 5), (7, 9)) == correlate(3, 5)


def test_helpers_by_hand() -> None:
    assert broadcast([], []) == ()
    assert broadcast([(3, 1), (2, 1, 5)], ["a", "b"]) == (2, 3, 5)
    assert with_space((2, 3), 4) == (2, 3, 1, 1)
    assert with_space((2, 3, 5), 4) == (2, 3, 5)
    assert [shown((2, 3, 5)), shown((2,))] == ["3x5", "one number"]
