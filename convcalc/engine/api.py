"""The engine as functions on arrays, with PyTorch's conventions and everything checked first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convcalc.engine.algorithms import AUTO
from convcalc.engine.ops.convolution import check_arrays, convolve
from convcalc.errors import DataError, located, quoted
from convcalc.graph.primitives import Convolution, Correlate, TransposedCorrelate
from convcalc.graph.shapes import place
from convcalc.notation import PaddingValue, PerAxis, parse_axes, parse_padding, parse_padding_mode, whole_number


def conv(
    x: npt.ArrayLike,
    w: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: PerAxis = 1,
    padding: PaddingValue = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    algorithm: str = AUTO,
) -> np.ndarray:
    """Convolution as networks mean it (cross-correlation), 1-D to 3-D.

    x: (batch, C, *spatial) or (C, *spatial); w: (N, C / groups, *kernel); bias: (N,). stride and dilation are one
    number or one per axis; padding also ((begin, end), ...) or a word; padding_mode is zeros, reflect, replicate or
    circular. Returns (batch, N, *positions), without the batch if x has none. Floats and complex numbers keep
    result_type(x, w), float16 summed in float32; integers and bools are exact in int64.

    Raises ConvcalcError (a ValueError) for shapes, options or dtypes that do not fit together, and for integers
    whose result could overflow int64.
    Source: Dumoulin & Visin 2016, chapter 2.

    >>> conv([[1, 2, 3, 4]], [[[1, 10]]], stride=2)
    array([[21, 43]])
    """
    x, w = _array("input", x), _array("kernel", w)
    dims, groups = dims_of(x, w), whole_number(groups, "groups")
    primitive = Correlate(
        in_channels=x.shape[-1 - dims],
        out_channels=w.shape[0],
        kernel=w.shape[2:],
        stride=parse_axes(stride, "stride", dims),
        padding=parse_padding(padding, dims),
        dilation=parse_axes(dilation, "dilation", dims),
        groups=groups,
        bias=bias is not None,
    )
    return _apply("conv", primitive, x, w, bias, parse_padding_mode(padding_mode), algorithm)


def conv_transpose(
    x: npt.ArrayLike,
    w: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: PerAxis = 1,
    padding: PaddingValue = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    algorithm: str = AUTO,
) -> np.ndarray:
    """Transposed convolution, the adjoint of `conv` with the same options, 1-D to 3-D.

    x: (batch, C, *spatial) or (C, *spatial); w: (C, N / groups, *kernel); bias: (N,). padding crops the full
    result, output_padding lengthens it at the end. Returns (batch, N, *sizes), without the batch if x has none;
    dtypes as in `conv`.

    Raises ConvcalcError (a ValueError) for shapes, options or dtypes that do not fit together.
    Source: Dumoulin & Visin 2016, chapter 4.

    >>> conv_transpose([[1, 2]], [[[1, 10, 100]]], stride=2)
    array([[  1,  10, 102,  20, 200]])
    """
    x, w = _array("input", x), _array("kernel", w)
    dims, groups = dims_of(x, w), whole_number(groups, "groups")
    primitive = TransposedCorrelate(
        in_channels=x.shape[-1 - dims],
        out_channels=w.shape[1] * groups,
        kernel=w.shape[2:],
        stride=parse_axes(stride, "stride", dims),
        padding=parse_padding(padding, dims),
        dilation=parse_axes(dilation, "dilation", dims),
        groups=groups,
        output_padding=parse_axes(output_padding, "output-padding", dims, minimum=0),
        bias=bias is not None,
    )
    return _apply("transposed", primitive, x, w, bias, "zeros", algorithm)


def _array(name: str, values: npt.ArrayLike) -> np.ndarray:
    if np.ma.is_masked(values):
        raise DataError(
            f"{name}: must have all its values, got an array with masked ones; fill them, as with .filled(0)"
        )
    try:
        return np.asarray(values)
    except ValueError as error:  # nested lists of unequal length
        raise DataError(f"{name}: must be an array or nested lists of equal length, got lists that are not") from error
    except Exception as error:  # another library's object, which may raise anything
        raise DataError(f"{name}: must be an array, got {quoted(values)}, which says: {error}") from error


def dims_of(x: np.ndarray, w: np.ndarray) -> int:
    """The spatial axes of an input and its kernel. Raises DataError if they do not have the same, or are empty."""
    dims = w.ndim - 2
    if dims not in (1, 2, 3):
        raise DataError(f"kernel: must have 3 to 5 axes, (N, C/groups, *kernel), got shape {w.shape}")
    if x.ndim not in (dims + 1, dims + 2):
        raise DataError(
            f"input: must have {dims + 1} or {dims + 2} axes for a {dims}-D kernel, got shape {x.shape} "
            f"with a kernel of shape {w.shape}"
        )
    for name, array in (("input", x), ("kernel", w)):
        if array.size == 0:
            raise DataError(f"{name}: every axis must have at least one element, got shape {array.shape}")
    return dims


def _apply(
    name: str,
    primitive: Convolution,
    x: np.ndarray,
    w: np.ndarray,
    bias: npt.ArrayLike | None,
    padding_mode: str,
    algorithm: str,
) -> np.ndarray:
    batched = x if x.ndim == w.ndim else x[np.newaxis]
    biases = None if bias is None else _array("bias", bias)
    check_arrays(name, primitive, w, biases, "kernel", "bias")
    with located(name):
        placed = place(primitive, (batched.shape,)).primitive
        assert isinstance(placed, Correlate | TransposedCorrelate)
        out = convolve(placed, batched, w, biases, padding_mode=padding_mode, algorithm=algorithm)
    return out if x.ndim == w.ndim else out[0]
