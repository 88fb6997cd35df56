"""Branches that come together, channels taken apart, and channels in another order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from convcalc.errors import NotationError, ShapeError
from convcalc.graph import primitives
from convcalc.graph.graph import MAX_LAYERS
from convcalc.graph.primitives import ShuffleChannels
from convcalc.notation import Axes, whole_number
from convcalc.readers.toml.keys import needed
from convcalc.readers.toml.ops.op import Keys, Lowered, check_same_axes


def merge(op: str, _keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """add, subtract, multiply or maximum of maps of one size.

    A map of one pixel is stretched over the others, and features over each channel's map.
    """
    maps = [shape for shape in shapes if len(shape) > 2]
    check_same_axes(maps)
    return [("", primitives.Merge(op, flat=bool(maps)))]


def concat(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """The inputs one after another along `axis`, where 0 is the channels."""
    axis, last = whole_number(keys.get("axis", 0), "axis", 0), len(shapes[0]) - 2
    if axis > last:
        raise ShapeError(f"axis: must be from 0, the channels, to {last}, got {axis}")
    return [("", primitives.Concat(1 + axis))]


def split(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """One primitive per part of the channels; other layers read them as NAME/1, NAME/2 and so on."""
    sizes = _part_sizes(keys, shapes[0][1])
    starts = accumulate(sizes, initial=0)
    return [
        (f"/{part}", primitives.Slice(1, first, size))
        for part, (first, size) in enumerate(zip(starts, sizes, strict=False), 1)
    ]


def _part_sizes(keys: Keys, channels: int) -> list[int]:
    if ("parts" in keys) == ("sizes" in keys):
        raise NotationError("parts: give either parts, how many equal ones, or sizes, a list of channels")
    if "parts" in keys:
        parts = whole_number(keys["parts"], "parts")
        if parts > MAX_LAYERS:
            raise ShapeError(f"parts: a network may have {MAX_LAYERS} layers, got {parts} parts")
        if channels % parts:
            raise ShapeError(f"parts: must divide the channels, got {parts} and {channels}")
        return [channels // parts] * parts
    given = keys["sizes"] if isinstance(keys["sizes"], list) else [keys["sizes"]]
    sizes = [whole_number(size, "sizes") for size in given]
    if sum(sizes) != channels:
        raise ShapeError(f"sizes: must sum up to the channels, got {sum(sizes)} and {channels}")
    return sizes


def shuffle(_op: str, keys: Keys, _shapes: Sequence[Axes]) -> Lowered:
    """The channels of `groups` groups in turn: the first of each, then the second of each."""
    return [("", ShuffleChannels(whole_number(needed(keys, "groups"), "groups")))]
