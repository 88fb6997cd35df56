"""Shapes, parameters and multiplications against reality, for a node, a layer and a whole graph alike.

Every measured value comes from execution, never from the formula that predicted it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from convcalc.engine.counter import Counter
from convcalc.engine.primitive import run_primitive
from convcalc.errors import plural
from convcalc.notation import Axes
from convcalc.proof.executed import Check, Convolved, Executed, convolved, equal

SHAPE = "the output array's shape"
SIZES = "the sizes of the arrays used"
COUNTED = "counted as the engine executed them"
BY_AXES = (
    "counted one axis at a time on one channel and multiplied up: "
    "this algorithm does not execute the definition's products"
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers that are compared, for one node or several: predicted from formulas, or measured in a run.

    `shape` is the whole one of the last node, None if it is not known or was not reached. `by_axes` says that some
    multiplications had to be counted one axis at a time.
    """

    shape: Axes | None
    parameters: int
    multiplications: int
    by_axes: bool = False


def measured(run: Executed) -> Numbers:
    """The numbers that one node's run showed."""
    convolution = convolved(run)
    counted = run.counter.multiplications if convolution is None else counted_multiplications(convolution)
    return Numbers(run.out.shape, run.parameters, counted, by_axes=not run.counter.as_defined)


def together(numbers: Iterable[Numbers], shape: Axes | None) -> Numbers:
    """The sum of several, with the shape of the last one."""
    each = tuple(numbers)
    return Numbers(
        shape,
        sum(one.parameters for one in each),
        sum(one.multiplications for one in each),
        any(one.by_axes for one in each),
    )


def check_shape(predicted: Axes | None, measured: Axes | None, layer: str = "") -> Check:
    """The predicted output shape against the array's; both are shown without a batch that they share."""
    if predicted is not None and measured is not None and predicted[:1] == measured[:1]:
        predicted, measured = predicted[1:], measured[1:]
    return equal("output_shape", _listed(predicted), _listed(measured), SHAPE, layer)


def check_parameters(predicted: int, measured: int, layer: str = "", how: str = SIZES) -> Check:
    """The predicted parameters against the sizes of the arrays that were multiplied and added."""
    return equal("parameters", predicted, measured, how, layer)


def check_multiplications(predicted: int, measured: Numbers, layer: str = "") -> Check:
    """The predicted multiplications of a layer against those that the engine counted as it executed them.

    If an algorithm does not execute the definition's products, the definition is executed one axis at a time.
    """
    how = BY_AXES if measured.by_axes else COUNTED
    return equal("multiplications", predicted, measured.multiplications, how, layer)


def check_total_multiplications(predicted: int, layers: Sequence[Numbers]) -> Check:
    """The multiplications of all layers of a network together, likewise."""
    how = COUNTED
    if others := sum(layer.by_axes for layer in layers):
        how += f"; in {plural(others, 'layer')} {BY_AXES}"
    return equal("multiplications", predicted, sum(layer.multiplications for layer in layers), how)


def counted_multiplications(run: Convolved) -> int:
    """The multiplications of a convolution by its definition: as executed, or else executed one axis at a time.

    Positions and taps of the axes are independent, so the products along each axis, with one channel, multiply up to
    those of the whole convolution.
    """
    if run.counter.as_defined:
        return run.counter.multiplications
    total: int = len(run.x) * run.weight.shape[0] * run.weight.shape[1]
    for axis, size in enumerate(run.x.shape[2:]):
        alone, counter = run.along(axis), Counter()
        ones = np.ones((1, 1, *alone.kernel), np.float32)
        run_primitive(alone, [np.ones((1, 1, size), np.float32)], [ones], algorithm="direct", counter=counter)
        total *= counter.multiplications
    return total


def _listed(shape: Sequence[int] | None) -> list[int] | None:
    return None if shape is None else [*shape]
