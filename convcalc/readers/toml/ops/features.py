"""Linear layers, and reshapes to other features or maps."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convcalc.errors import NotationError, ShapeError
from convcalc.graph import primitives
from convcalc.graph.shapes import shown
from convcalc.notation import Axes, parse_size, show_size, whole_number
from convcalc.readers.toml.keys import needed, truth
from convcalc.readers.toml.ops.op import Keys, Lowered, filters_of


def linear(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """Every feature times a weight, summed per output; a map is flattened first."""
    [shape], filters = shapes, filters_of(keys)
    if filters is None:
        raise NotationError("filters: must be given, the number of output features")
    outputs, bias = whole_number(filters, "filters"), truth(keys, "bias", False)
    return [("", primitives.Linear(prod(shape[1:]), outputs, bias, flatten=len(shape) > 2))]


def flatten(_op: str, _keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """All elements as features."""
    return [("", primitives.Reshape((shapes[0][0], prod(shapes[0][1:]))))]


def reshape(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """The same elements as (channels, *spatial) of `size`."""
    size = parse_size(needed(keys, "size"), "size")
    if prod(size) != prod(shapes[0][1:]):
        raise ShapeError(f"size: must keep the elements, got {show_size(size)} of {shown(shapes[0])}")
    return [("", primitives.Reshape((shapes[0][0], *size)))]
