"""The arrays that a network runs with: which a layer takes, and random ones that keep deep networks finite."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt
from typing import TypeAlias

import numpy as np

from convcalc.graph.graph import Network, Node
from convcalc.graph.primitives import Constant, Convolve, Linear, Normalize, Operator, WithConstant, parameter_shapes
from convcalc.graph.stages import Axes, TransposedCorrelate

Arrays: TypeAlias = Mapping[str, tuple[np.ndarray, ...]]
"""By layer name, in the order of `array_shapes`."""

SMALL = 0.1
"""How far biases and means lie from 0, and scales from 1."""


def array_shapes(node: Node) -> tuple[tuple[str, Axes], ...]:
    """All arrays of a layer as (role, shape): what it learns, then batch_norm's statistics or a constant."""
    learned = parameter_shapes(node.operator)
    match node.operator:
        case Normalize(kind="batch_norm"):
            channels = (node.shape or (1, 1))[1:2]
            return (*learned, ("mean", channels), ("variance", channels))
        case Constant(learned=False) | WithConstant(learned=False):
            return (*learned, ("constant", node.operator.shape))
        case _:
            return learned


def drawn_arrays(network: Network, seed: int = 0, dtype: np.dtype | None = None) -> dict[str, tuple[np.ndarray, ...]]:
    """Random arrays for every layer, the same for the same seed.

    Weights are uniform with variance 2 / fan-in, so that values keep their size from layer to layer.
    Source: He et al. 2015, section 2.2.
    """
    random = np.random.default_rng(seed)
    return {
        node.name: tuple(
            _drawn(random, role.rpartition("/")[2], shape, node.operator, dtype or np.dtype(np.float32))
            for role, shape in shapes
        )
        for node in network.nodes
        if (shapes := array_shapes(node))
    }


def drawn_input(shape: Axes, seed: int = 0, dtype: np.dtype | None = None) -> np.ndarray:
    """Random data of mean 0 and variance 1, about."""
    values: np.ndarray = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return values.astype(dtype or np.float32, copy=False)


def _drawn(random: np.random.Generator, role: str, shape: Axes, operator: Operator, dtype: np.dtype) -> np.ndarray:
    width = SMALL
    if role == "weight" and isinstance(operator, Convolve | Linear):
        width = sqrt(6 / _fan_in(operator, shape))  # a uniform variable's variance is width^2 / 3
    values = random.random(shape, np.float32)
    values -= 0.5
    values *= 2 * width
    if role in ("variance", "constant") or (role == "weight" and not isinstance(operator, Convolve | Linear)):
        values += 1
    return values.astype(dtype, copy=False)


def _fan_in(operator: Convolve | Linear, shape: Axes) -> float:
    """Products in the sum of one output."""
    if isinstance(operator, Convolve):
        for _, stage in operator.chain.stages():
            if isinstance(stage, TransposedCorrelate) and stage.weight_shape == shape:
                return max(1, shape[0] / stage.groups * prod(shape[2:]) / prod(stage.stride))
    return prod(shape[1:])
