"""A layer that was run, and its output and the expected one, in the form in which readings change them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from convcalc.diagnosing.setup import Axis, Files, Setup, Stage, stage_shape
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Correlate, ShuffleChannels, TransposedCorrelate, windows
from convcalc.notation import PADDING_WORDS, parse_layout
from convcalc.proof.arrays import Arrays
from convcalc.proof.forms import Named, full_input
from convcalc.proof.run import Prepared, RunOptions


def setup_of(layer: Prepared, input: Named, kernels: Sequence[Named], options: RunOptions) -> Setup:
    """The layer as readings change it, in the dtypes of its files."""
    word = options.padding if isinstance(options.padding, str) and options.padding in PADDING_WORDS else None
    axes_of = tuple(kernel.array.ndim for kernel in kernels)
    layout, known = parse_layout(options.layout), options.dims is not None
    files = Files(layout, input.array.ndim, options.flip, axes_of, dims_given=known)
    return Setup(layer.x, stages_of(layer.graph, layer.arrays, options.padding_mode, word), (), files)


def stages_of(graph: Graph, arrays: Arrays, mode: str, word: str | None) -> tuple[Stage, ...]:
    """The convolutions of one layer; `word` is its padding, if that is a word."""
    stages: list[Stage] = []
    for node in graph.nodes:
        primitive = node.primitive
        if isinstance(primitive, ShuffleChannels):
            order = np.arange(stages[-1].filters).reshape(primitive.groups, -1).T.ravel()
            stages[-1] = stages[-1]._replace(gives=order)
        if not isinstance(primitive, Correlate | TransposedCorrelate):
            continue
        sizes = stage_shape(stages[-1]) if stages else (graph.inputs[0].shape or ())[2:]
        transposed = isinstance(primitive, TransposedCorrelate)
        ends = primitive.output_padding if isinstance(primitive, TransposedCorrelate) else (0,) * len(sizes)
        axes = tuple(
            Axis(size, w.stride, w.dilation, w.before, w.after, mode, transposed, end)
            for size, w, end in zip(sizes, windows(primitive), ends, strict=True)
        )
        weight, *bias = arrays[node.name]
        stages.append(Stage(node.stage, weight, bias[0] if bias else None, primitive.groups, axes, word))
    return tuple(stages)


def full_output(y: Named, shape: Sequence[int], dims: int, options: RunOptions) -> np.ndarray:
    """An output as (batch, N, *positions), whatever axes of length 1 it has or lacks; as it is if it cannot be that.

    A plain list of as many numbers has them in the order of the layout.
    """
    full = y.array
    if full.ndim == 1 < len(shape) and full.size == prod(shape) and shape[1] * shape[0] != full.size:  # a plain list
        if parse_layout(options.layout) == "channels-first":
            return full.reshape(shape)
        return np.moveaxis(full.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
    if y.array.ndim in (dims, dims + 1, dims + 2):
        full = full_input(y, dims, parse_layout(options.layout))
        if full.shape == tuple(shape):
            return full
    if y.array.size == prod(shape) and [n for n in y.array.shape if n > 1] == [n for n in shape if n > 1]:
        return y.array.reshape(shape)
    return full
