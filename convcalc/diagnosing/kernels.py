"""Mistakes in the kernel: flipped, its axes in another order, its file read in another order, parts of it lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import permutations
from math import prod

import numpy as np

from convcalc.diagnosing.reading import Reading, axis_id, axis_words, kernel_name, named, of_stage, subsets
from convcalc.diagnosing.setup import Setup, Stage

COMMON = ("OIHW", "HWIO", "OHWI", "IHWO")
"""The orders of PyTorch and ONNX, TensorFlow and JAX, TFLite, and of old TVM and Darknet files."""
LETTERS = {1: "W", 2: "HW", 3: "DHW"}

Change = Callable[[np.ndarray], np.ndarray]


def kernel_readings(setup: Setup) -> Iterator[Reading]:
    """All of this file, for every stage."""
    for number, stage in enumerate(setup.stages):
        yield from _turned(setup, number, stage)
        yield from _reordered(setup, number, stage)
        yield from _cut(setup, number, stage)
    if len(setup.stages) > 1:
        yield _all_flipped(setup)


def _reading(setup: Setup, number: int, id: str, text: str, line: str, change: Change) -> Reading:
    """A reading that changes the weights of one stage; `line` is NumPy for {w}, empty if there is none."""

    def weights(stage: Stage) -> Stage | None:
        return stage._replace(weight=change(stage.weight))

    name = kernel_name(setup, number)
    if line.startswith("{w}.") and setup.files.layout == "channels-last":  # the line is for channels first
        line = f"np.moveaxis(np.moveaxis({{w}}, (-1, -2), (0, 1)){line[3:]}, (0, 1), (-1, -2))"
    fix = "" if name is None or not line else f"{name} = {line.format(w=name)}" if "{w}" in line else line
    return Reading(*named(setup, number, id, text), fix, of_stage(number, weights), "kernel")


def _turned(setup: Setup, number: int, stage: Stage) -> Iterator[Reading]:
    """The symmetries of the kernel: reversed along some axes, with its axes exchanged or not."""
    dims = setup.dims
    long = [axis for axis in range(dims) if stage.kernel[axis] > 1]
    first = setup.files.layout == "channels-last"
    for axes in subsets(long):
        every = len(axes) == len(long)
        line = _slices(dims, axes, first)
        if every and len(setup.stages) == 1:
            line = "leave --flip out" if setup.files.flipped else "--flip"
        yield _reading(
            setup, number, "kernel-flipped" if every else f"kernel-flipped-{axis_id(dims, axes)}",
            _flipped_text(setup, every, axis_words(dims, axes)), line, partial(_flip, tuple(2 + a for a in axes)),
        )  # fmt: skip
    for order in permutations(range(dims)):
        if order == tuple(range(dims)):
            continue
        moved = axis_words(dims, order)
        whole = tuple(2 + axis for axis in order)
        for axes in ((), *subsets(range(dims))):
            front = "" if first else "..., "
            turn = f"np.moveaxis({{w}}, {_places(order, dims, first)}, {_places(range(dims), dims, first)})"
            flips = "" if not axes else f"[{front}{', '.join('::-1' if a in axes else ':' for a in range(dims))}]"
            back = f", reversed along {axis_words(dims, axes)}" if axes else ""
            yield _reading(
                setup, number,
                f"kernel-axes-{axis_id(dims, order)}{f'-flipped-{axis_id(dims, axes)}' if axes else ''}",
                f"the kernel has its axes in the order {moved}{back}", turn + flips,
                partial(_turn, (0, 1, *whole), tuple(2 + a for a in axes)),
            )  # fmt: skip


def _flipped_text(setup: Setup, every: bool, axes: str) -> str:
    if not every:
        return f"the kernel is reversed along {axes}"
    if setup.files.flipped:
        return "the kernel is not flipped (cross-correlation, where --flip asks for convolution)"
    return f"the kernel is flipped along {axes} (convolution instead of cross-correlation)"


def _all_flipped(setup: Setup) -> Reading:
    def change(setup: Setup) -> Setup:
        axes = tuple(range(2, 2 + setup.dims))
        return setup._replace(stages=tuple(s._replace(weight=np.flip(s.weight, axes)) for s in setup.stages))

    fix = "leave --flip out" if setup.files.flipped else "--flip"
    return Reading("kernels-flipped", "the kernels of all stages are flipped (convolution)", fix, change, "kernel")


def _reordered(setup: Setup, number: int, stage: Stage) -> Iterator[Reading]:
    """The kernel's file read in another order of its axes than it was written in."""
    dims = setup.dims
    depthwise = not stage.transposed and stage.groups == stage.channels > 1 and stage.weight.shape[1] == 1
    letters = ("IO" if stage.transposed else "CM" if depthwise else "OI") + LETTERS[dims]

    def split(weight: np.ndarray) -> np.ndarray:
        return weight.reshape(stage.groups, -1, *weight.shape[2:]) if depthwise else weight

    shape = split(stage.weight).shape
    sized = [axis for axis, size in enumerate(shape) if size > 1]
    orders = [o for o in permutations(range(2 + dims)) if [a for a in o if shape[a] > 1] != sized]
    for order in sorted(orders, key=lambda order: _rank("".join(letters[a] for a in order))):
        written = "".join(letters[a] for a in order)
        stored = tuple(shape[axis] for axis in order)
        inverse = tuple(int(axis) for axis in np.argsort(order))
        own, full = "{w}" if not depthwise else f"{{w}}.reshape({_listed(shape)})", _listed(stage.weight.shape)
        whole = setup.files.kernel_axes[number : number + 1] == (2 + dims,)
        plain = whole and not (depthwise and setup.files.layout == "channels-last")

        def read_so(w: np.ndarray, stored: tuple[int, ...] = stored, inverse: tuple[int, ...] = inverse) -> np.ndarray:
            return split(w).reshape(stored).transpose(inverse).reshape(w.shape)

        def stored_so(w: np.ndarray, order: tuple[int, ...] = order) -> np.ndarray:
            return split(w).transpose(order).reshape(w.shape)

        if stored == shape and not depthwise and order[:2] == (1, 0):
            spatial = order[2:] == tuple(range(2, 2 + dims))
            also = "" if spatial else f" and its axes in the order {written[2:]}"
            yield _reading(
                setup, number, "kernel-in-out" if spatial else f"kernel-axes-{written}",
                f"the kernel has input and output channels exchanged{also}",
                f"{{w}}.transpose({_listed(order)})" if plain else "",
                partial(_turn, order, ()),
            )  # fmt: skip
        line = f"{{w}}.reshape({_listed(stored)}).transpose({_listed(inverse)}).reshape({full})" if plain else ""
        text = f"the kernel's numbers are read in the order {written} instead of {letters}"
        yield _reading(setup, number, f"kernel-read-{written}", text, line, read_so)
        line = f"{own}.transpose({_listed(order)}).reshape({full})" if plain else ""
        text = f"the kernel's numbers lie in the order {written} and are read as {letters}"
        yield _reading(setup, number, f"kernel-written-{written}", text, line, stored_so)


