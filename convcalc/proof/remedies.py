"""What would work for arrays that do not fit together: the first of a few options with which they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from convcalc.errors import ConvcalcError, DataError
from convcalc.notation import Axes, parse_layout, size_questions
from convcalc.proof.forms import Named
from convcalc.proof.planned import RunOptions

MAX_GROUPS = 4096


def with_remedy(
    error: ConvcalcError,
    options: RunOptions,
    input: Named,
    kernels: Sequence[Named],
    fits: Callable[[RunOptions, Named, Sequence[Named]], object],
) -> ConvcalcError:
    """The error with an option with which the arrays fit in place of its advice, if there is one.

    `fits` raises ConvcalcError unless they do, with those options, that input and those kernels.
    """
    problem = str(error).partition("; ")[0]
    if "the window must fit" in problem and len(kernels) == 1:
        return _perhaps_swapped(error, options, input, kernels[0], fits)
    if not isinstance(error, DataError) and "groups must divide" not in problem:
        return error
    if "of the readings; use --dims" in str(error) and "fits none" not in problem:
        return error  # it lists the readings that fit

    for each in _candidates(options, input, kernels, asks_dims="--dims" in str(error)):
        try:
            fits(each.options, each.input, each.kernels)
        except ConvcalcError:
            continue
        return type(error)(f"{problem}; use {each.advice}")
    if "--dims" in str(error):
        return type(error)(f"{problem}; use a kernel with as many spatial axes as the input")
    return error


def _perhaps_swapped(
    error: ConvcalcError,
    options: RunOptions,
    input: Named,
    kernel: Named,
    fits: Callable[[RunOptions, Named, Sequence[Named]], object],
) -> ConvcalcError:
    """With the order of the arrays, if they fit the other way round."""
    try:
        fits(options, kernel, [input])
    except ConvcalcError:
        return error
    return type(error)(f"{error}; the input comes first, got {input.name}, then the kernel, got {kernel.name}")


_TO_LAST = "np.moveaxis(k, (0, 1), (-1, -2))"


class _Candidate(NamedTuple):
    """What to do, and the options and arrays as they are then."""

    advice: str
    options: RunOptions
    input: Named
    kernels: Sequence[Named]


def _candidates(options: RunOptions, input: Named, kernels: Sequence[Named], asks_dims: bool) -> Iterator[_Candidate]:
    """What may make the arrays fit, the likeliest first."""
    first = parse_layout(options.layout) == "channels-first"
    swapped = _with_other_order(options, input)
    if swapped is not None:
        layouts = [_Candidate(typed, other, input, kernels) for typed, other in _other_layouts(options)]
        in_order = first and all(map(_is_pytorch_order, kernels))  # in the other layout it would fit by chance
        yield from () if in_order else layouts
        both = first and all(kernel.array.ndim > 3 for kernel in kernels)
        kernel = f"--layout channels-last with {_TO_LAST} of the kernel, or " if both else ""
        moving = f"{kernel}np.moveaxis(x, {'-1, -3' if first else '-3, -1'}) of {input.name}"
        yield _Candidate(moving, options, swapped, kernels)
        yield _Candidate(f"{moving} with --dims 2", replace(options, dims=2), swapped, kernels)
        yield from layouts if in_order else ()
    if not first and all(map(_is_pytorch_order, kernels)):
        moved = [_moved(kernel) for kernel in kernels]
        yield _Candidate(f"{_TO_LAST} of it, which is in PyTorch's order", options, input, moved)
    for typed, other in _others(options, input.array.shape, kernels[0].array.shape, asks_dims):
        yield _Candidate(typed, other, input, kernels)


def _is_pytorch_order(kernel: Named) -> bool:
    """Whether the last axes look like those of the taps, and the first ones do not."""
    taps, others = kernel.array.shape[2:], kernel.array.shape[:-2]
    return kernel.array.ndim > 3 and len(set(taps)) == 1 and len(set(others)) > 1


def _moved(kernel: Named) -> Named:
    """A kernel (N, C/groups, *k) with its channels last."""
    return Named(kernel.name, np.moveaxis(kernel.array, (0, 1), (-1, -2)))


def _with_other_order(options: RunOptions, input: Named) -> Named | None:
    """The input with its channels where the layout has them, if it looks like an image that has them elsewhere."""
    shape = input.array.shape
    if len(shape) < 3:
        return None
    order, last = parse_layout(options.layout), shape[-3:]
    size = last if order == "channels-first" else (last[-1], *last[:-1])
    if not size_questions(size, order, 2):
        return None
    moved = np.moveaxis(input.array, -1, -3) if order == "channels-first" else np.moveaxis(input.array, -3, -1)
    return Named(input.name, moved)


def _other_layouts(options: RunOptions) -> Iterator[tuple[str, RunOptions]]:
    """The options with the other layout, alone and for every channel alone."""
    other = "channels-first" if parse_layout(options.layout) == "channels-last" else "channels-last"
    swapped = replace(options, layout=other)
    yield f"--layout {other}", swapped
    if options.type in (None, "standard"):
        yield f"--layout {other} --type depthwise", replace(swapped, type="depthwise", groups=None)


def _others(options: RunOptions, input: Axes, kernel: Axes, asks_dims: bool) -> Iterator[tuple[str, RunOptions]]:
    """Other options as typed, the likeliest first."""
    if asks_dims:
        for dims in (1, 2, 3):
            yield f"--dims {dims}", replace(options, dims=dims)
    if options.type in (None, "standard"):
        yield "--type depthwise", replace(options, type="depthwise", groups=None)
    ratios = {length // taken for length in input for taken in kernel if length % taken == 0}
    for groups in sorted(ratios if options.groups is not None else ratios - {1}):
        if groups <= MAX_GROUPS:
            yield f"--groups {groups}", replace(options, groups=groups)
    yield from _other_layouts(options)
