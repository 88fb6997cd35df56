"""The products that are written out, added up by another program, are what the engine computes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from convcalc import conv, conv_transpose
from convcalc.graph.primitives import Correlate, Windowed
from convcalc.scenes.sums import MAX_CHANNELS, Sums, sums_of
from convcalc.scenes.view import View
from convcalc.scenes.window import window_scene
from tests.formula import value
from tests.scenes.drawn import graph_of, row


def added_up(lines: tuple[str, ...]) -> Fraction | int:
    """The sum of the products in all lines, after what each says of its channel."""
    parts = [line.rpartition(": ")[2] for line in lines]
    return sum(0 if part == "nothing" else value(part.replace(" - ", " + -")) for part in parts)


LAYERS = [
    ("standard", {"input": (3, 5, 6), "kernel": (3, 2), "filters": 4, "stride": (2, 1), "padding": ((1, 0), (0, 2))}),
    ("standard", {"input": (4, 9), "kernel": 3, "filters": 6, "groups": 2, "dilation": 2, "padding": 2}),
    ("standard", {"input": (2, 3, 2, 3), "kernel": (2, 1, 2), "filters": 2, "padding": 1}),
    ("transposed", {"input": (4, 3, 4), "kernel": (3, 2), "filters": 6, "groups": 2, "stride": 2,
                    "padding": ((1, 0), (0, 1)), "output_padding": 1}),
    ("transposed", {"input": (2, 5), "kernel": 3, "filters": 1, "stride": 3, "dilation": 2}),
]  # fmt: skip


MODES = ("zeros", "reflect", "replicate", "circular")


@pytest.mark.parametrize(
    ("type", "options", "mode"),
    [(type, options, mode) for type, options in LAYERS for mode in (MODES if type == "standard" else MODES[:1])],
)
def test_the_products_add_up_to_the_engine_s_output(type: str, options: dict[str, object], mode: str) -> None:
    primitive = graph_of(type, options).nodes[1].primitive
    assert isinstance(primitive, Windowed)
    random = np.random.default_rng(5)
    x = random.integers(-9, 9, (1, *options["input"]))  # type: ignore[misc]
    names = ("stride", "dilation", "groups")
    settings = {name: getattr(primitive, name) for name in names}
    if isinstance(primitive, Correlate):
        w = random.integers(
            -9, 9, (primitive.out_channels, primitive.in_channels // primitive.groups, *primitive.kernel)
        )
        out = conv(x, w, padding=primitive.padding, padding_mode=mode, **settings)
    else:
        w = random.integers(
            -9, 9, (primitive.in_channels, primitive.out_channels // primitive.groups, *primitive.kernel)
        )
        out = conv_transpose(x, w, padding=primitive.padding, output_padding=primitive.output_padding, **settings)
    for filter in {0, primitive.out_channels - 1}:
        sums = sums_of(primitive, x, w, out, filter=filter, mode=mode)
        for place in np.ndindex(out.shape[2:]):
            *products, total = sums.lines(place)
            assert added_up(tuple(products)) == out[0, filter][place]
            assert total == f"sum {out[0, filter][place]}"


def test_of_many_channels_the_first_are_written_out() -> None:
    x, w = np.ones((1, 9, 3), int), np.ones((1, 9, 2), int)
    sums = sums_of(Correlate(9, 1, (2,), (1,), ((0, 0),), (1,)), x, w, conv(x, w))
    lines = sums.lines((0,))
    assert len(lines) == MAX_CHANNELS + 2
    assert lines[-2:] == ("and the products of 5 more channels", "sum 18")


def numbers(x: object, w: object) -> Sums:
    """Of one channel and a kernel that fits it once."""
    arrays = np.array([[x]]), np.array([[w]])
    primitive = Correlate(1, 1, (arrays[1].size,), (1,), ((0, 0),), (1,))
    return sums_of(primitive, *arrays, conv(*arrays))


@pytest.mark.parametrize(
    ("x", "w", "lines"),
    [
        ([3, -4], [-1, 2], ("3*(-1) + -4*2", "sum -11")),
        ([3.0, 0.25], [2.0, -0.5], ("3*2 + 0.25*(-0.5)", "sum 5.88")),
        ([1200.0, 1e9], [1.0, 0.0], ("1200*1 + 1e+09*0", "sum 1200")),
        ([True, False], [True, True], ("1*1 + 0*1", "sum 1")),
        ([np.nan, np.inf], [1.0, 1.0], ("nan*1 + inf*1", "sum nan")),
    ],
)
def test_numbers_are_written_as_one_reads_them(x: object, w: object, lines: tuple[str, ...]) -> None:
    assert numbers(x, w).lines((0,)) == lines


def test_cells_have_the_first_channel_s_numbers_and_the_outputs() -> None:
    x, w = np.arange(12).reshape(1, 1, 3, 4), np.ones((1, 1, 2, 2), int)
    node = row("1x3x4", "k2").nodes[1]
    assert isinstance(node.primitive, Correlate)
    out = conv(x, w)
    scene = window_scene(node, View(None, 9, 9), sums_of(node.primitive, x, w, out))
    assert [cell.text for cell in scene.grids[0].cells] == [str(number) for number in range(12)]
    assert [cell.text for cell in scene.grids[1].cells] == [str(number) for number in out.ravel()]
