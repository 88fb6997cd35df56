"""What would work for arrays that do not fit together: the first of a few options with which they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from convcalc.errors import ConvcalcError, DataError
from convcalc.notation import Axes, parse_layout
from convcalc.proof.forms import Named
from convcalc.proof.planned import RunOptions

MAX_GROUPS = 4096


def with_remedy(
    error: ConvcalcError,
    options: RunOptions,
    input: Named,
    kernels: Sequence[Named],
    fits: Callable[[RunOptions], object],
) -> ConvcalcError:
    """The error with an option with which the arrays fit in place of its advice, if there is one.

    `fits` raises ConvcalcError unless they do.
    """
    problem = str(error).partition("; ")[0]
    if not isinstance(error, DataError) and "groups must divide" not in problem:
        return error
    for typed, other in _others(options, input.array.shape, kernels[0].array.shape, asks_dims="--dims" in str(error)):
        try:
            fits(other)
        except ConvcalcError:
            continue
        return type(error)(f"{problem}; use {typed}")
    if "--dims" in str(error):
        return type(error)(f"{problem}; use a kernel with as many spatial axes as the input")
    return error


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
    last = "channels-first" if parse_layout(options.layout) == "channels-last" else "channels-last"
    yield f"--layout {last}", replace(options, layout=last)
