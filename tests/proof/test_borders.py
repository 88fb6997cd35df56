"""What the borders of maps do to a field: every drawing of `convcalc.proof.borders`, predicted and measured."""

from __future__ import annotations

import numpy as np
import pytest

from convcalc.axis.positions import Positions
from convcalc.axis.strands import Field
from convcalc.graph.graph import Graph, ancestors
from convcalc.graph.primitives import Pad, Resize, TransposedCorrelate
from convcalc.proof.arrays import drawn_arrays, drawn_input
from convcalc.proof.borders import cropped, cut_off, loose_ends, mirrored, padding_alone
from convcalc.proof.probe import Ends, Line, Probe
from convcalc.questions.receptive import receptive_fields
from tests.proof.running import Layers


def looked_at(graph: Graph, output: int) -> tuple[list[int] | None, list[int] | None, tuple[bool, bool]]:
    """What an output of a network along one axis was predicted to read, what it reads, and which ends are loose."""
    x, fields = drawn_input(graph.inputs[0].shape or ()), receptive_fields(graph)
    probe = Probe(graph, fields, [x], drawn_arrays(graph), graph.nodes[fields.mapped].shape or ())
    line = Line(probe, 0, x, finite=True)
    seen = line.along.field.at(output).within(0, line.size)
    predicted = Ends(seen.first, seen.last) if seen.runs else Ends(None, None)
    loose = loose_ends(graph, fields, ancestors(graph, fields.mapped), 0, output, line.size)
    return predicted.to_list(), line.ends(output).to_list(), tuple(loose)


def test_cut_off() -> None:
    """Nothing reads e, which the second layer's last output would have read through a third window of the first."""
    net = Layers(1, 1, 5)
    net.conv("first", kernel=2, stride=2, filters=1)
    net.conv("second", kernel=3, padding=1, filters=1)
    assert looked_at(net.graph(), 1) == ([0, 4], [0, 3], (False, True))
    field = receptive_fields(net.graph()).seen[net.last][0].field
    assert cut_off(field, 0, 5) == (True, False)
    assert cut_off(field, 1, 5) == (False, True)
    assert cut_off(Field.nothing(), 0, 5) == (True, True)
    fixed = Field((), Positions(0, 1, ((0, 3),)))
    assert cut_off(fixed, 0, 5) == (True, False)
    assert cut_off(fixed, 0, 4) == (True, True)


def test_cropped() -> None:
    """The window of output 0 begins with padding, where a was."""
    net = Layers(1, 1, 5)
    first = net.add("cropped", "crop", Pad(((0, 0), (0, 0), (-1, -1))))
    net.conv("padded", kernel=3, padding=1, filters=1)
    assert looked_at(net.graph(), 0) == ([0, 2], [1, 2], (True, True))
    assert looked_at(net.graph(), 1) == ([1, 3], [1, 3], (True, True))
    seen = receptive_fields(net.graph()).seen
    assert cropped(seen[first][0].field, 3, 5) == (True, True)
    assert cropped(seen[net.last][0].field, 3, 5) == (False, False)
    assert cropped(Field.identity(), 5, 5) == (False, False)


def test_padding_alone() -> None:
    """Output 0 is one padding zero, and was predicted to read what the first layer would have read there."""
    net = Layers(1, 1, 5)
    net.conv("first", kernel=3, padding=1, filters=1)
    net.conv("second", kernel=1, padding=1, filters=1)
    assert looked_at(net.graph(), 0) == ([0, 0], None, (True, True))
    assert looked_at(net.graph(), 1) == ([0, 1], [0, 1], (True, True))
    assert looked_at(net.graph(), 3) == ([1, 3], [1, 3], (False, False))
    first, second = net.graph().nodes[1:]
    assert padding_alone(first, 2) == (False, False)
    assert padding_alone(second, 2) == (True, True)
    assert padding_alone(second, 1) == (False, False)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "padding", "longer", "alone"),
    [
        (2, 2, 1, (0, 0), 0, (False, False)),
        (1, 2, 1, (0, 0), 0, (True, True)),  # gaps between the taps of neighbouring inputs
        (2, 1, 2, (0, 0), 0, (True, True)),
        (2, 2, 1, (0, 0), 1, (False, True)),  # lengthened beyond the last tap
        (3, 2, 1, (0, 1), 1, (False, False)),
    ],
)
def test_outputs_that_no_input_is_spread_over(
    kernel: int, stride: int, dilation: int, padding: tuple[int, int], longer: int, alone: tuple[bool, bool]
) -> None:
    net = Layers(1, 1, 5)
    up = TransposedCorrelate(1, 1, (kernel,), (stride,), (padding,), (dilation,), 1, (longer,))
    net.add("up", "transposed", up)
    node = net.graph().nodes[-1]
    assert padding_alone(node, 2) == alone
    [(name, [weight])] = drawn_arrays(net.graph()).items()
    assert (name, weight.shape) == ("up", (1, 1, kernel))


def test_padding_around_a_map_is_padding_alone() -> None:
    net = Layers(1, 1, 5)
    net.add("pad", "pad", Pad(((0, 0), (0, 0), (2, -1))))
    assert padding_alone(net.graph().nodes[-1], 2) == (True, False)


def test_mirrored() -> None:
    """The window c b a of output 0 was predicted to read a alone."""
    net = Layers(1, 1, 5)
    net.add("padded", "pad", Pad(((0, 0), (0, 0), (2, 2)), "reflect"))
    net.conv("conv", kernel=3, filters=1)
    predicted, measured, _ = looked_at(net.graph(), 0)
    assert (predicted, measured) == ([0, 0], [0, 2])
    assert [mirrored(node) for node in net.graph().nodes] == [False, True, False]
    net = Layers(1, 1, 5)
    net.add("up", "resize", Resize((7,), "nearest", "half_pixel", "ceil"))
    assert mirrored(net.graph().nodes[-1])
    net.add("down", "resize", Resize((3,), "nearest", "half_pixel", "floor"))
    assert not mirrored(net.graph().nodes[-1])
    assert np.isfinite(drawn_input((1, 1, 5))).all()
