"""Mistakes in the input or the output as a whole: axes in another order, reversed, a file read in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations

import numpy as np

from convcalc.diagnosing.kernels import LETTERS
from convcalc.diagnosing.reading import Reading, axis_id, axis_words, of_stage, subsets
from convcalc.diagnosing.setup import Setup, Stage, View, output_shape, with_stage

MAX_KEPT = 1 << 20
"""Values of inputs that are kept after they were changed."""

Change = Callable[[np.ndarray], np.ndarray]


def map_readings(setup: Setup) -> Iterator[Reading]:
    """Everything that can be done to x (batch, C, *spatial) or to the output (batch, N, *positions)."""
    for id, text, line, change in _changes(setup, "x", "input"):
        yield Reading(f"input-{id}", text, f"x = {line}" if line else "", _of_input(change), "input")
    for id, text, line, change in _changes(setup, "y", "output"):
        yield Reading(f"output-{id}", text, f"y = {line}" if line else "", _of_output(change), "output")
    if (setup.x.shape[1] if setup.x.ndim > 2 else 1) > 1:
        three = setup.x.shape[1] == 3
        yield Reading(
            "input-channels-reversed", f"the input's channels are in reverse order{' (BGR for RGB)' if three else ''}",
            _reversed_line(setup, "x"), of_stage(0, lambda s: s._replace(reads=np.arange(s.channels)[::-1])), "input",
        )  # fmt: skip
    if setup.stages[-1].filters > 1:
        yield Reading(
            "output-channels-reversed", "the output's channels are in reverse order", _reversed_line(setup, "y"),
            of_stage(len(setup.stages) - 1, _turned), "output",
        )  # fmt: skip


def _reversed_line(setup: Setup, name: str) -> str:
    if setup.files.layout == "channels-last":
        return f"{name} = {name}[..., ::-1]"
    return f"{name} = {name}[..., ::-1{', :' * setup.dims}]"


def _changes(setup: Setup, name: str, what: str) -> Iterator[tuple[str, str, str, Change]]:
    """(id, text, NumPy, change) of an array (batch, channels, *spatial)."""
    dims = setup.dims
    last = setup.files.layout == "channels-last" and setup.files.input_axes > dims
    tail = ", :" if last else ""
    for axes in subsets(range(dims)):
        slices = ", ".join("::-1" if axis in axes else ":" for axis in range(dims))
        at = tuple(2 + axis for axis in axes)
        words = axis_words(dims, axes)
        yield (
            f"flipped-{axis_id(dims, axes)}", f"the {what} is reversed along {words}",
            f"{name}[..., {slices}{tail}]", partial(np.flip, axis=at),
        )  # fmt: skip
    for order in permutations(range(dims)):
        if order != tuple(range(dims)):
            whole = (0, 1, *(2 + axis for axis in order))
            back = int(last)
            ends = [[axis - dims - back for axis in axes] for axes in (order, range(dims))]
            come, to = (", ".join(map(str, axes)) for axes in (ends if what == "input" else ends[::-1]))
            yield (
                f"axes-{axis_id(dims, order)}", f"the {what} has its axes in the order {axis_words(dims, order)}",
                f"np.moveaxis({name}, ({come}), ({to}))", partial(np.transpose, axes=whole),
            )  # fmt: skip
    # The numbers of one item in another order of its axes: C, H, W read as H, W, C and so on.
    letters = "C" + LETTERS[dims]
    for order in permutations(range(1 + dims)):
        if order == tuple(range(1 + dims)):
            continue
        written = "".join(letters[axis] for axis in order)
        inverse = tuple(int(axis) for axis in np.argsort(order))

        def read_so(a: np.ndarray, order: tuple[int, ...] = order, inverse: tuple[int, ...] = inverse) -> np.ndarray:
            shape = a.shape[1:]
            stored = a.reshape(len(a), *(shape[axis] for axis in order))
            return stored.transpose(0, *(1 + axis for axis in inverse)).reshape(a.shape)

        def stored_so(a: np.ndarray, order: tuple[int, ...] = order) -> np.ndarray:
            return a.transpose(0, *(1 + axis for axis in order)).reshape(a.shape)

        lines = _lines(setup, name, order, inverse)
        text = f"the {what}'s numbers are read in the order {written} instead of {letters}"
        yield f"read-{written}", text, lines[what == "output"], read_so
        text = f"the {what}'s numbers lie in the order {written} and are read as {letters}"
        yield f"written-{written}", text, lines[what == "input"], stored_so
        if what == "output" and order[0] != 0:
            come = ", ".join(str(place - 1 - dims) for place in range(1 + dims))
            to = ", ".join(str(axis - 1 - dims) for axis in order)
            line = f"np.moveaxis(y, ({come}), ({to}))" if setup.files.layout == "channels-first" else ""
            yield (
                f"order-{written}", f"the output is stored as {written} instead of {letters}", line,
                partial(np.transpose, axes=(0, *(1 + axis for axis in order))),
            )  # fmt: skip


def _lines(setup: Setup, name: str, order: tuple[int, ...], inverse: tuple[int, ...]) -> tuple[str, str]:
    """NumPy that reads an array's numbers in another order of its axes, and that writes them so."""
    shape = setup.x.shape if name == "x" else output_shape(setup)
    if setup.files.layout == "channels-last" or shape is None:
        return "", ""
    stored = ", ".join(map(str, (shape[0], *(shape[1 + axis] for axis in order))))
    whole = ", ".join(map(str, shape))
    back, to = (", ".join(str(1 + axis) for axis in axes) for axes in (inverse, order))
    return (
        f"{name}.reshape({stored}).transpose(0, {back})",
        f"{name}.reshape({whole}).transpose(0, {to}).reshape({whole})",
    )


def _of_input(change: Change) -> Callable[[Setup], Setup | None]:
    kept: list[np.ndarray] = []  # the last input and what became of it: pairs of mistakes ask again and again

    def changed(setup: Setup) -> Setup | None:
        if not kept or kept[0] is not setup.x:
            kept[:] = [setup.x, change(setup.x)] if setup.x.size <= MAX_KEPT else []
        x = kept[1] if kept else change(setup.x)
        first = setup.stages[0]
        axes = tuple(axis._replace(size=size) for axis, size in zip(first.axes, x.shape[2:], strict=True))
        return with_stage(setup._replace(x=x), 0, first._replace(axes=axes))

    return changed


def _of_output(view: View) -> Callable[[Setup], Setup | None]:
    return lambda setup: setup._replace(views=(*setup.views, view))


def _turned(stage: Stage) -> Stage:
    return stage._replace(gives=(np.arange(stage.filters) if stage.gives is None else stage.gives)[::-1])
