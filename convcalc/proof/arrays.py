"""The arrays that a graph runs with: which ones a node takes, and random ones that keep deep networks finite."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import prod, sqrt
from typing import TypeAlias

import numpy as np

from convcalc.errors import DataError
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import (
    Constant,
    Correlate,
    Linear,
    Normalize,
    Primitive,
    TransposedCorrelate,
    WithConstant,
    parameter_shapes,
)
from convcalc.notation import Axes
from convcalc.storage.memory import check_memory

Arrays: TypeAlias = Mapping[str, tuple[np.ndarray, ...]]
"""By node name, in the order of `array_shapes`."""

SMALL = 0.1
"""Largest distance of random biases and means from 0, and of scales from 1."""


def array_shapes(node: Node) -> tuple[tuple[str, Axes], ...]:
    """All arrays of a node as (role, shape): learned ones, then batch_norm's statistics or a constant."""
    learned, primitive = parameter_shapes(node.primitive), node.primitive
    if isinstance(primitive, Normalize) and primitive.kind == "batch_norm":
        channels = (node.shape or (1, 1))[1:2]
        return (*learned, ("mean", channels), ("variance", channels))
    if isinstance(primitive, Constant | WithConstant) and not primitive.learned:
        return (*learned, ("constant", primitive.shape))
    return learned


def drawn_arrays(
    graph: Graph, seed: int = 0, dtype: np.dtype | None = None, without: Collection[str] = ()
) -> dict[str, tuple[np.ndarray, ...]]:
    """Random arrays for every node but those in `without`, the same for the same seed.

    Weights are uniform with variance 2 / fan-in, so that values keep their size from layer to layer.
    Raises DataError if they do not fit in memory.
    Source: He et al. 2015, section 2.2.
    """
    random, dtype = np.random.default_rng(seed), dtype or np.dtype(np.float32)
    wanted = [(node, shapes) for node in graph.nodes if node.name not in without and (shapes := array_shapes(node))]
    values = sum(prod(shape) for _, shapes in wanted for _, shape in shapes)
    check_memory(values * dtype.itemsize, "the weights", "free memory or use a smaller network")
    return {
        node.name: tuple([_drawn(random, role, shape, node.primitive, dtype) for role, shape in shapes])
        for node, shapes in wanted
    }


def drawn_input(shape: Axes, seed: int = 0, dtype: np.dtype | None = None) -> np.ndarray:
    """Random data of mean 0 and variance 1. Raises DataError if it does not fit in memory."""
    check_memory(4 * prod(shape), "the input")
    values: np.ndarray = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return values.astype(dtype or np.float32, copy=False)


def held(x: np.ndarray, name: str, dtype: np.dtype | None) -> np.ndarray:
    """The data as an input of this dtype holds it, in its own dtype. Raises DataError if integers cannot hold it."""
    if dtype is None:
        return x
    with np.errstate(all="ignore"):
        rounded: np.ndarray = x.astype(dtype).astype(x.dtype)
    if dtype.kind in "biu" and not np.array_equal(rounded, x):
        wrong = x[rounded != x].flat[0]
        raise DataError(f"{name}: the network's input is {dtype}, got {wrong:g} in it; give numbers that {dtype} has")
    return rounded


def drawn_for(shape: Axes, seed: int, dtype: np.dtype | None) -> np.ndarray:
    """Random data in float32 for an input of this dtype; integers are small ones if they may be indices."""
    if dtype is None or dtype.kind not in "biu":
        return drawn_input(shape, seed)
    check_memory(8 * prod(shape), "the input")
    low, high = (0, 2) if dtype.kind == "b" else (0, 10)
    if dtype.itemsize == 1 and dtype.kind != "b":
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max) + 1
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.float32)


def _drawn(random: np.random.Generator, role: str, shape: Axes, primitive: Primitive, dtype: np.dtype) -> np.ndarray:
    summed = role == "weight" and isinstance(primitive, Correlate | TransposedCorrelate | Linear)
    width = sqrt(6 / _fan_in(primitive, shape)) if summed else SMALL  # a uniform variable's variance is width^2 / 3
    values = random.random(shape, np.float32)
    values -= 0.5
    values *= 2 * width
    if role in ("weight", "variance", "constant") and not summed:
        values += 1
    return values.astype(dtype, copy=False)


def _fan_in(primitive: Primitive, shape: Axes) -> float:
    """Products in the sum of one output; of a transposed convolution, on average over its outputs."""
    if isinstance(primitive, TransposedCorrelate):
        return max(1, shape[0] / primitive.groups * prod(shape[2:]) / prod(primitive.stride))
    return prod(shape[1:])
