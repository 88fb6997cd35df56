"""The meaning of the arrays' axes: full and short forms of inputs and kernels, in either layout.

Everything is brought to (batch, channels, *spatial) and to the kernel layout of the stage; `restored` gives the
result the form that the input had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from convcalc.engine.ops.convolution import kernel_order
from convcalc.errors import DataError, plural
from convcalc.graph.primitives import Convolution, Correlate, TransposedCorrelate
from convcalc.notation import Axes, Layout, show_size
from convcalc.recipes.options import LayerOptions, layer_graph
from convcalc.recipes.recipe import Recipe

DIMS_OF_KERNEL = {5: 3, 4: 2, 2: 2, 1: 1}
"""Spatial axes that a kernel's axes stand for; three axes can be read in several ways."""


@dataclass(frozen=True, slots=True)
class Named:
    """An array and the name to call it by in messages: its file. `given` is its shape there, if that is another."""

    name: str
    array: np.ndarray
    given: Axes | None = None


def spatial_axes(input: Named, kernels: Sequence[Named], fits: Callable[[int], bool]) -> int:
    """The number of spatial axes of the data, from the kernel with the most axes.

    `fits` says whether all arrays can be read with that number of spatial axes. Raises DataError, listing the readings,
    if a kernel of three axes fits in more than one way or in none.
    """
    kernel = max(kernels, key=lambda kernel: kernel.array.ndim)
    ndim = kernel.array.ndim
    if ndim in DIMS_OF_KERNEL:
        return DIMS_OF_KERNEL[ndim]
    if ndim != 3:
        raise DataError(f"{kernel.name}: a kernel has 1 to 5 axes, got shape {kernel.array.shape}")
    readings = {1: "kernels of a 1-D layer", 2: "one 2-D filter over all channels", 3: "a single 3-D filter"}
    fitting = [dims for dims in readings if fits(dims)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"--dims {dims} for {readings[dims]}" for dims in fitting or readings)
    raise DataError(
        f"{kernel.name}: its shape must be readable in one way, got {kernel.array.shape} on an input of shape "
        f"{input.array.shape}, which fits {len(fitting) or 'none'} of the readings; use {listed}"
    )


def full_input(input: Named, dims: int, layout: Layout) -> np.ndarray:
    """The input as (batch, channels, *spatial), a view. Raises DataError for another number of axes."""
    x = input.array
    form = x.ndim - dims
    if form not in (0, 1, 2):
        raise DataError(
            f"{input.name}: {dims}-D data has {dims} axes, {dims + 1} with channels or {dims + 2} with a batch, "
            f"got shape {x.shape}; give the number of spatial axes with --dims"
        )
    if form and layout == "channels-last":
        x = np.moveaxis(x, -1, form - 1)
    return x[(np.newaxis,) * (2 - form)]


def restored(out: np.ndarray, input: Named, dims: int, layout: Layout) -> np.ndarray:
    """The result with the same axes as the input; a channel axis is added only if there are several filters."""
    form = input.array.ndim - dims
    result = out if form == 2 else out.reshape(out.shape[1:])
    if form == 0 and out.shape[1] == 1:
        return out.reshape(out.shape[2:])
    return np.moveaxis(result, 1 if form == 2 else 0, -1) if layout == "channels-last" else result


