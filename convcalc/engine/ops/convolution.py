"""One convolution on its arrays: checked first, then computed by `correlate` or `transposed_correlate`."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine.algorithms import AUTO, NAMES
from convcalc.engine.arithmetic import choose_arithmetic
from convcalc.engine.correlate import correlate
from convcalc.engine.counter import Counter
from convcalc.engine.transposed import by_output_channel, transposed_correlate
from convcalc.errors import DataError, quoted
from convcalc.graph.primitives import Convolution, Correlate, TransposedCorrelate, windows
from convcalc.notation import PADDING_MODES, Axes, Layout

T = TypeVar("T")
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
    name: str, primitive: Convolution, kernel: np.ndarray, bias: np.ndarray | None, kernel_name: str, bias_name: str,
    *, given: Axes | None = None, layout: Layout = "channels-first",
) -> None:  # fmt: skip
    """Raises DataError, naming the array, unless kernel and bias have the shapes of the stage called `name`.

    `given` is the kernel's shape as its file has it, in `layout`, if that is another than the array's.
    """
    groups = primitive.groups
    divided = primitive.in_channels % groups == primitive.out_channels % groups == 0  # else placing it refuses them
    if divided and kernel.shape != primitive.weight_shape:
        filters, channels = ("C", "N") if isinstance(primitive, TransposedCorrelate) else ("N", "C")
        form = kernel_order((filters, f"{channels}/groups", "*k"), layout)
        raise DataError(
            f"{kernel_name}: the {name} stage takes a kernel ({', '.join(form)}), got shape {given or kernel.shape} on "
            f"{primitive.in_channels} channels with groups={groups}; {_what_fits(primitive, kernel, layout)}"
        )
    if bias is not None and bias.shape != (primitive.out_channels,):
        raise DataError(
            f"{bias_name}: the {name} stage takes one bias per filter, got shape {bias.shape}; "
            f"use shape ({primitive.out_channels},)"
        )


def kernel_order(axes: tuple[T, ...], layout: Layout) -> tuple[T, ...]:
    """The axes of a kernel, the two of channels first, in the order of a layout.

    >>> kernel_order((8, 3, 5, 7), "channels-last")
    (5, 7, 3, 8)
    """
    return axes if layout == "channels-first" else (*axes[2:], axes[1], axes[0])


def _what_fits(primitive: Convolution, kernel: np.ndarray, layout: Layout) -> str:
    fitting = f"use a kernel of shape {kernel_order(primitive.weight_shape, layout)}"
    groups, left = divmod(primitive.in_channels, kernel.shape[1])
    if isinstance(primitive, Correlate) and not left and primitive.out_channels % groups == 0:
        return f"use groups={groups}, or {fitting.removeprefix('use ')}"
    return fitting


def _check_runnable(along: tuple[Window, ...]) -> None:
    most = max(map(max, along))
    if most >= RUNNABLE:
        raise DataError(f"stride, padding and dilation must be below 2^48 to be run, got {most}; use smaller ones")
