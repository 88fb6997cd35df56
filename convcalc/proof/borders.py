"""The borders of the input and of the maps on the way: how an output comes to read less than predicted, or elsewhere.

A receptive field is predicted as if nothing had a border, and then cut to the input's size. Four situations make the
inputs that an output really reads different from that. Each has a function of its own here, with a drawing: letters
are values that depend on the input, which is `a b c d e`; 0 is padding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, assert_never

from convcalc.axis.strands import Field
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Constant,
    Correlate,
    Elementwise,
    Expand,
    Input,
    Linear,
    MatMul,
    Merge,
    Normalize,
    Pad,
    Pool,
    Reduce,
    Reshape,
    Resize,
    ShuffleChannels,
    Slice,
    Softmax,
    Take,
    Transpose,
    TransposedCorrelate,
    Unknown,
    WithConstant,
    windows,
)  # fmt: skip
from convcalc.questions.receptive import Fields


class Sides(NamedTuple):
    """Whether something holds at the first and at the last end of an axis."""

    first: bool
    last: bool


BOTH, NEITHER = Sides(True, True), Sides(False, False)


def loose_ends(graph: Graph, fields: Fields, numbers: Iterable[int], axis: int, output: int, size: int) -> Sides:
    """At which ends an output of the mapped node may read less than predicted along an axis of the input.

    `numbers` are the nodes on the way to the mapped one, including it. At an end that is cut off, or at which a map was
    cropped, the outermost predicted inputs may not be read. If some output reads only padding, none of them may be.
    """
    cut = cut_off(fields.seen[fields.mapped][axis].field, output, size)
    crop, alone = NEITHER, False
    for number in numbers:
        node, along = graph.nodes[number], fields.seen[number][axis]
        if along.axis is None or node.shape is None or not along.field.strands:
            continue
        found = cropped(along.field, node.shape[along.axis], size)
        crop = Sides(crop.first or found.first, crop.last or found.last)
        alone = alone or any(padding_alone(node, along.axis))
    if alone and (any(crop) or any(cut)):
        return BOTH
    return Sides(cut.first or crop.first, cut.last or crop.last)


def cut_off(field: Field, output: int, size: int) -> Sides:
    """Whether the predicted inputs of an output run beyond the input's first or last position.

    Then the outermost inputs need not be read. Two layers, kernel 2 and stride 2, then kernel 3 and padding 1:

        input     a b c d e        no window of the first layer reads e
        first      A   B           a third window would read e and one more
        second     [A  B  0]       predicted: a to e and beyond; measured: a to d

    A field that every output reads is known only inside the input, so reaching the end counts as running beyond it.
    """
    seen = field.at(output)
    if not seen.runs:
        return BOTH
    fixed = bool(field.whole.runs)
    return Sides(
        seen.first < 0 or (fixed and seen.first == 0),
        seen.last >= size or (fixed and seen.last == size - 1),
    )


def cropped(field: Field, outputs: int, size: int) -> Sides:
    """Whether the positions just outside a map would still have read inputs, because the map was cropped.

    Then padding has taken the place of those inputs. The input cropped by one on either side, then kernel 3, padding 1:

        input     a b c d e
        cropped     b c d
        padded    0 b c d 0        the window of output 0 is [0 b c]: predicted a to c, measured b to c
    """
    before, behind = field.at(-1), field.at(outputs)
    return Sides(bool(before.runs) and before.first >= 0, bool(behind.runs) and behind.last < size)


def padding_alone(node: Node, axis: int) -> Sides:
    """Whether the first and the last output of a node along one axis of its output read nothing but padding.

    Further on, all of their predicted inputs may then be unread. Kernel 3 and padding 1, then kernel 1
    and padding 1:

        input       a b c d e
        first       A B C D E      a position before A would read [0 0 a]
        second    0 A B C D E 0    output 0 is [0]: predicted a, measured nothing

    A transposed convolution has such outputs if its taps leave gaps, or if its output was lengthened beyond them.
    """
    primitive, shapes = node.primitive, node.input_shapes
    match primitive:
        case Pad():
            before, after = primitive.pairs[axis]
            return Sides(before > 0, after > 0)
        case Correlate() | Pool() | TransposedCorrelate():
            if axis < 2 or node.shape is None or shapes[0] is None:
                return NEITHER
            window, size, outputs = windows(primitive)[axis - 2], shapes[0][axis], node.shape[axis]
            if isinstance(primitive, TransposedCorrelate):
                gaps = window.dilation > 1 or window.kernel < window.stride
                reached = (size - 1) * window.stride + window.extent - window.before
                return Sides(gaps, gaps or outputs > reached)
            return Sides(
                window.before >= window.extent,
                (outputs - 1) * window.stride - window.before >= size,
            )
        case (
            Input() | Constant() | ShuffleChannels() | Linear() | MatMul() | Normalize() | Elementwise()
            | WithConstant() | Merge() | Softmax() | Concat() | Reduce() | AdaptivePool() | Slice() | Take()
            | Reshape() | Transpose() | Expand() | Resize() | Unknown()
        ):  # fmt: skip
            return NEITHER
        case _:
            assert_never(primitive)


def mirrored(node: Node) -> bool:
    """Whether a node repeats inputs in its border that lie outside the predicted windows.

    Then the first and last outputs read inputs that they were not predicted to read. Padding 2 by reflection:

        input         a b c d e
        padded    c b a b c d e d c    the window [c b a] of output 0 was predicted to read a alone

    Resizing to the nearest input, rounded up, shows the last one again.
    """
    primitive = node.primitive
    if isinstance(primitive, Pad):
        return primitive.mode != "constant"
    return isinstance(primitive, Resize) and primitive.rounding == "ceil"
