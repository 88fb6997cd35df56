"""The kernel that made y, by least squares: whatever the mistake, if it is linear and the same at every position."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from convcalc.axis.window import Window
from convcalc.diagnosing.evaluate import gathered
from convcalc.diagnosing.reading import Reading, option_fix
from convcalc.diagnosing.search import Found
from convcalc.diagnosing.setup import Setup, Stage, by_filter, output_shape, stage_shape
from convcalc.diagnosing.target import Target, confirmed
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.notation import Axes

MARGINS = (2, 1, 0)
"""Taps on every side of the kernel that are looked for too."""
MAX_UNKNOWNS = 800
"""Unknowns of one filter that are solved for."""
MAX_GROUPS = 64
SPARE = 1.15
"""Positions per unknown: fewer would find a kernel for any y."""
MAX_CHANGED = 4
"""Taps that differ from yours and are listed."""
MAX_SHOWN = 48
"""Weights of a found kernel that a fix writes out."""


class Identified(NamedTuple):
    """The kernel that made y, (N, C/groups, *kernel), as a reading; or None and why it could not be found."""

    kernel: np.ndarray | None
    found: Found | None
    note: str


def identified(setup: Setup, target: Target, turns: Sequence[Reading]) -> Identified:
    """The kernel with which the layer gives y, its support wider by a few taps, plus a constant for every filter.

    `turns` are readings of the kernel; the found one is described by that which it is nearest to.
    """
    if setup.views or output_shape(setup) != target.shape or not np.isfinite(target.y).all():
        return Identified(None, None, "")
    stage = _one_stage(setup)
    if stage is None or not np.isfinite(setup.x).all() or stage.groups > MAX_GROUPS:
        return Identified(None, None, "")
    positions = target.shape[0] * prod(target.shape[2:])
    for margin in MARGINS:
        wide = _widened(stage, margin)
        unknowns = prod(by_filter(wide).shape[2:]) + 1
        if unknowns > MAX_UNKNOWNS or positions < SPARE * unknowns + 4:
            continue
        solved = _solved(setup, wide, target)
        if solved is None:
            return Identified(
                None, None, "the kernel that made y cannot be found: x is too regular; use random numbers"
            )
        changed = setup._replace(stages=(solved,))
        error = confirmed(target, changed)
        if error is not None:
            return _described(setup, stage, solved, margin, turns, error, unknowns)
    least = prod(by_filter(_widened(stage, 1)).shape[2:]) + 1
    if positions < SPARE * least + 4:
        return Identified(None, None, _larger(setup, positions, least))
    return Identified(
        None,
        None,
        ""
        if least > MAX_UNKNOWNS
        else f"no kernel gives y, not even with {MARGINS[0]} more taps on every side: "
        "the mistake reaches further, is not linear, or not the same everywhere",
    )


def _one_stage(setup: Setup) -> Stage | None:
    """The layer as one convolution without weights: of several stages, if only the first one pads."""
    first, *rest = setup.stages
    if not rest:
        return first._replace(after=())
    if first.transposed or any(s.transposed or any(a.before or a.after for a in s.axes) for s in rest):
        return None
    axes, kernel = [], []
    for number, axis in enumerate(first.axes):
        stride, extent = 1, 1
        for stage in setup.stages:
            own = stage.axes[number]
            extent += own.dilation * (stage.kernel[number] - 1) * stride
            stride *= own.stride
        size = axis.size + axis.before + axis.after
        last = (stage_shape(setup.stages[-1])[number] - 1) * stride + extent
        axes.append(axis._replace(stride=stride, dilation=1, after=axis.after - (size - last)))
        kernel.append(extent)
    weight = np.zeros((setup.stages[-1].filters, first.channels, *kernel), first.weight.dtype)
    return Stage("", weight, None, 1, tuple(axes))


def _widened(stage: Stage, margin: int) -> Stage:
    """The stage with a tap at every pixel of its window, and `margin` more on every side; its weights are 0."""
    extents = [Window(k, 1, a.dilation).extent + 2 * margin for k, a in zip(stage.kernel, stage.axes, strict=True)]
    axes = tuple(a._replace(dilation=1, before=a.before + margin, after=a.after + margin) for a in stage.axes)
    return stage._replace(weight=np.zeros((*stage.weight.shape[:2], *extents)), axes=axes, bias=None, gives=None)


def _solved(setup: Setup, stage: Stage, target: Target) -> Stage | None:
    """The stage with the weights and biases that are nearest to y; None if x does not determine them."""
    shape = target.shape
    sizes, random = (shape[0], *shape[2:]), np.random.default_rng(0)
    groups, filters, channels = by_filter(stage).shape[:3]
    unknowns = channels * prod(stage.kernel) + 1
    count = prod(sizes)
    rows = np.arange(count)
    if count > 2 * unknowns + 64:
        rows = np.sort(random.choice(count, 2 * unknowns + 64, replace=False))
    found = gathered(setup._replace(stages=(stage,)), 0, np.stack(np.unravel_index(rows, sizes), axis=1))
    y = np.moveaxis(target.y.reshape(shape), 1, -1).reshape(count, groups, filters)[rows]
    weights, biases = [], []
    for group in range(groups):
        own = found[..., group * channels : (group + 1) * channels]
        matrix = np.concatenate([np.moveaxis(own, -1, 1).reshape(len(rows), -1), np.ones((len(rows), 1))], axis=1)
        scale = np.maximum(np.abs(matrix).max(axis=0), 1e-300)
        solution, _, rank, _ = np.linalg.lstsq(matrix / scale, y[:, group], rcond=1e-10)
        if rank < unknowns:
            return None
        solution = solution / scale[:, np.newaxis]
        weights.append(solution[:-1].T.reshape(filters, channels, *stage.kernel))
        biases.append(solution[-1])
    weight, bias = np.stack(weights), np.concatenate(biases)
    size = max(float(np.abs(weight).max()), 1e-300)
    whole = bool(np.all(np.abs(weight - np.round(weight)) < 1e-5 * size) and size >= 1)
    weight = np.round(weight) if whole else np.where(np.abs(weight) < 1e-6 * size, 0, weight)
    bias = np.round(bias) if whole and np.all(np.abs(bias - np.round(bias)) < 1e-4) else bias
    stored = (
        weight.swapaxes(1, 2).reshape(-1, filters, *stage.kernel)
        if stage.transposed
        else weight.reshape(-1, *weight.shape[2:])
    )
    return stage._replace(weight=stored, bias=bias)


def _described(
    setup: Setup, stage: Stage, solved: Stage, margin: int, turns: Sequence[Reading], error: float, unknowns: int
) -> Identified:
    trimmed, first = _trimmed(solved, margin)
    text, fix = f"another kernel is used: {_where(setup.dims, trimmed.kernel, first)}", ""
    if len(setup.stages) == 1:
        near, fix = _nearest(setup, stage, solved, margin, turns)
        text = near or text
    if (
        setup.stages[-1].bias is None
        and solved.bias is not None
        and np.any(np.abs(solved.bias) > 1e-6 * max(1.0, error))
    ):
        text += ", plus a constant for every filter"

    def change(setup: Setup) -> Setup:
        return setup._replace(stages=(solved,))

    if (
        not fix
        and len(setup.stages) == 1
        and trimmed.weight.size <= MAX_SHOWN
        and setup.files.layout == "channels-first"
    ):
        parts = [f"w = np.array({_numbers(trimmed.weight)})"]
        if trimmed.bias is not None and trimmed.bias.any():
            parts.append(f"b = np.array({_numbers(trimmed.bias)})")
        same = setup._replace(
            stages=(
                trimmed._replace(
                    axes=tuple(a._replace(size=o.size) for a, o in zip(trimmed.axes, stage.axes, strict=True))
                ),
            )
        )
        options = option_fix(setup, same)
        fix = "; ".join([*parts, *([options] if options else [])])
    count = unknowns * solved.filters
    return Identified(
        trimmed.weight, Found(Reading("kernel-found", text, fix, change, "kernel", unknowns=count), error), ""
    )


def _trimmed(solved: Stage, margin: int) -> tuple[Stage, Axes]:
    """The kernel without taps that are 0 everywhere at its ends, and where its first tap lies in the old window."""
    weight, axes, first = solved.weight, [], []
    for number, axis in enumerate(solved.axes):
        other = tuple(a for a in range(weight.ndim) if a != 2 + number)
        taps = np.flatnonzero(np.any(solved.weight != 0, axis=other))
        begin, end = (int(taps[0]), int(taps[-1]) + 1) if len(taps) else (0, 1)
        weight = np.take(weight, range(begin, end), axis=2 + number)
        length = solved.kernel[number]
        if axis.transposed:
            axes.append(axis._replace(before=axis.before - begin, after=axis.after - (length - end)))
        else:
            axes.append(axis._replace(before=axis.before - begin, after=axis.after - (length - end)))
        first.append(begin - margin)
    return solved._replace(weight=weight, axes=tuple(axes)), tuple(first)


def _where(dims: int, kernel: Axes, first: Axes) -> str:
    """`taps at height -1 to 1, width 0 to 2`, from the first tap of the given kernel on."""
    spans = (f"{name} {at} to {at + size - 1}" for name, at, size in zip(AXIS_NAMES[dims], first, kernel, strict=True))
    return f"its taps lie at {', '.join(spans)}, counted from the first tap of yours"


def _nearest(setup: Setup, stage: Stage, solved: Stage, margin: int, turns: Sequence[Reading]) -> tuple[str, str]:
    """The found kernel as yours, turned in some way, but for a few taps, and NumPy for it; nothing if it is far off."""
    best: tuple[np.ndarray, Reading | None, np.ndarray] | None = None
    size = max(float(np.abs(solved.weight).max()), 1e-300)
    inside = [
        slice(margin, margin + axis.dilation * (taps - 1) + 1, axis.dilation)
        for axis, taps in zip(stage.axes, stage.kernel, strict=True)
    ]
    for reading in (None, *turns):
        changed = setup if reading is None else reading.change(setup)
        if changed is None or changed.stages[0].weight.shape != stage.weight.shape:
            continue
        spread = np.zeros_like(solved.weight)
        spread[(slice(None), slice(None), *inside)] = changed.stages[0].weight
        places = np.argwhere(np.abs(spread - solved.weight) > 1e-4 * size)
        if best is None or len(places) < len(best[0]):
            best = places, reading, spread
    if best is None or len(best[0]) > max(4, solved.weight.size // 50):
        return "", ""
    places, reading, spread = best
    how = "the kernel is yours" if reading is None else reading.text
    if not len(places):
        return how, ""
    parts, lines = (
        [],
        ["w = w.copy()" if reading is None else "w = w[..., " + ", ".join(["::-1"] * setup.dims) + "].copy()"],
    )
    for at in places[:MAX_CHANGED]:
        mine, theirs = float(spread[tuple(at)]), float(solved.weight[tuple(at)])
        away = [int(a) - margin for a in at[2:]]
        tap = [*map(int, at[:2]), *(a // axis.dilation for a, axis in zip(away, stage.axes, strict=True))]
        known = mine != 0 and all(
            a % axis.dilation == 0 and 0 <= t < k
            for a, t, k, axis in zip(away, tap[2:], stage.kernel, stage.axes, strict=True)
        )
        where = str(tap if known else [*tap[:2], *away])
        parts.append(f"{where} {_instead(mine, theirs)}")
        lines += [f"w{tap} = {theirs:.9g}"] if known else [""]
    more = len(places) - MAX_CHANGED
    text = f"{how}, except that {', '.join(parts)}{f' and {more} more' if more > 0 else ''}"
    turned = reading is None or reading.id == "kernel-flipped"
    writable = turned and more <= 0 and all(lines) and setup.files.kernel_axes == (2 + setup.dims,)
    return text, "; ".join(lines) if writable and setup.files.layout == "channels-first" else ""


def _instead(mine: float, theirs: float) -> str:
    if not theirs:
        return "is left out"
    if abs(theirs - 2 * mine) < 1e-6 * abs(mine):
        return "counts twice"
    return f"is {theirs:.6g} instead of {mine:.6g}"


def _numbers(array: np.ndarray) -> str:
    rounded = (
        np.round(array).astype(int)
        if np.all(array == np.round(array))
        else np.array([float(f"{v:.9g}") for v in array.ravel()]).reshape(array.shape)
    )
    return str(rounded.tolist())


def _larger(setup: Setup, positions: int, unknowns: int) -> str:
    """How large the input must be for the kernel to be found."""
    needed = ceil(SPARE * unknowns + 4)
    factor = (needed / positions) ** (1 / setup.dims)
    sizes = "x".join(str(ceil(size * factor) + 1) for size in setup.x.shape[2:])
    return (
        f"to find the kernel that made y, give an input of {sizes} or more: "
        f"{needed:,} outputs per channel, not {positions:,}"
    )
