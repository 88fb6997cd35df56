"""Pools: with windows, over the whole map, and to a given size."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.graph import primitives
from convcalc.notation import Axes, parse_axes
from convcalc.readers.toml.keys import needed, truth
from convcalc.readers.toml.ops.op import Keys, Lowered, spatial_axes
from convcalc.recipes.pool import pool_stage


def pool(op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """max_pool or avg_pool, by PyTorch's rules."""
    options = {**keys, "ceil_mode": truth(keys, "ceil_mode", False)}
    if op == "avg_pool":
        options["count_include_pad"] = truth(keys, "count_include_pad", True)
    return [("", pool_stage(op.removesuffix("_pool"), options, len(spatial_axes(shapes[0]))))]


def global_pool(op: str, _keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """global_avg_pool or global_max_pool: one pixel per channel."""
    spatial = spatial_axes(shapes[0])
    kind = "mean" if op == "global_avg_pool" else "max"
    return [("", primitives.Reduce(kind, tuple(range(2, 2 + len(spatial)))))]


def adaptive_pool(op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """adaptive_avg_pool or adaptive_max_pool: `output_size` pixels per axis."""
    sizes = parse_axes(needed(keys, "output_size"), "output_size", len(spatial_axes(shapes[0])))
    return [("", primitives.AdaptivePool("avg" if op == "adaptive_avg_pool" else "max", sizes))]
