"""The layer that a probe is for: its options, arrays drawn for it, and the sizes of input that come into question."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import count
from math import prod
from typing import NamedTuple

import numpy as np

from convcalc.diagnosing.evaluate import computable, whole
from convcalc.diagnosing.layer import setup_of
from convcalc.diagnosing.setup import Setup
from convcalc.errors import NotationError, ShapeError, quoted
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Correlate, TransposedCorrelate, windows
from convcalc.notation import (
    Axes,
    axis_count,
    parse_axes,
    parse_layout,
    parse_padding,
    parse_padding_mode,
    parse_size,
    show_axes,
    show_padding,
    whole_number,
)
from convcalc.proof.forms import Named
from convcalc.proof.run import RunOptions, prepared
from convcalc.recipes import named_dims, recipe_named
from convcalc.recipes.options import LayerOptions, layer_graph

CHANNELS, FILTERS = 3, 2
"""Channels of a group, and filters, if none are given: few, but more than two channels have more than one order."""
SHOWN = 256
"""Sums of this size do not fit 8 bits, signed or not."""
MAX_NUMBERS = 1 << 19
"""Numbers of a probe: input, kernels and output together."""
MAX_SIDE = 1 << 22
MIN_OUTPUTS = 3
"""Outputs along the first axis of the smallest input that is tried."""


class Asked(NamedTuple):
    """The layer. If its input is given, it is filled; numbers have `bits` bits, at most `largest` if that is given."""

    type: str
    layer: LayerOptions
    dims: int
    batch: int = 1
    bits: int = 8
    largest: int | None = None


class Arrays(NamedTuple):
    """Input (batch, C, *spatial), kernels in PyTorch's layout in stage order, and biases."""

    x: np.ndarray
    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]


def asked_layer(
    type: str, layer: LayerOptions, dims: int | None, *, batch: int = 1, bits: int = 8, largest: int | None = None
) -> Asked:
    """The layer with few channels and filters where none are given. `dims` are the spatial axes, None if left open.

    Raises NotationError or ShapeError for options that make no layer.
    """
    recipe = recipe_named(type)
    if layer.input is not None:
        given = len(parse_size(layer.input, "input", parse_layout(layer.layout))) - 1
        if dims not in (None, given):
            raise NotationError(f"input: a {dims}-D layer has a size of {dims + 1} numbers, got {quoted(layer.input)}")
        dims = given
    else:
        stated = (layer.kernel, layer.stride, layer.padding, layer.dilation, layer.output_padding)
        dims = dims or named_dims(type) or max(2 if (n := axis_count(v)) < 2 else n for v in stated)
        if layer.output_size is not None:
            raise ShapeError("output-size: needs the size of the input, got none; give --input, or --output-padding")
    groups = whole_number(recipe.default_groups if layer.groups is None else layer.groups, "groups")
    if layer.input is None and layer.in_channels is None:
        layer = replace(layer, in_channels=CHANNELS * groups)
    if layer.filters is None and recipe.name != "depthwise":
        layer = replace(layer, filters=FILTERS if groups == 1 else CHANNELS * groups)
    return Asked(type, layer, dims, batch, bits, largest)


def graph_on(asked: Asked, size: Axes) -> Graph:
    """The layer on an input (C, *spatial)."""
    layer = replace(asked.layer, input=size, layout="channels-first")
    return layer_graph(asked.type, layer, asked.batch)


def run_options(asked: Asked) -> RunOptions:
    """The options with which `run` is the layer, on the arrays of a probe in PyTorch's layouts."""
    layer = asked.layer
    mode = "zeros" if layer.padding_mode is None else parse_padding_mode(layer.padding_mode)
    return RunOptions(
        type=asked.type, stride=layer.stride, padding=layer.padding, dilation=layer.dilation, groups=layer.groups,
        output_padding=layer.output_padding, output_size=layer.output_size, dims=asked.dims, padding_mode=mode,
    )  # fmt: skip


def typed_options(asked: Asked) -> tuple[str, ...]:
    """The same options as one types them for `run`, the layout of the files among them."""
    layer, dims = asked.layer, asked.dims
    typed = [] if asked.type == "standard" else ["-t", asked.type]
    if layer.stride is not None:
        typed += ["-s", show_axes(parse_axes(layer.stride, "stride", dims))]
    if layer.padding is not None:
        padding = parse_padding(layer.padding, dims)
        typed += ["-p", padding if isinstance(padding, str) else show_padding(padding)]
    if layer.dilation is not None:
        typed += ["-d", show_axes(parse_axes(layer.dilation, "dilation", dims))]
    if layer.groups is not None:
        typed += ["-g", str(whole_number(layer.groups, "groups"))]
    for name in ("output_padding", "output_size"):
        if (value := getattr(layer, name)) is not None:
            option = name.replace("_", "-")
            typed += [f"--{option}", show_axes(parse_axes(value, option, dims, minimum=0))]
    if layer.padding_mode is not None:
        typed += ["--padding-mode", parse_padding_mode(layer.padding_mode)]
    if dims == 1 and named_dims(asked.type) is None:
        typed += ["--dims", "1"]
    if parse_layout(layer.layout) == "channels-last":
        typed += ["--layout", "channels-last"]
    return tuple(typed)