def _rank(written: str) -> tuple[int, str]:
    """Common orders first."""
    return (COMMON.index(written) if written in COMMON else len(COMMON)), written


def _cut(setup: Setup, number: int, stage: Stage) -> Iterator[Reading]:
    """Taps that are left out."""
    dims, first = setup.dims, setup.files.layout == "channels-last"
    for axis in range(dims):
        if stage.kernel[axis] < 2:
            continue
        for end, at in (("last", stage.kernel[axis] - 1), ("first", 0)):

            def cut(w: np.ndarray, axis: int = axis, at: int = at) -> np.ndarray:
                keep = np.arange(w.shape[2 + axis]) != at
                kept: np.ndarray = w * keep.reshape(-1, *(1,) * (dims - 1 - axis))
                return kept

            keep = f"np.arange({stage.kernel[axis]}) != {at}"
            # the axis's place among the axes of the user's array, from the end if channels come first
            after = dims - 1 - axis
            if first and setup.files.kernel_axes[number : number + 1]:
                after += setup.files.kernel_axes[number] - dims
            line = f"{{w}} * ({keep}).reshape(-1{', 1' * after})"
            yield _reading(
                setup, number, f"kernel-without-{end}-{axis_words(dims, [axis])}",
                f"the {end} tap along the {axis_words(dims, [axis])} is left out", line, cut,
            )  # fmt: skip
    if prod(stage.kernel) > 1:

        def last(w: np.ndarray) -> np.ndarray:
            cut = w.copy()
            cut.reshape(*cut.shape[:2], -1)[:, :, -1] = 0
            return cut

        yield _reading(setup, number, "kernel-without-last-tap", "the last tap of all is left out", "", last)
    if np.iscomplexobj(stage.weight):
        yield _reading(setup, number, "kernel-conjugated", "the kernel is conjugated", "np.conj({w})", np.conj)


def _flip(axes: tuple[int, ...], weight: np.ndarray) -> np.ndarray:
    return np.flip(weight, axes)


def _turn(order: tuple[int, ...], axes: tuple[int, ...], weight: np.ndarray) -> np.ndarray:
    return np.flip(weight.transpose(order), axes)


def _slices(dims: int, axes: tuple[int, ...], first: bool) -> str:
    """NumPy that reverses a kernel along axes, in whatever form it is."""
    return f"{{w}}[{'' if first else '..., '}{', '.join('::-1' if a in axes else ':' for a in range(dims))}]"


def _places(axes: Iterable[int], dims: int, first: bool) -> str:
    return f"({_listed(axis if first else axis - dims for axis in axes)})"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
