"""One stage on arrays: where the tree of stages meets the arithmetic."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from convcalc.axis.window import Window
from convcalc.engine.algorithms import AUTO, NAMES
from convcalc.engine.arithmetic import Arithmetic, choose_arithmetic
from convcalc.engine.correlate import correlate
from convcalc.engine.counter import Counter
from convcalc.engine.padded import MODES
from convcalc.engine.transposed import by_output_channel, transposed_correlate
from convcalc.errors import DataError, quoted
from convcalc.graph.stages import Convolution, Correlate, Pool, ShuffleChannels, Stage, TransposedCorrelate, windows

RUNNABLE = 1 << 48


def run_stage(
    stage: Stage,
    x: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    *,
    padding_mode: str = "zeros",
    algorithm: str = AUTO,
    counter: Counter | None = None,
    arithmetic: Arithmetic | None = None,
) -> np.ndarray:
    """The stage's output, (batch, out_channels, *spatial), for x (batch, channels, *spatial).

    The stage must be traced on x's shape; weight and bias are in its own layout. `arithmetic` is chosen by the
    arrays' dtypes unless given. Raises DataError or ShapeError for arrays or modes that the stage cannot take.
    """
    if padding_mode not in MODES:
        raise DataError(f"padding-mode: must be one of {', '.join(MODES)}, got {quoted(padding_mode)}")
    if algorithm not in NAMES:
        raise DataError(f"algorithm: must be one of {', '.join(NAMES)}, got {quoted(algorithm)}")
    match stage:
        case ShuffleChannels():
            batch, channels, *spatial = x.shape
            dealt = x.reshape(batch, stage.groups, channels // stage.groups, *spatial).swapaxes(1, 2)
            return np.ascontiguousarray(dealt).reshape(x.shape)
        case Pool():
            raise DataError("a pool has no weights to run with; run its convolutions")
        case Correlate() | TransposedCorrelate():
            pass
        case _:
            assert_never(stage)
    assert weight is not None
    along = windows(stage)
    _check_runnable(along)
    if isinstance(stage, TransposedCorrelate):
        if padding_mode != "zeros":
            raise DataError(f"padding-mode: a transposed convolution has zeros only, got {padding_mode}")
        by_filter = by_output_channel(weight, stage.groups)
        arithmetic = arithmetic or choose_arithmetic(x, by_filter, bias, filter_axes=2)
        return transposed_correlate(
            x, weight, bias, along, stage.output_padding, stage.groups,
            arithmetic=arithmetic, algorithm=algorithm, counter=counter,
        )  # fmt: skip
    arithmetic = arithmetic or choose_arithmetic(x, weight, bias)
    return correlate(
        x, weight, bias, along, stage.groups,
        arithmetic=arithmetic, padding_mode=padding_mode, algorithm=algorithm, counter=counter,
    )  # fmt: skip


def check_arrays(
    path: str, stage: Convolution, kernel: np.ndarray, bias: np.ndarray | None, kernel_name: str, bias_name: str
) -> None:
    """Raises DataError, naming the array, unless kernel and bias have the shapes of the stage."""
    divided = stage.in_channels % stage.groups == stage.out_channels % stage.groups == 0  # else the walk refuses
    if divided and kernel.shape != stage.weight_shape:
        form = "(C, N/groups, *k)" if isinstance(stage, TransposedCorrelate) else "(N, C/groups, *k)"
        raise DataError(
            f"{kernel_name}: the {path} stage takes a kernel {form}, got shape {kernel.shape} on {stage.in_channels} "
            f"channels with groups={stage.groups}; {_what_fits(stage, kernel)}"
        )
    if bias is not None and bias.shape != (stage.out_channels,):
        raise DataError(
            f"{bias_name}: the {path} stage takes one bias per filter, got shape {bias.shape}; "
            f"use shape ({stage.out_channels},)"
        )


def _what_fits(stage: Convolution, kernel: np.ndarray) -> str:
    per_group = kernel.shape[1]
    if isinstance(stage, Correlate) and stage.in_channels % per_group == 0:
        return f"use groups={stage.in_channels // per_group}, or a kernel of shape {stage.weight_shape}"
    return f"use a kernel of shape {stage.weight_shape}"


def _check_runnable(along: tuple[Window, ...]) -> None:
    """NumPy counts in 64 bits; numbers near that can be asked about but not run."""
    most = max(map(max, along))
    if most >= RUNNABLE:
        raise DataError(f"stride, padding and dilation must be below 2^48 to be run, got {most}; use smaller ones")
