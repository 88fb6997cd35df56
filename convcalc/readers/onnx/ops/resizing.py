"""Resize and Upsample."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

import numpy as np

from convcalc.axis import sampling
from convcalc.graph import primitives
from convcalc.notation import Axes
from convcalc.readers.onnx.errors import MalformedError, UnsupportedError
from convcalc.readers.onnx.layers import Value
from convcalc.readers.onnx.names import row_name
from convcalc.readers.onnx.ops.node import NodeContext
from convcalc.readers.onnx.shape_rules import all_from_front

MODES = ("nearest", "linear", "cubic")
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize(node: NodeContext) -> list[Value]:
    data, attributes = node.layer(0), node.attributes
    shape = node.shape(data)
    mode, coordinates, rounding = method_of(node)
    given = attributes.integers("axes")
    axes = all_from_front(range(len(shape)) if given is None else given, len(shape))
    factors: dict[int, Fraction] = {}
    sizes = None if is_old(node) else node.integers(3, "sizes")
    if sizes:
        before = [shape[axis] for axis in axes]
        sizes = keeping_ratio(attributes.text("keep_aspect_ratio_policy", "stretch"), sizes, before)
    else:
        sizes, factors = from_scales(node, shape, axes)
    if len(sizes) != len(axes) or min(sizes) < 1:
        raise MalformedError(f"its sizes must be {len(axes)} positive numbers, got {sizes}")
    output = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        output[axis] = size
    changed = next((axis for axis in range(len(shape)) if output[axis] != shape[axis]), len(shape) - 1)
    resized = range(min(changed, 2), len(shape))  # the spatial axes, and others only if they change
    primitive = primitives.Resize(
        tuple(output[axis] for axis in resized),
        mode,
        coordinates,
        rounding if mode == "nearest" else "floor",
        tuple(factors.get(axis, Fraction(output[axis], shape[axis])) for axis in resized) if factors else (),
        attributes.number("cubic_coeff_a", -0.75),
        attributes.flag("exclude_outside") and mode != "nearest",
    )
    return [node.add(row_name(node.op), primitive, [data])]


def is_old(node: NodeContext) -> bool:
    """Whether the node is an Upsample or a Resize before opset 11, which have no regions, sizes or coordinates."""
    return node.op == "Upsample" or node.opset < 11


def method_of(node: NodeContext) -> tuple[str, str, str]:
    """The interpolation, the kind of coordinates, and the rounding of a nearest neighbour."""
    attributes, old = node.attributes, is_old(node)
    mode = attributes.text("mode", "nearest")
    mode = "linear" if mode == "bilinear" else mode
    coordinates = "asymmetric" if old else attributes.text("coordinate_transformation_mode", "half_pixel")
    rounding = "floor" if old else attributes.text("nearest_mode", "round_prefer_floor")
    if coordinates == "tf_crop_and_resize":
        raise UnsupportedError("it crops by a region of interest")
    if attributes.flag("antialias"):
        raise UnsupportedError("it smooths before it shrinks (antialias)")
    if mode not in MODES or coordinates not in sampling.KINDS or rounding not in ROUNDINGS:
        raise MalformedError(f"its mode must be one of ONNX's, got {mode}, {coordinates}, {rounding}")
    return mode, coordinates, rounding


def from_scales(node: NodeContext, shape: Axes, axes: Axes) -> tuple[Axes, dict[int, Fraction]]:
    """The sizes that scales give, and by axis those scales whose product is not a whole number."""
    scales = scales_of(node)
    if len(scales) != len(axes):
        raise MalformedError(f"its scales must be {len(axes)} numbers, got {len(scales)}")
    # in float32, as runtimes compute it: 0.1 times 10 is 1
    sizes = tuple(floor(np.float32(n) * np.float32(shape[axis])) for n, axis in zip(scales, axes, strict=True))
    exact = {axis: Fraction(str(np.float32(n))) for n, axis in zip(scales, axes, strict=True)}
    return sizes, {axis: n for axis, n in exact.items() if n * shape[axis] != floor(n * shape[axis])}


def scales_of(node: NodeContext) -> tuple[float, ...]:
    stated = node.attributes.numbers("scales")
    if stated is not None:
        return stated
    if node.op == "Upsample" and "height_scale" in node.attributes:
        return (1.0, 1.0, node.attributes.number("height_scale", 1.0), node.attributes.number("width_scale", 1.0))
    array = node.constant(1 if is_old(node) else 2, "scales").small_values()
    if array is None:
        raise UnsupportedError("its scales cannot be read")
    scales = tuple(float(n) for n in array.reshape(-1))
    if not all(0 < n < 2**31 for n in scales):
        raise MalformedError(f"its scales must be positive, got {scales}")
    return scales


def keeping_ratio(policy: str, sizes: Sequence[int], before: Sequence[int]) -> tuple[int, ...]:
    """The sizes with one scale for all axes: the smallest or the largest scale of `sizes`."""
    if policy == "stretch" or len(sizes) != len(before):
        return tuple(sizes)
    ratios = [size / have for size, have in zip(sizes, before, strict=True)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return tuple(floor(scale * have + 0.5) for have in before)
