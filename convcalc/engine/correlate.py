"""Convolution as networks mean it: states the problem, chooses an algorithm and runs it."""

from __future__ import annotations

from math import prod

import numpy as np

from convcalc.axis.window import Window, output_size
from convcalc.engine.algorithms import ALGORITHMS, AUTO, execute
from convcalc.engine.arithmetic import Arithmetic, all_finite
from convcalc.engine.choice import choose
from convcalc.engine.counter import Choice, Counter
from convcalc.engine.padded import padded_axis
from convcalc.engine.problem import Problem
from convcalc.storage.memory import check_memory


def correlate(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    windows: tuple[Window, ...],
    groups: int,
    *,
    arithmetic: Arithmetic,
    padding_mode: str = "zeros",
    algorithm: str = AUTO,
    counter: Counter | None = None,
    whole: tuple[int, ...] = (),
) -> np.ndarray:
    """Outputs (batch, out_channels, *positions) in `arithmetic.result`, C-contiguous.

    x: (batch, in_channels, *spatial); weight: (out_channels, in_channels / groups, *kernel); bias:
    (out_channels,); one window per spatial axis. Channels and groups must already fit together.
    `algorithm` is used if it fits, else the direct one. Takes less than 64 MiB per thread in addition to
    input, weights and output. `whole` are the images and positions, (batch, *positions), of the convolution that this
    one is a part of, if it is; the direct algorithm then gives the bits that it has there, see `direct.parts`.

    Raises ShapeError if a window does not fit or the padding mode cannot fill the padding, DataError if the output is
    sure not to fit the memory.

    >>> from convcalc.engine.arithmetic import choose_arithmetic
    >>> x, weight = np.array([[[1, 2, 3, 4]]]), np.array([[[1, 10]]])
    >>> correlate(x, weight, None, (Window(2, stride=2),), 1, arithmetic=choose_arithmetic(x, weight, None))
    array([[[21, 43]]])
    """
    batch, channels, *spatial = x.shape
    filters, result = weight.shape[0], arithmetic.result
    positions = tuple(map(output_size, spatial, windows))
    problem = Problem(
        x.reshape(batch, groups, channels // groups, *spatial),
        weight.reshape(groups, filters // groups, *weight.shape[1:]),
        None if bias is None else bias.reshape(groups, filters // groups),
        tuple([padded_axis(size, window, padding_mode) for size, window in zip(spatial, windows, strict=True)]),
        positions,
        arithmetic.compute,
        exact=result.kind == "i",
        whole=whole,
    )
    check_memory(batch * filters * prod(positions) * result.itemsize, "the output")
    out = np.empty((batch, filters, *positions), result)
    choice = choose(problem, algorithm)
    chosen = ALGORITHMS[choice.algorithm]
    blocked = out.reshape(batch, groups, filters // groups, *positions)
    execute(chosen, problem, blocked, counter)
    if chosen.mixing is not None and not choice.finite and not all_finite(out):
        # NaN or Inf may have spread beyond their windows, or a sum overflowed that the definition does not have.
        met = f"{chosen.name} met values or sums that are not finite"
        choice = Choice("direct", f"{met}, and direct keeps them in their windows")
        execute(ALGORITHMS[choice.algorithm], problem, blocked, counter)
    if counter is not None:
        if counter.spoiled:
            choice = Choice(choice.algorithm, f"{choice.reason}; parts that are not finite were computed directly")
        counter.choice, counter.problem = choice, problem
        counter.as_defined = not chosen.own_count
    return out
