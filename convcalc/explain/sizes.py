"""How output sizes come about, axis by axis, and the numbers behind a padding word.

A rule gives, for one axis of the whole output shape (axis 0 is the batch), the formula of its size and the numbers to
put into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from convcalc import formulas
from convcalc.axis.window import Window
from convcalc.explain.rows import Explanation, named_axes, row_of
from convcalc.formulas import Formula, Symbol
from convcalc.graph.graph import Node
from convcalc.graph.primitives import (
    Convolution,
    Merge,
    Pad,
    Pool,
    Reduce,
    Reshape,
    Take,
    TransposedCorrelate,
    Windowed,
    windows,
)
from convcalc.graph.shapes import AXIS_NAMES, with_space
from convcalc.notation import Axes, show_size

Size: TypeAlias = tuple[Formula, dict[str, Symbol]]
Rule: TypeAlias = Callable[[int], Size]


def of_convolution(where: str, node: Node, primitive: Convolution) -> Iterator[Explanation]:
    """The output channels of a convolution, then its spatial axes."""
    channels, filters = primitive.in_channels, primitive.out_channels
    if primitive.groups == channels > 1 and filters % channels == 0:
        formula = formulas.OUTPUT_CHANNELS_DEPTHWISE
        yield row_of(where, "output channels", formula, filters, channels=channels, multiplier=filters // channels)
    else:
        yield row_of(where, "output channels", formulas.OUTPUT_CHANNELS, filters, filters=filters)
    yield from _of_windows(where, node, primitive)


def of_pool(where: str, node: Node, primitive: Pool) -> Iterator[Explanation]:
    """The channels of a pool, which stay, then its spatial axes."""
    channels = known(node.shape)[1]
    yield row_of(where, "output channels", formulas.OUTPUT_POOLED, channels, input=channels)
    yield from _of_windows(where, node, primitive)


def of_shuffle(where: str, node: Node) -> Iterator[Explanation]:
    """The size of a channel shuffle, which is that of its input."""
    size, formula = show_size(known(node.shape)[1:]), formulas.OUTPUT_SHUFFLED
    yield Explanation(where, "output", formula.text, size, size, formula.source)


def of_axes(where: str, node: Node, rule: Rule) -> Iterator[Explanation]:
    """Every axis but the batch by a rule; nothing if the shape is not known."""
    sizes = (node.shape or ())[1:]
    if sizes:
        rows = []
        for axis, size in enumerate(sizes, 1):
            formula, symbols = rule(axis)
            rows.append([row_of(where, "output", formula, size, **symbols)])
        yield from named_axes(rows, _names(len(sizes)))


def window_symbols(window: Window) -> dict[str, int]:
    """The values of the names in formulas along one axis of a window."""
    return {
        "kernel": window.kernel,
        "stride": window.stride,
        "dilation": window.dilation,
        "padding_begin": window.before,
        "padding_end": window.after,
    }


def known(shape: Axes | None) -> Axes:
    """A whole shape that a node of this kind always has."""
    assert shape is not None
    return shape


def kept(shape: Axes) -> Rule:
    """Every axis stays as it is in `shape`."""
    return lambda axis: (formulas.OUTPUT_KEPT, {"input": shape[axis]})


def but(rule: Rule, axis: int, formula: Formula, **symbols: Symbol) -> Rule:
    """The rule for all axes but this one, whose size comes about by `formula`."""
    return lambda other: (formula, symbols) if other == axis else rule(other)


def of_size(formula: Formula, sizes: Axes) -> Rule:
    """Every axis has the size stated for it."""
    return lambda axis: (formula, {"size": sizes[axis]})


def stretched(shapes: Sequence[Axes], rank: int) -> Rule:
    """Inputs are broadcast against each other; in shorter ones the first axes are missing."""
    full = [(1,) * (rank - len(shape)) + shape for shape in shapes]

    def rule(axis: int) -> Size:
        sizes = [shape[axis] for shape in full]
        if len(set(sizes)) == 1:
            return formulas.OUTPUT_KEPT, {"input": sizes[0]}
        return formulas.OUTPUT_STRETCHED, {"inputs": sizes}

    return rule


def merged(shapes: Sequence[Axes], rank: int, primitive: Merge) -> Rule:
    """As broadcast; with `flat`, inputs (batch, features) lack the spatial axes instead."""
    return stretched([with_space(shape, rank) if primitive.flat else shape for shape in shapes], rank)


def product_of(shapes: Sequence[Axes], rank: int) -> Rule:
    """Rows of the left, columns of the right; the axes before them are broadcast."""
    stack = stretched([shape[:-2] for shape in shapes], rank - 2)
    ends: dict[int, Size] = {
        rank - 2: (formulas.OUTPUT_KEPT, {"input": shapes[0][-2]}),
        rank - 1: (formulas.OUTPUT_KEPT, {"input": shapes[1][-1]}),
    }
    return lambda axis: ends[axis] if axis in ends else stack(axis)


def reduced(shape: Axes, primitive: Reduce) -> Rule:
    """The reduced axes have one position or are dropped; the others stay."""
    left = [axis for axis in range(len(shape)) if primitive.keep or axis not in primitive.axes]
    rule = kept(shape)
    return lambda axis: (formulas.OUTPUT_REDUCED, {}) if left[axis] in primitive.axes else rule(left[axis])


def taken(shape: Axes, primitive: Take) -> Rule:
    """The axes of the indices stand in the place of the axis taken from."""
    more = len(primitive.shape)

    def rule(axis: int) -> Size:
        if primitive.axis <= axis < primitive.axis + more:
            return formulas.OUTPUT_TAKEN, {"size": primitive.shape[axis - primitive.axis]}
        return formulas.OUTPUT_KEPT, {"input": shape[axis if axis < primitive.axis else axis - more + 1]}

    return rule


def padded(shape: Axes, primitive: Pad) -> Rule:
    """Positions are added at both ends of the padded axes."""

    def rule(axis: int) -> Size:
        before, after = primitive.pairs[axis]
        if before == after == 0:
            return formulas.OUTPUT_KEPT, {"input": shape[axis]}
        return formulas.OUTPUT_PADDED, {"input": shape[axis], "padding_begin": before, "padding_end": after}

    return rule


def reshaped(shape: Axes, primitive: Reshape) -> Rule:
    """All but the batch on one axis, or the given sizes."""
    if len(primitive.shape) == 2 and primitive.shape[0] == shape[0]:
        return lambda _: (formulas.OUTPUT_FLAT, {"input": shape[1:]})
    return of_size(formulas.OUTPUT_GIVEN, primitive.shape)


def resized(shape: Axes, sizes: Axes) -> Rule:
    """The last axes have the given sizes, the others stay."""
    first, rule = len(shape) - len(sizes), kept(shape)
    return lambda axis: rule(axis) if axis < first else (formulas.OUTPUT_GIVEN, {"size": sizes[axis - first]})


def _of_windows(where: str, node: Node, primitive: Windowed) -> Iterator[Explanation]:
    """The spatial axes of a window."""
    sizes = zip(known(node.input_shapes[0])[2:], known(node.shape)[2:], windows(primitive), strict=True)
    axes = [
        list(_of_window(where, node, primitive, axis, window, {"input": input, "output": output}))
        for axis, (input, output, window) in enumerate(sizes)
    ]
    yield from named_axes(axes)


def _of_window(
    where: str, node: Node, primitive: Windowed, axis: int, window: Window, sizes: dict[str, int]
) -> Iterator[Explanation]:
    """One axis: the padding if it was a word, the output padding if there is one, and the output size."""
    symbols, transposed = {**window_symbols(window), **sizes}, isinstance(primitive, TransposedCorrelate)
    if node.padding_word is not None:
        yield from _of_word(where, node.padding_word, window, symbols, transposed)
    if isinstance(primitive, TransposedCorrelate):
        formula = formulas.OUTPUT_TRANSPOSED
        symbols["output_padding"] = primitive.output_padding[axis]
        if symbols["output_padding"]:
            yield row_of(where, "output padding", formulas.LENGTHENED, symbols["output_padding"], **symbols)
    elif isinstance(primitive, Pool) and primitive.ceil_mode:
        formula = formulas.OUTPUT_CEILED
    else:
        formula = formulas.OUTPUT if window.dilation == 1 else formulas.OUTPUT_DILATED
    yield row_of(where, "output", formula, sizes["output"], **symbols)


def _of_word(where: str, word: str, window: Window, symbols: dict[str, int], transposed: bool) -> Iterator[Explanation]:
    """The numbers behind a padding word along one axis."""
    total = window.before + window.after
    formula = formulas.SAME_TRANSPOSED if transposed and word != "valid" else formulas.TOTAL_PADDING[word]
    yield row_of(where, f"padding '{word}', total", formula, total, **symbols)
    if word.startswith("same"):
        half = formulas.PADDING_BEGIN if word == "same" else formulas.PADDING_BEGIN_LOWER
        yield row_of(where, f"padding '{word}', begin", half, window.before, total=total)


def _names(axes: int) -> tuple[str, ...]:
    """The names of a tensor's axes, apart from the batch."""
    if axes == 1:
        return ("features",)
    return ("channels", *AXIS_NAMES[axes - 1]) if axes <= 4 else tuple(f"axis {axis + 1}" for axis in range(axes))