def full_kernels(recipe: Recipe, kernels: Sequence[Named], channels: int, dims: int, layout: Layout) -> list[Named]:
    """The kernels in their stages' layouts, (N, C/groups, *k) or transposed (C, N/groups, *k).

    A kernel of `dims` axes is a single filter, one with a channel axis is one filter over all channels. In a depthwise
    stage these mean one filter shared by all channels, and one filter per channel.
    Raises DataError if the number of kernels or of axes is not that of the type's stages.
    """
    names, stages = kernel_stages(recipe, dims)
    if len(kernels) != len(stages):
        raise DataError(
            f"{kernels[0].name}: {recipe.name} takes {plural(len(stages), 'kernel')} "
            f"({', '.join(names)}), got {len(kernels)}; give them in this order"
        )
    full = []
    for name, kernel, stage in zip(names, kernels, stages, strict=True):
        array = _full_kernel(kernel, stage, channels, dims, layout)
        if _is_depthwise(stage) and array.shape[0] % channels:
            form = "(N, 1, *k)" if layout == "channels-first" else "(*k, C, M) or (*k, 1, N)"
            fitting = kernel_order((channels, 1, *array.shape[2:]), layout)
            if layout == "channels-last" and kernel.array.shape[-2] > 1:
                fitting = (*array.shape[2:], channels, kernel.array.shape[-1])
            raise DataError(
                f"{kernel.name}: the {name} stage takes a kernel {form}, N a multiple of the channels, "
                f"got shape {kernel.array.shape} on {channels} channels; use a kernel of shape {fitting}"
            )
        channels = array.shape[0]
        full.append(Named(kernel.name, array, kernel.array.shape))
    return full


def order_questions(recipe: Recipe, kernels: Sequence[Named], dims: int, layout: Layout) -> tuple[str, ...]:
    """A note for every kernel that would be a square one on as many channels if its axes were in the other layout."""
    notes = []
    for kernel, stage in zip(kernels, kernel_stages(recipe, dims)[1], strict=False):
        shape = kernel.array.shape
        if len(shape) != dims + 2 or _is_depthwise(stage):
            continue
        own = isinstance(stage, Correlate)
        first = shape[2:], shape[1 if own else 0]
        last = shape[:-2], shape[-2 if own else -1]
        (read, channels), (other, same) = (first, last) if layout == "channels-first" else (last, first)
        if channels == same and len(set(read)) > 1 and len(set(other)) == 1:
            ends = "(-1, -2), (0, 1)" if layout == "channels-first" else "(0, 1), (-1, -2)"
            notes.append(
                f"{kernel.name} was read as kernels of {show_size(read)}; "
                f"if they are {show_size(other)}, give np.moveaxis(k, {ends}) of it"
            )
    return tuple(notes)


def kernel_stages(recipe: Recipe, dims: int) -> tuple[list[str], list[Convolution]]:
    """The stages of a type that have kernels, and their names, found by lowering a dummy layer."""
    graph = layer_graph(recipe.name, LayerOptions(input=(4, *(9,) * dims)))
    found = [(n.stage, n.primitive) for n in graph.nodes if isinstance(n.primitive, Correlate | TransposedCorrelate)]
    return [name for name, _ in found], [primitive for _, primitive in found]


def _is_depthwise(stage: Convolution) -> bool:
    return isinstance(stage, Correlate) and stage.groups == stage.in_channels > 1


def _full_kernel(kernel: Named, stage: Convolution, channels: int, dims: int, layout: Layout) -> np.ndarray:
    array = kernel.array
    form = array.ndim - dims
    if form not in (0, 1, 2):
        raise DataError(
            f"{kernel.name}: a {dims}-D kernel has {dims} to {dims + 2} axes, got shape {array.shape}; "
            "give the number of spatial axes with --dims"
        )
    if layout == "channels-last":
        if form == 2 and _is_depthwise(stage) and array.shape[-2] == channels > 1:  # TensorFlow's (*k, C, M)
            by_channel = np.moveaxis(array, (-2, -1), (0, 1))
            array = by_channel.reshape(-1, 1, *by_channel.shape[2:])
        elif form == 2:  # (*k, C/groups, N)
            array = np.moveaxis(array, (-1, -2), (0, 1))
        elif form == 1:  # (*k, C)
            array = np.moveaxis(array, -1, 0)
    if form == 2:
        return array
    if _is_depthwise(stage):
        each = array if form == 1 else np.broadcast_to(array, (channels, *array.shape))
        return each[:, np.newaxis]
    one_filter = array if form == 1 else array[np.newaxis]
    return one_filter[:, np.newaxis] if isinstance(stage, TransposedCorrelate) else one_filter[np.newaxis]
