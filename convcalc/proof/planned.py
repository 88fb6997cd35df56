"""The layer that arrays and options describe: its kernels in full form, and its place on the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convcalc.engine.ops.convolution import check_arrays
from convcalc.errors import ConvcalcError, DataError, NotationError
from convcalc.graph.graph import Graph, Layer
from convcalc.graph.primitives import Convolution, Correlate, TransposedCorrelate
from convcalc.graph.shapes import place
from convcalc.notation import Axes, Layout, Number, PaddingValue, PerAxis, parse_layout, whole_number
from convcalc.proof.arrays import Arrays
from convcalc.proof.factor import factored
from convcalc.proof.forms import Named, full_input, full_kernels, spatial_axes
from convcalc.recipes import named_dims, recipe_named
from convcalc.recipes.options import LayerOptions, graph_of, layer_of
from convcalc.recipes.recipe import Recipe


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run; its arrays give kernel, channels and filters."""

    type: str | None = None
    stride: PerAxis | None = None
    padding: PaddingValue | None = None
    dilation: PerAxis | None = None
    groups: Number | None = None
    output_padding: PerAxis | None = None
    output_size: PerAxis | None = None
    dims: Number | None = None
    layout: str = "channels-first"
    padding_mode: str = "zeros"
    flip: bool = False
    rank: Number | None = None
    algorithm: str = "auto"
    check: bool = True


@dataclass(frozen=True, slots=True)
class Kernels:
    """The kernels of a type's stages in full form, and how they came about.

    `whole` is the full kernel, if they were factored from one and multiply back to it.
    """

    stages: Sequence[Named]
    notes: tuple[str, ...] = ()
    whole: Named | None = None


def dims_of(options: RunOptions, recipe: Recipe, input: Named, kernels: Sequence[Named], layout: Layout) -> int:
    """The number of spatial axes: the one in the options, or the only one that the arrays can be read with.

    Raises NotationError for options that contradict each other, DataError if the arrays fit in no way or in several.
    """
    stated = named_dims(options.type or "")
    if options.dims is not None:
        dims = whole_number(options.dims, "dims")
        if dims > 3 or stated not in (None, dims):
            raise NotationError(f"dims: must be {stated or '1, 2 or 3'}, got {dims}")
        return dims
    if stated is not None:
        return stated
    unfactored = recipe_named("standard") if is_factored(recipe, kernels) else recipe
    return spatial_axes(input, kernels, lambda dims: _fits(options, unfactored, input, kernels, dims, layout))


def is_factored(recipe: Recipe, kernels: Sequence[Named]) -> bool:
    """Whether one full kernel stands for those of all stages."""
    return recipe.name == "spatially-separable" and len(kernels) == 1


def kernels_of(
    options: RunOptions, recipe: Recipe, kernels: Sequence[Named], channels: int, dims: int, layout: Layout
) -> Kernels:
    """The kernels in full form, flipped for a true convolution, and factored if one stands for all.

    Raises DataError for kernels that have no such form, NotationError for a rank if there is nothing to factor.
    """
    if not is_factored(recipe, kernels):
        if options.rank is not None:
            raise NotationError("rank: is for one full kernel of type spatially-separable; leave --rank out")
        full = full_kernels(recipe, kernels, channels, dims, layout)
        return Kernels([_flipped(kernel, dims) for kernel in full] if options.flip else full)
    [whole] = full_kernels(recipe_named("standard"), kernels, channels, dims, layout)
    whole = _flipped(whole, dims) if options.flip else whole
    rank = None if options.rank is None else whole_number(options.rank, "rank")
    factors = factored(whole.array, rank, whole.name)
    stages = [Named(f"{whole.name} (factor {i})", kernel) for i, kernel in enumerate(factors.kernels, 1)]
    return Kernels(stages, (factors.note,), whole if factors.exact else None)


