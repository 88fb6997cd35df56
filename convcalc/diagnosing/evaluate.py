"""The outputs of a setup at chosen places, or all of them, from the tables of what every output reads.

Shares nothing with the engine, whose result it confirms: values are gathered and multiplied, nothing more.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convcalc.diagnosing.setup import NOTHING, Axis, Setup, Stage, View, by_filter, output_shape, reads
from convcalc.notation import Axes

GATHERED = 1 << 21
"""Values gathered at once while all outputs are computed."""
EXACT = 1 << 53
"""Below this, whole numbers are exact in float64."""
KEPT = 1 << 26
"""Bytes of what was gathered for readings that are kept for the next ones."""


class Sample:
    """Some outputs of y, by their flat indices; what was gathered for them is kept for the next reading."""

    def __init__(self, places: np.ndarray, shape: Axes) -> None:
        self.places, self.shape = places, shape
        self.located: dict[tuple[Axes, tuple[View, ...]], Located] = {}
        self.gathered: dict[tuple[object, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}


class Located(NamedTuple):
    """Where outputs of a sample are: their filters, their different positions, and which of these each one has."""

    filters: np.ndarray
    positions: np.ndarray
    back: np.ndarray


def sampled(setup: Setup, sample: Sample) -> np.ndarray:
    """The outputs at the places of the sample. The setup's stored shape must be the sample's."""
    return np.asarray(_sampled(setup, sample))


def _sampled(setup: Setup, sample: Sample) -> Any:
    shape = output_shape(setup)
    assert shape is not None
    key = shape, setup.views
    if key not in sample.located:
        places = _places(setup, shape)[sample.places] if setup.views else sample.places
        sample.located[key] = located(places, shape)
    found = sample.located[key]
    last, number = setup.stages[-1], len(setup.stages) - 1
    if last.groups > 1 or last.transposed or last.gives is not None or last.after:
        return columns(setup, number, found.positions, sample)[found.back, found.filters]
    few, which = np.unique(found.filters, return_inverse=True)
    own = last._replace(weight=last.weight[few], bias=None if last.bias is None else last.bias[few])
    values = summed(own, gathered(setup, number, found.positions, sample))
    values = values if own.bias is None else values + own.bias
    return values[found.back, which.ravel()]


def located(places: np.ndarray, shape: Axes) -> Located:
    """The places, flat indices of outputs (batch, N, *positions), by filter and position."""
    at = np.stack(np.unravel_index(places, shape), axis=1)
    sizes = (shape[0], *shape[2:])
    flat, back = np.unique(np.ravel_multi_index(tuple(np.delete(at, 1, axis=1).T), sizes), return_inverse=True)
    return Located(at[:, 1], np.stack(np.unravel_index(flat, sizes), axis=1), back.ravel())


def whole(setup: Setup) -> np.ndarray:
    """All outputs as y's file would have them."""
    shape = output_shape(setup)
    assert shape is not None
    sizes, count = (shape[0], *shape[2:]), shape[0] * prod(shape[2:])
    last = setup.stages[-1]
    each = max(1, GATHERED // (prod(last.kernel) * last.channels))
    parts = []
    for start in range(0, count, each):
        flat = np.arange(start, min(count, start + each))
        parts.append(columns(setup, len(setup.stages) - 1, np.stack(np.unravel_index(flat, sizes), axis=1)))
    out = np.moveaxis(np.concatenate(parts).reshape(*sizes, shape[1]), -1, 1)
    for view in setup.views:
        out = view(out)
    return out


def columns(setup: Setup, number: int, positions: np.ndarray, sample: Sample | None = None) -> np.ndarray:
    """(positions, N): the values of a stage at positions (count, 1 + dims), batch first."""
    stage = setup.stages[number]
    values = summed(stage, gathered(setup, number, positions, sample))
    if stage.bias is not None:
        values = values + stage.bias
    if stage.gives is not None:
        values = values[:, stage.gives]
    for finish in stage.after:
        values = finish(values, positions)
    return values


def gathered(setup: Setup, number: int, positions: np.ndarray, sample: Sample | None = None) -> np.ndarray:
    """(positions, taps, channels): what a stage reads at these positions, zeros where there is nothing."""
    stage = setup.stages[number]
    if number == 0 and sample is not None:
        key = (id(setup.x), id(positions), stage.axes, stage.kernel)
        if key not in sample.gathered:
            if sum(found.nbytes for _, _, found in sample.gathered.values()) > KEPT:
                sample.gathered.clear()
            # x and positions are kept too, so that their ids stay theirs
            sample.gathered[key] = setup.x, positions, _gathered(setup, number, positions)
        found = sample.gathered[key][2]
    else:
        found = _gathered(setup, number, positions)
    return found if stage.reads is None else found[..., stage.reads]


def _gathered(setup: Setup, number: int, positions: np.ndarray) -> np.ndarray:
    stage = setup.stages[number]
    sizes, places = (setup.x.shape[0], *(axis.size for axis in stage.axes)), places_read(stage, positions)
    if number == 0:
        rows = np.moveaxis(setup.x, 1, -1)
        none = places < 0
        at = np.unravel_index(np.where(none, 0, places), sizes)
        found = rows[at]
        found[none] = 0
        return found
    needed, back = np.unique(places, return_inverse=True)
    inside = needed[needed >= 0]
    before = columns(setup, number - 1, np.stack(np.unravel_index(inside, sizes), axis=1), None)
    if len(inside) < len(needed):
        before = np.concatenate([np.zeros((len(needed) - len(inside), before.shape[1]), before.dtype), before])
    return before[back.reshape(places.shape)]


def places_read(stage: Stage, positions: np.ndarray) -> np.ndarray:
    """(positions, taps): the flat (batch, *spatial) place that each tap reads, NOTHING for none."""
    places, missing = positions[:, :1], np.zeros((len(positions), 1), bool)
    for number, (axis, kernel) in enumerate(zip(stage.axes, stage.kernel, strict=True)):
        table = _table(axis, kernel)[positions[:, 1 + number]]
        places = (places[:, :, np.newaxis] * axis.size + table[:, np.newaxis, :]).reshape(len(positions), -1)
        missing = (missing[:, :, np.newaxis] | (table == NOTHING)[:, np.newaxis, :]).reshape(len(positions), -1)
    return np.where(missing, NOTHING, places)


@lru_cache(maxsize=512)
def _table(axis: Axis, kernel: int) -> np.ndarray:
    return reads(axis, kernel)


def summed(stage: Stage, found: np.ndarray) -> np.ndarray:
    """(positions, N): the products of what was gathered with the weights, summed."""
    weight = by_filter(stage)
    groups, filters, channels = weight.shape[:3]
    left = found.reshape(len(found), -1, groups, channels).transpose(2, 0, 1, 3).reshape(groups, len(found), -1)
    right = np.moveaxis(weight.reshape(groups, filters, channels, -1), -1, 2).reshape(groups, filters, -1)
    products: np.ndarray = left @ right.swapaxes(1, 2)
    return products.swapaxes(0, 1).reshape(len(found), -1)


def _places(setup: Setup, shape: Axes) -> np.ndarray:
    places = np.arange(prod(shape)).reshape(shape)
    for view in setup.views:
        places = view(places)
    return places.ravel()


def computable(setup: Setup) -> Setup:
    """The setup in a dtype in which sums are exact or nearly so: float64, complex128, or int64 for large integers."""
    arrays = [setup.x, *(a for stage in setup.stages for a in (stage.weight, stage.bias) if a is not None)]
    kinds = {array.dtype.kind for array in arrays}
    dtype: type = np.complex128 if "c" in kinds else np.float64
    if kinds <= set("biu"):
        dtype = np.int64 if _bound(setup) >= EXACT else np.float64
    stages = tuple([
        stage._replace(
            weight=stage.weight.astype(dtype), bias=None if stage.bias is None else stage.bias.astype(dtype)
        )
        for stage in setup.stages
    ])  # fmt: skip
    return setup._replace(x=setup.x.astype(dtype), stages=stages)


def _bound(setup: Setup) -> float:
    """What no output of any stage is larger than."""
    bound = float(np.abs(setup.x.astype(np.float64)).max())
    for stage in setup.stages:
        sums = np.abs(by_filter(stage).astype(np.float64)).sum(axis=tuple(range(2, 3 + len(stage.kernel))))
        bound = bound * float(sums.max()) + (0.0 if stage.bias is None else float(np.abs(stage.bias).max()))
    return bound


def magnitudes(setup: Setup) -> Setup:
    """The setup whose outputs are the sums of the magnitudes of this one's terms, without finishing touches."""
    stages = tuple([
        stage._replace(
            weight=np.abs(stage.weight), bias=None if stage.bias is None else np.abs(stage.bias), after=()
        )
        for stage in setup.stages
    ])  # fmt: skip
    with np.errstate(all="ignore"):
        x = np.where(np.isfinite(setup.x), np.abs(setup.x), 0)
    return setup._replace(x=x, stages=stages)


def largest_sum(setup: Setup) -> float:
    """What the magnitudes of an output's terms do not sum up to more than; not a number only if the weights are not."""
    return _bound(magnitudes(setup))


def terms(setup: Setup) -> int:
    """Roundings that an output goes through at most: the terms of its sums, stage after stage."""
    return sum(prod(by_filter(stage).shape[2:]) + (stage.bias is not None) for stage in setup.stages)
