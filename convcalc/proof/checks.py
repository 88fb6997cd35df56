"""Shapes, parameters and multiplications against reality, for a node, a layer and a whole graph alike.

Every measured value comes from execution, never from the formula that predicted it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine.counter import Counter
from convcalc.engine.primitive import run_primitive
from convcalc.errors import plural
from convcalc.graph.primitives import Convolution, windows
from convcalc.notation import Axes
from convcalc.proof.executed import Check, Convolved, Executed, convolved, equal

SHAPE = "the output array's shape"
SIZES = "the sizes of the arrays used"
COUNTED = "counted as the engine executed them"
BY_AXES = (
    "counted one axis at a time on one channel and multiplied up: "
    "this algorithm does not execute the definition's products"
)
COUNTED_PRODUCTS = 1 << 23
"""Products to execute along one axis; if it has more, they are counted at some positions."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers that are compared, for one node or several: predicted from formulas, or measured in a run.

    `shape` is the whole one of the last node, None if it is not known or was not reached. `by_axes` says that some
    multiplications had to be counted one axis at a time, and `sample` at how many positions of long axes, of how many.
    """

    shape: Axes | None
    parameters: int
    multiplications: int
    by_axes: bool = False
    sample: tuple[int, int] = (0, 0)


def measured(run: Executed) -> Numbers:
    """The numbers that one node's run showed."""
    convolution = convolved(run)
    if convolution is None or run.counter.as_defined:
        return Numbers(run.out.shape, run.parameters, run.counter.multiplications)
    counted, sample = counted_along_axes(convolution)
    return Numbers(run.out.shape, run.parameters, counted, by_axes=True, sample=sample)


def together(numbers: Iterable[Numbers], shape: Axes | None) -> Numbers:
    """The sum of several, with the shape of the last one."""
    each = tuple(numbers)
    return Numbers(
        shape,
        sum(one.parameters for one in each),
        sum(one.multiplications for one in each),
        any(one.by_axes for one in each),
        _summed(each),
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
    how = BY_AXES + _sample(measured.sample) if measured.by_axes else COUNTED
    return equal("multiplications", predicted, measured.multiplications, how, layer)


def check_total_multiplications(predicted: int, layers: Sequence[Numbers]) -> Check:
    """The multiplications of all layers of a network together, likewise."""
    how = COUNTED
    if others := sum(layer.by_axes for layer in layers):
        how += f"; in {plural(others, 'layer')} {BY_AXES}{_sample(_summed(layers))}"
    return equal("multiplications", predicted, sum(layer.multiplications for layer in layers), how)


def counted_along_axes(run: Convolved) -> tuple[int, tuple[int, int]]:
    """The multiplications of a convolution by its definition, executed one axis at a time, and the sample.

    Positions and taps of the axes are independent, so the products along each axis, with one channel, multiply up to
    those of the whole convolution. Along a long axis they are executed at the first, the middle and the last positions;
    the sample is how many these are and how many the axis has.
    """
    total: int = len(run.x) * run.weight.shape[0] * run.weight.shape[1]
    executed, of = 0, 0
    for axis, (size, outputs) in enumerate(zip(run.x.shape[2:], run.out.shape[2:], strict=True)):
        alone = run.along(axis)
        [window] = windows(alone)
        each = max(1, COUNTED_PRODUCTS // (3 * window.kernel))
        if outputs * window.kernel <= COUNTED_PRODUCTS or outputs < 3 * each:
            total *= _counted(alone, size)
            continue
        starts = (0, (outputs - each) // 2, outputs - each)
        total = total * sum(_counted(*_some(alone, window, size, start, each)) for start in starts) * outputs
        total //= 3 * each
        executed, of = executed + 3 * each, of + outputs
    return total, (executed, of)


def _counted(alone: Convolution, size: int) -> int:
    """The multiplications of a convolution along one axis, with one channel, as the engine executes them."""
    counter, kernel = Counter(), np.ones((1, 1, *alone.kernel), np.float32)
    run_primitive(alone, [np.ones((1, 1, size), np.float32)], [kernel], algorithm="direct", counter=counter)
    return counter.multiplications


def _some(alone: Convolution, window: Window, size: int, start: int, count: int) -> tuple[Convolution, int]:
    """The convolution at `count` of its positions: on the pixels under these, with the padding that they meet."""
    first, span = start * window.stride - window.before, (count - 1) * window.stride + window.extent
    before = min(max(0, -first), span - 1)  # one pixel at least, for an input must have some
    after = min(max(0, first + span - size), span - 1 - before)
    return alone._replace(padding=((before, after),)), span - before - after


def _summed(each: Iterable[Numbers]) -> tuple[int, int]:
    samples = [one.sample for one in each]
    return sum(executed for executed, _ in samples), sum(of for _, of in samples)


def _sample(sample: tuple[int, int]) -> str:
    executed, of = sample
    return f"; at {executed:,} of {of:,} positions of long axes, the first, middle and last ones" if of else ""


def _listed(shape: Sequence[int] | None) -> list[int] | None:
    return None if shape is None else [*shape]
