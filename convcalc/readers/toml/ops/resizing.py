"""Maps of another size: upsampled, padded or cropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

from convcalc.errors import NotationError, ShapeError, quoted
from convcalc.graph import primitives
from convcalc.graph.graph import Layer
from convcalc.graph.shapes import shown
from convcalc.notation import Axes, parse_axes, parse_padding, show_axes, whole_number
from convcalc.readers.toml.keys import finite_number, needed, truth
from convcalc.readers.toml.ops.op import Keys, Lowered, check_same_axes, spatial_axes

FACTORS = ("factor", "scale", "scale_factor")
"""The names of an upsampling factor; a layer takes one of them."""
MAX_FACTOR = 10**6
UPSAMPLE_MODES = {
    "nearest": "nearest",
    "linear": "linear",
    "bilinear": "linear",
    "trilinear": "linear",
    "cubic": "cubic",
    "bicubic": "cubic",
}
PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""PyTorch's padding modes by NumPy's names."""


def upsample(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """The map resized by a factor, to a size, or to the size of a second input."""
    spatial = spatial_axes(shapes[0])
    check_same_axes(shapes)
    factor = [name for name in FACTORS if name in keys]
    ways = [*factor, *(["size"] if "size" in keys else [])] + (["from"] if len(shapes) > 1 else [])
    if len(ways) != 1:
        raise NotationError(
            "factor: give one of factor, size, or a second layer in from whose size to take, "
            f"got {' and '.join(ways) or 'none'}"
        )
    scales: tuple[Fraction, ...] = ()
    if factor:
        factors = _factors(keys[factor[0]], factor[0], len(spatial))
        sizes = tuple(floor(n * each) for n, each in zip(spatial, factors, strict=True))
        if min(sizes) < 1:
            received = f"{show_axes(factors)} of {shown(shapes[0])}"
            raise ShapeError(f"{factor[0]}: must leave at least one pixel per axis, got {received}")
        if any(isinstance(each, float) for each in factors):
            scales = tuple(Fraction(str(each)) for each in factors)
    elif ways == ["size"]:
        sizes = parse_axes(keys["size"], "size", len(spatial))
    else:
        sizes = spatial_axes(shapes[1])
    mode = _mode(keys, "nearest", UPSAMPLE_MODES)
    corners = truth(keys, "align_corners", False)
    if corners and mode == "nearest":
        raise NotationError(
            "align_corners: is for the modes linear and cubic, got nearest; leave it out or give a mode"
        )
    coordinates = "asymmetric" if mode == "nearest" else "align_corners" if corners else "half_pixel"
    return [("", primitives.Resize(sizes, mode, coordinates, scales=scales))]


def _factors(value: Any, name: str, dims: int) -> tuple[int | float, ...]:
    """One factor per axis, which may be a fraction. Source: PyTorch, torch.nn.Upsample, scale_factor."""
    given = value if isinstance(value, list) else [value]
    if not any(isinstance(each, float) for each in given):
        return parse_axes(value, name, dims)
    factors = [int(each) if each.is_integer() else each for each in (finite_number(each, name) for each in given)]
    if len(factors) not in (1, dims) or not all(0 < factor < MAX_FACTOR for factor in factors):
        raise NotationError(
            f"{name}: takes one number for all axes or {dims}, above 0 and below {MAX_FACTOR}, got {quoted(value)}"
        )
    return tuple(factors) * (dims if len(factors) == 1 else 1)


def pad(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """Pixels added on each side of the map."""
    pairs = _pairs(needed(keys, "padding"), len(spatial_axes(shapes[0])))
    return [("", primitives.Pad(((0, 0), (0, 0), *pairs), _mode(keys, "zeros", PAD_MODES)))]


def crop(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """The map without `padding` pixels on each side, or its middle of a second input's size."""
    spatial = spatial_axes(shapes[0])
    check_same_axes(shapes)
    if (len(shapes) > 1) == ("padding" in keys):
        raise NotationError("from: give a second layer whose size to take, or padding, what to cut off on each side")
    if "padding" in keys:
        pairs = _pairs(keys["padding"], len(spatial))
        for size, (before, after) in zip(spatial, pairs, strict=True):
            if before + after >= size:
                raise ShapeError(
                    f"padding: what is cut off must leave at least one pixel, got {before} + {after} of {size}"
                )
    else:
        excess = [have - want for have, want in zip(spatial, spatial_axes(shapes[1]), strict=True)]
        if min(excess) < 0:
            raise ShapeError(f"cannot crop {shown(shapes[0])} to the larger {shown(shapes[1])}; exchange the two")
        pairs = tuple((each // 2, each - each // 2) for each in excess)
    return [("", primitives.Pad(((0, 0), (0, 0), *((-before, -after) for before, after in pairs))))]


def pixel_shuffle(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """factor^2 channels become a block of factor x factor pixels. Source: PyTorch, torch.nn.PixelShuffle."""
    batch, channels, height, width, factor = _map_and_factor(keys, shapes[0])
    if channels % factor**2:
        raise ShapeError(
            f"channels must divide by factor^2, got {channels} and {factor}; "
            f"write 1x1:f{channels * factor**2} before it"
        )
    apart, joined = (batch, channels // factor**2, factor, factor, height, width), channels // factor**2
    return _rearranged(apart, (0, 1, 4, 2, 5, 3), (batch, joined, height * factor, width * factor))


def pixel_unshuffle(_op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """Blocks of factor x factor pixels become channels. Source: PyTorch, torch.nn.PixelUnshuffle."""
    batch, channels, height, width, factor = _map_and_factor(keys, shapes[0])
    if height % factor or width % factor:
        raise ShapeError(f"height and width must divide by factor, got {shown(shapes[0])} and {factor}; pad it before")
    apart = (batch, channels, height // factor, factor, width // factor, factor)
    return _rearranged(apart, (0, 1, 3, 5, 2, 4), (batch, channels * factor**2, height // factor, width // factor))


def _map_and_factor(keys: Keys, shape: Axes) -> tuple[int, int, int, int, int]:
    if len(shape) != 4:
        raise ShapeError(f"takes channels and 2 spatial axes, got {shown(shape)}")
    return shape[0], shape[1], shape[2], shape[3], whole_number(needed(keys, "factor"), "factor")


def _rearranged(apart: Axes, order: Axes, joined: Axes) -> Lowered:
    stages = ("apart", primitives.Reshape(apart)), ("transposed", primitives.Transpose(order))
    return [("", Layer((*stages, ("joined", primitives.Reshape(joined)))))]


def _pairs(value: Any, dims: int) -> tuple[tuple[int, int], ...]:
    pairs = parse_padding(value, dims)
    if isinstance(pairs, str):
        raise NotationError(f"padding: must be numbers here, got {quoted(pairs)}")
    return pairs


def _mode(keys: Keys, default: str, modes: Mapping[str, str]) -> str:
    mode = keys.get("mode", default)
    if not isinstance(mode, str) or mode not in modes:
        raise NotationError(f"mode: must be one of {', '.join(modes)}, got {quoted(mode)}")
    return modes[mode]