def drawn(asked: Asked, size: Axes, seed: int, most: int) -> Arrays:
    """Random whole numbers within -most..most. Raises ShapeError for a layer of too many numbers."""
    graph = graph_on(asked, size)
    stages = [node.primitive for node in graph.nodes if isinstance(node.primitive, Correlate | TransposedCorrelate)]
    needed = asked.batch * prod(size) + prod(graph.nodes[-1].shape or ())
    needed += sum(prod(stage.weight_shape) for stage in stages)
    if needed > MAX_NUMBERS:
        raise ShapeError(
            f"probe: must have at most {MAX_NUMBERS:,} numbers in input, kernels and output, got {needed:,}; "
            f"use fewer channels, or a smaller kernel, stride or dilation, on which mistakes show as well"
        )
    random = np.random.default_rng(seed)
    dtype = np.dtype(np.int8 if asked.bits <= 8 else np.int16)

    def numbers(shape: Axes) -> np.ndarray:
        return random.integers(-most, most + 1, shape).astype(dtype)

    x, kernels = numbers((asked.batch, *size)), tuple(numbers(stage.weight_shape) for stage in stages)
    return Arrays(x, kernels, tuple(numbers((stage.out_channels,)) for stage in stages if stage.bias))


def setup_for(asked: Asked, arrays: Arrays) -> Setup:
    """The layer on these arrays, as mistakes change it."""
    x, kernels, biases = named(arrays)
    options = run_options(asked)
    return computable(setup_of(prepared(x, kernels, biases, options), x, kernels, options))


def named(arrays: Arrays) -> tuple[Named, list[Named], list[Named]]:
    """Arrays as `run` takes them; only messages show the names."""
    kernels = [Named(f"w{number}", kernel) for number, kernel in enumerate(arrays.kernels, 1)]
    return Named("x", arrays.x), kernels, [Named("b", bias) for bias in arrays.biases]


def largest_number(asked: Asked, size: Axes) -> int:
    """The smallest bound of the numbers with which sums are likely to be SHOWN or more."""
    if asked.largest is not None:
        return asked.largest
    limit = (1 << (asked.bits - 1)) - 1

    @cache
    def shown(most: int) -> bool:
        each = [np.abs(whole(setup_for(asked, drawn(asked, size, seed, most)))).max() for seed in range(3)]
        return bool(sorted(each)[1] >= SHOWN)

    low, high = 1, 1
    while not shown(high) and high < limit:
        low, high = high, min(limit, 2 * high)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle + 1, high)
    return high


def strides(asked: Asked, size: Axes) -> Axes:
    """How far apart on an input (C, *spatial) the windows of neighbouring outputs are, along every axis."""
    stages = [node.primitive for node in graph_on(asked, size).nodes]
    along = [stage.stride for stage in stages if isinstance(stage, Correlate)]
    return tuple([prod(axis) for axis in zip(*along, strict=True)] or [1] * asked.dims)


def first_size(asked: Asked, own: Axes | None) -> Axes:
    """The smallest input that is tried: a few outputs along every axis, more on later ones so that all differ.

    `own` is the input of the layer, if that is given: its channels are taken.
    """
    channels = whole_number(asked.layer.in_channels or CHANNELS, "in-channels") if own is None else own[0]
    large = MAX_SIDE
    for exponent in range(3, MAX_SIDE.bit_length()):
        try:
            graph_on(asked, (channels, *(1 << exponent,) * asked.dims))
        except ShapeError:
            continue
        large = 1 << exponent
        break

    def outputs(axis: int, size: int) -> int:
        try:
            graph = graph_on(asked, (channels, *(size if i == axis else large for i in range(asked.dims))))
        except ShapeError:
            return 0
        return (graph.nodes[-1].shape or ())[2 + axis]

    sizes = []
    for axis in range(asked.dims):
        low, high = 1, 1
        while outputs(axis, high) < MIN_OUTPUTS + axis and high < MAX_SIDE:
            low, high = high + 1, 2 * high
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if outputs(axis, middle) >= MIN_OUTPUTS + axis else (middle + 1, high)
        sizes.append(max(high, 2 + axis, _shown_padding(asked, (channels, *(large,) * asked.dims), axis) + 1))
    return (channels, *_unequal(sizes))


def _shown_padding(asked: Asked, size: Axes, axis: int) -> int:
    """The padding that shows the input again, of which there must be enough; 0 if it is zeros."""
    if asked.layer.padding_mode is None:
        return 0
    stages = (node.primitive for node in graph_on(asked, size).nodes)
    along = [windows(stage)[axis] for stage in stages if isinstance(stage, Correlate)]
    return max((max(window.before, window.after) for window in along), default=0)


def _unequal(sizes: list[int]) -> Axes:
    """The sizes, each as large as it was or larger, no two the same: what exchanges axes then shows in the shape."""
    taken: list[int] = []
    for size in sizes:
        taken.append(next(n for n in count(size) if n not in taken))
    return tuple(taken)
