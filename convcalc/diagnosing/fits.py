"""Mistakes whose numbers y itself tells: a bias that was not given, a scale per channel or for all, channels moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod

import numpy as np

from convcalc.diagnosing.evaluate import columns, whole
from convcalc.diagnosing.reading import Reading
from convcalc.diagnosing.setup import Finish, Setup, output_shape
from convcalc.diagnosing.target import Target
from convcalc.notation import Axes

MAX_SHOWN = 16
"""Numbers that a fix writes out; with more, it says how they are computed."""


def fits(setup: Setup, target: Target, values: np.ndarray) -> Iterator[Reading]:
    """Readings with numbers by which this setup, whose first sample has these values, may give y.

    They are worth confirming, no more: the first sample, a few outputs in a few channels, does not speak against them.
    """
    shape = output_shape(setup)
    if shape is None or setup.views or shape != target.shape or np.iscomplexobj(values) or np.iscomplexobj(target.y):
        return
    wanted, channels = target.y[target.first.places], np.unravel_index(target.first.places, shape)[1]
    if not (np.isfinite(values).all() and np.isfinite(wanted).all()):
        return
    near = float(target.tolerance.max())
    rows = [(values[channels == c], wanted[channels == c]) for c in np.unique(channels)]
    likely = [kind for kind, test in _KINDS if test(rows, near)]
    likely += [_moves] if _is_moved(setup, target, shape, near) else []
    if likely:
        columns = np.moveaxis(whole(setup), 1, 0).reshape(shape[1], -1)
        theirs = np.moveaxis(target.y.reshape(shape), 1, 0).reshape(shape[1], -1)
        for kind in likely:
            yield from kind(setup, columns, theirs, near)


Rows = list[tuple[np.ndarray, np.ndarray]]


def _is_shift(rows: Rows, near: float) -> bool:
    """Whether every channel differs by a constant."""
    return _count(rows) > len(rows) and all(np.ptp(w - v) <= 2 * near for v, w in rows)


def _is_affine(rows: Rows, near: float) -> bool:
    """Whether every channel is a factor times ours plus a constant."""
    return _count(rows) > 2 * len(rows) and all(_straight(v, w, near) for v, w in rows)


def _count(rows: Rows) -> int:
    return sum(len(values) for values, _ in rows)


def _straight(values: np.ndarray, wanted: np.ndarray, near: float) -> bool:
    factor, constant = line(values, wanted)
    return bool(np.abs(factor * values + constant - wanted).max() <= 2 * near * max(1.0, abs(factor)) + 1e-12)


def _is_moved(setup: Setup, target: Target, shape: Axes, near: float) -> bool:
    """Whether a few positions have the same values as y in other channels."""
    if shape[1] < 2:
        return False
    sizes = (shape[0], *shape[2:])
    positions = np.stack(np.unravel_index(np.linspace(0, prod(sizes) - 1, 3).astype(int), sizes), axis=1)
    ours = columns(setup, len(setup.stages) - 1, positions)
    theirs = np.moveaxis(target.y.reshape(shape), 1, -1)[tuple(positions.T)]
    return bool(np.all(np.abs(np.sort(ours, axis=1) - np.sort(theirs, axis=1)) <= near))


def line(values: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """Factor and constant of the straight line through points, by least squares; the factor is 1 for a single point."""
    centred = values - values.mean()
    size = float(centred @ centred)
    factor = float(centred @ (wanted - wanted.mean())) / size if size > 0 else 1.0
    return factor, float(wanted.mean() - factor * values.mean())


def _shifts(setup: Setup, ours: np.ndarray, theirs: np.ndarray, near: float) -> Iterator[Reading]:
    added = (theirs - ours).mean(axis=1)
    if np.all(np.abs(added - np.round(added)) <= near + 1e-9):
        added = np.round(added)
    if np.ptp(added) <= 2 * near + 1e-12:
        constant = float(added.mean())
        yield _finished(
            "constant",
            f"{constant:.6g} is added to every output",
            partial(_affine, 1.0, constant),
            1,
            f"y = y - {constant!r}",
        )
    elif ours.shape[1] > 1:
        whole_bias = added.copy() if setup.stages[-1].bias is None else added + setup.stages[-1].bias
        if setup.stages[-1].gives is not None:  # biases are added before a shuffle
            whole_bias[setup.stages[-1].gives] = whole_bias.copy()
        exact = bool(np.all(whole_bias == np.round(whole_bias)))
        numbers = [int(a) if exact else float(f"{a:.8g}") for a in whole_bias]
        shown = f"b = np.array({numbers})" if len(added) <= MAX_SHOWN else ""
        given = setup.stages[-1].bias is not None
        text = "another bias is added" if given else "a bias is added that is not given here"
        yield _finished(
            "bias-other" if given else "bias-added",
            text,
            partial(_affine, 1.0, added),
            len(added),
            shown,
        )


def _lines(setup: Setup, ours: np.ndarray, theirs: np.ndarray, near: float) -> Iterator[Reading]:
    del setup, near
    factor = float(ours.ravel() @ theirs.ravel()) / max(float(ours.ravel() @ ours.ravel()), 1e-300)
    yield _finished(
        "factor",
        f"the outputs are {factor:.6g} times as large",
        partial(_affine, factor, 0.0),
        1,
        f"y = y / {factor!r}",
    )
    factor, constant = line(ours.ravel(), theirs.ravel())
    yield _finished(
        "factor-constant", f"the outputs are {factor:.6g} times as large plus {constant:.6g}",
        partial(_affine, factor, constant), 2, f"y = (y - {constant!r}) / {factor!r}",
    )  # fmt: skip
    count = len(ours)
    if count > 1 and ours.shape[1] > 2:
        factors = (ours * theirs).sum(axis=1) / np.maximum((ours * ours).sum(axis=1), 1e-300)
        text = f"every channel has a factor of its own, {_few(factors)}"
        yield _finished("factor-channel", text, partial(_affine, factors, 0.0), count)
        both = np.array([line(o, t) for o, t in zip(ours, theirs, strict=True)])
        text = f"every channel is scaled and shifted (a normalization that is not folded in?), by {_few(both[:, 0])}"
        yield _finished("normalized", text, partial(_affine, both[:, 0], both[:, 1]), 2 * count)


def _moves(setup: Setup, ours: np.ndarray, theirs: np.ndarray, near: float) -> Iterator[Reading]:
    """The order of channels in which ours are theirs, matched by their values."""
    count = len(ours)
    sums = ours @ np.linspace(1, 2, ours.shape[1]), theirs @ np.linspace(1, 2, ours.shape[1])
    order = np.empty(count, int)
    order[np.argsort(sums[1])] = np.argsort(sums[0])
    if ours.shape[1] > 1 and not np.array_equal(order, np.arange(count)) and np.abs(ours[order] - theirs).max() <= near:
        dims, first = setup.dims, setup.files.layout == "channels-first"
        back = np.argsort(order).tolist()
        fix = f"y = np.take(y, {back}, {-1 - dims if first else -1})" if count <= 4 * MAX_SHOWN else ""
        shown = ", ".join(map(str, order[:MAX_SHOWN]))
        text = f"the output's channels are in another order, {shown}{', ...' if count > MAX_SHOWN else ''}"

        def change(setup: Setup) -> Setup:
            last = setup.stages[-1]
            gives = (np.arange(last.filters) if last.gives is None else last.gives)[order]
            return setup._replace(stages=(*setup.stages[:-1], last._replace(gives=gives)))

        yield Reading("output-channels-moved", text, fix, change, "fit", unknowns=count)


_KINDS: tuple[tuple[Callable[..., Iterator[Reading]], Callable[[Rows, float], bool]], ...] = (
    (_shifts, _is_shift),
    (_lines, _is_affine),
)


def _finished(id: str, text: str, finish: Finish, unknowns: int, fix: str = "") -> Reading:
    def change(setup: Setup) -> Setup:
        last = setup.stages[-1]
        return setup._replace(stages=(*setup.stages[:-1], last._replace(after=(*last.after, finish))))

    return Reading(id, text, fix, change, "fit", unknowns=unknowns)


def _affine(factor: float | np.ndarray, constant: float | np.ndarray, values: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Values (outputs, N) times a factor plus a constant, each one for all or one per channel."""
    return values * factor + constant


def _few(numbers: np.ndarray) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers[:4]) + (", ..." if len(numbers) > 4 else "")