def planned(
    options: RunOptions, recipe: Recipe, shape: Axes, kernels: Sequence[Named], biases: Sequence[Named]
) -> tuple[Graph, Arrays]:
    """The layer on an input of this whole shape, and the kernel and bias of every node that has weights.

    Raises DataError for arrays of another shape than their stage's, NotationError or ShapeError if options do not fit.
    """
    layer, notes = _layer(options, recipe, shape[1:], kernels)
    layer, arrays = _with_arrays(layer, kernels, biases, parse_layout(options.layout))
    return graph_of(recipe.name, layer, shape, notes), arrays


def unfactored(options: RunOptions, kernel: Named, shape: Axes) -> Convolution:
    """The one convolution with the full kernel that a factored layer stands for, on an input of this whole shape."""
    layer, _ = _layer(options, recipe_named("standard"), shape[1:], [kernel])
    [(_, primitive)] = layer.stages
    whole = place(primitive, [shape]).primitive
    assert isinstance(whole, Correlate | TransposedCorrelate)
    return whole


def _fits(
    options: RunOptions, recipe: Recipe, input: Named, kernels: Sequence[Named], dims: int, layout: Layout
) -> bool:
    """Whether the arrays can be read as data of `dims` spatial axes: their axes, channels, groups and sizes agree."""
    try:
        x = full_input(input, dims, layout)
        planned(options, recipe, x.shape, full_kernels(recipe, kernels, x.shape[1], dims, layout), ())
    except ConvcalcError:
        return False
    return True


def _flipped(kernel: Named, dims: int) -> Named:
    """The kernel with its taps reversed, for a true convolution."""
    return replace(kernel, array=np.flip(kernel.array, tuple(range(-dims, 0))))


def _layer(options: RunOptions, recipe: Recipe, input: Axes, kernels: Sequence[Named]) -> tuple[Layer, tuple[str, ...]]:
    """The layer on an input (channels, *spatial) that the arrays and options describe, and notes."""
    groups = None if options.groups is None else whole_number(options.groups, "groups")
    shapes = [kernel.array.shape for kernel in kernels]
    layer_options = LayerOptions(
        input=input, stride=options.stride, padding=options.padding, dilation=options.dilation, groups=options.groups,
        output_padding=options.output_padding, output_size=options.output_size,
    )  # fmt: skip
    implied: dict[str, Any] = {**recipe.options_from_kernels(shapes, input[0], groups)}
    layer_options = replace(layer_options, **implied)
    layer, _, notes = layer_of(recipe.name, layer_options)
    return layer, notes


def _with_arrays(
    layer: Layer, kernels: Sequence[Named], biases: Sequence[Named], layout: Layout
) -> tuple[Layer, Arrays]:
    """The layer with a bias in every stage that is given one, and the kernel and bias of every stage that has weights.

    Raises DataError if a shape is not the stage's.
    """
    weighted = [name for name, primitive in layer.stages if isinstance(primitive, Correlate | TransposedCorrelate)]
    if len(biases) not in (0, 1, len(weighted)):
        raise DataError(f"{biases[0].name}: give one bias, for the last stage, or {len(weighted)}, got {len(biases)}")
    kernel_of = dict(zip(weighted, kernels, strict=True))
    bias_of = dict(zip(weighted[len(weighted) - len(biases) :], biases, strict=True))
    stages, arrays = [], {}
    for name, primitive in layer.stages:
        if isinstance(primitive, Correlate | TransposedCorrelate):
            kernel, bias = kernel_of[name], bias_of.get(name)
            array = None if bias is None else bias.array
            check_arrays(
                name, primitive, kernel.array, array, kernel.name, "" if bias is None else bias.name,
                given=kernel.given, layout=layout,
            )  # fmt: skip
            arrays[name] = (kernel.array,) if array is None else (kernel.array, array)
            primitive = primitive._replace(bias=array is not None)
        stages.append((name, primitive))
    return layer._replace(stages=tuple(stages)), arrays
