"""One convolution on its arrays: checked first, then computed by `correlate` or `transposed_correlate`."""

from __future__ import annotations

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine.algorithms import AUTO, NAMES
from convcalc.engine.arithmetic import choose_arithmetic
from convcalc.engine.correlate import correlate
from convcalc.engine.counter import Counter
from convcalc.engine.transposed import by_output_channel, transposed_correlate
from convcalc.errors import DataError, quoted
from convcalc.graph.primitives import Convolution, Correlate, TransposedCorrelate, windows
from convcalc.notation import PADDING_MODES

RUNNABLE = 1 << 48
"""Strides, padding and dilation must be below this: NumPy counts in 64 bits, and products of them must fit."""


def convolve(
    primitive: Convolution,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    padding_mode: str = "zeros",
    algorithm: str = AUTO,
    counter: Counter | None = None,
) -> np.ndarray:
    """The output, (batch, out_channels, *spatial), for x (batch, channels, *spatial).

    The primitive must be placed on x's shape; weight and bias have its own shapes. Raises DataError or ShapeError for
    dtypes, modes or sizes that cannot be run.

    >>> double = Correlate(1, 1, (1,), (2,), ((0, 0),), (1,))
    >>> convolve(double, np.array([[[1, 2, 3]]]), np.array([[[2]]]))
    array([[[2, 6]]])
    """
    if not isinstance(padding_mode, str) or padding_mode not in PADDING_MODES:
        raise DataError(f"padding-mode: must be one of {', '.join(PADDING_MODES)}, got {quoted(padding_mode)}")
    if not isinstance(algorithm, str) or algorithm not in NAMES:
        raise DataError(f"algorithm: must be one of {', '.join(NAMES)}, got {quoted(algorithm)}")
    along = windows(primitive)
    _check_runnable(along)
    if isinstance(primitive, Correlate):
        return correlate(
            x, weight, bias, along, primitive.groups,
            arithmetic=choose_arithmetic(x, weight, bias),
            padding_mode=padding_mode, algorithm=algorithm, counter=counter,
        )  # fmt: skip
    if padding_mode != "zeros":
        raise DataError(f"padding-mode: a transposed convolution has zeros only, got {padding_mode}")
    by_filter = by_output_channel(weight, primitive.groups)
    return transposed_correlate(
        x, weight, bias, along, primitive.output_padding, primitive.groups,
        arithmetic=choose_arithmetic(x, by_filter, bias, filter_axes=2), algorithm=algorithm, counter=counter,
    )  # fmt: skip


def check_arrays(
    name: str, primitive: Convolution, kernel: np.ndarray, bias: np.ndarray | None, kernel_name: str, bias_name: str
) -> None:
    """Raises DataError, naming the array, unless kernel and bias have the shapes of the stage called `name`."""
    groups = primitive.groups
    divided = primitive.in_channels % groups == primitive.out_channels % groups == 0  # else placing it refuses them
    if divided and kernel.shape != primitive.weight_shape:
        form = "(C, N/groups, *k)" if isinstance(primitive, TransposedCorrelate) else "(N, C/groups, *k)"
        raise DataError(
            f"{kernel_name}: the {name} stage takes a kernel {form}, got shape {kernel.shape} on "
            f"{primitive.in_channels} channels with groups={groups}; {_what_fits(primitive, kernel)}"
        )
    if bias is not None and bias.shape != (primitive.out_channels,):
        raise DataError(
            f"{bias_name}: the {name} stage takes one bias per filter, got shape {bias.shape}; "
            f"use shape ({primitive.out_channels},)"
        )


def _what_fits(primitive: Convolution, kernel: np.ndarray) -> str:
    groups, left = divmod(primitive.in_channels, kernel.shape[1])
    if isinstance(primitive, Correlate) and not left and primitive.out_channels % groups == 0:
        return f"use groups={groups}, or a kernel of shape {primitive.weight_shape}"
    return f"use a kernel of shape {primitive.weight_shape}"


def _check_runnable(along: tuple[Window, ...]) -> None:
    most = max(map(max, along))
    if most >= RUNNABLE:
        raise DataError(f"stride, padding and dilation must be below 2^48 to be run, got {most}; use smaller ones")
