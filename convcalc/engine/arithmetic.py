"""Which dtype a product is computed in, so that integers are exact and floats keep NumPy's result dtype."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod

import numpy as np

from convcalc.engine.work.blocks import block_shape, blocks
from convcalc.errors import DataError

ACCEPTED = "float16/32/64, complex64/128, every integer type and bool"
_FLOATS = {("f", 2), ("f", 4), ("f", 8), ("c", 8), ("c", 16)}


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The dtype that products are computed in, and the dtype of the result."""

    compute: np.dtype
    result: np.dtype


def choose_arithmetic(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None, *, filter_axes: int = 1
) -> Arithmetic:
    """The arithmetic of a convolution or transposed convolution of these arrays.

    The first `filter_axes` axes of weight number the output channels, and all others are summed over; for a
    transposed layer pass `by_output_channel(weight, groups)`, which has two. Floats and complex numbers keep
    `result_type(x, weight)`, with float16 computed in float32. Integers and bools give int64 and are exact: in the
    floats that hold every partial sum, which is faster, or else in int64.

    Raises DataError for any other dtype, for a bias that cannot join the result, and for integers whose result
    could pass int64: max|x| * max over filters of sum|weight| + max|bias| must stay below 2^63.

    >>> x, weight = np.array([100, 2], np.int8), np.array([[100, 100]], np.int8)
    >>> choose_arithmetic(x, weight)
    Arithmetic(compute=dtype('float32'), result=dtype('int64'))
    """
    for name, array in (("input", x), ("kernel", weight), ("bias", bias)):
        if array is not None:
            check_dtype(name, array.dtype)
    found = _arithmetic(x.dtype, weight.dtype, None if bias is None else bias.dtype)
    if found.result.kind != "i":
        return found
    bound = _largest(x) * _largest_sum(weight, filter_axes) + (0 if bias is None else _largest(bias))
    if bound >= 2**63:
        raise DataError(
            f"integer results must be sure to fit int64, got values that can sum up to {bound} (2^63 = {2**63}); "
            "convert the input or the kernel to float64"
        )
    # All partial sums are integers up to the bound, and floats hold those exactly up to 2^24 and 2^53.
    compute = np.float32 if bound < 2**24 else np.float64 if bound < 2**53 else np.int64
    return Arithmetic(np.dtype(compute), found.result)


@cache
def _arithmetic(x: np.dtype, weight: np.dtype, bias: np.dtype | None) -> Arithmetic:
    """The arithmetic for arrays of these dtypes, int64 for integers; raises DataError like `choose_arithmetic`."""
    integers = x.kind in "biu" and weight.kind in "biu"
    result = np.dtype(np.int64) if integers else np.result_type(x, weight).newbyteorder("=")
    if bias is not None and not np.can_cast(bias, result, "same_kind"):
        raise DataError(
            f"bias must be of the result's kind, got a {bias} bias on a {result} result; "
            f"convert the input or the kernel to {np.result_type(bias, result)}"
        )
    return Arithmetic(np.dtype(np.float32) if result == np.float16 else result, result)


def check_dtype(name: str, dtype: np.dtype) -> None:
    """Raises DataError unless arrays of this dtype can be convolved; `name` says whose it is."""
    if dtype.kind not in "biu" and (dtype.kind, dtype.itemsize) not in _FLOATS:
        raise DataError(f"{name}: dtype must be one of {ACCEPTED}, got {dtype}; convert the array first")


def all_finite(array: np.ndarray) -> bool:
    """Whether there is no NaN or Inf. A finite sum (of squares, if BLAS can) proves it; otherwise each is checked."""
    if array.dtype.kind not in "fc":
        return True
    if array.flags.c_contiguous and array.itemsize >= 4:
        total = np.vdot(array, array)
    else:
        with np.errstate(all="ignore"):
            total = array.sum()
    return bool(np.isfinite(total)) or all(
        np.isfinite(array[block]).all() for block in blocks(array.shape, block_shape(array.shape, array.itemsize))
    )


def _largest(array: np.ndarray) -> int:
    """max|array| of integers, as a Python integer: the absolute value of the lowest int64 does not fit int64."""
    return max(int(array.max()), -int(array.min()))


def _largest_sum(weight: np.ndarray, filter_axes: int) -> int:
    """max over filters of sum|weight|, in blocks because the absolute values are a copy in 64 bits.

    High and low halves are summed apart: a sum of up to 2^32 such halves fits 64 bits.
    """
    sums = np.zeros(weight.shape[:filter_axes], object)
    for block in blocks(weight.shape, block_shape(weight.shape, 8)):
        values = weight[block]
        if values.dtype.kind == "i":
            values = np.abs(values.astype(np.int64)).view(np.uint64)  # 2^63 for the lowest int64, as it should be
        values = values.astype(np.uint64).reshape(*values.shape[:filter_axes], prod(values.shape[filter_axes:]))
        high, low = (values >> 32).sum(axis=-1), (values & 0xFFFFFFFF).sum(axis=-1)
        sums[block[:filter_axes]] += high.astype(object) * 2**32 + low.astype(object)
    return int(sums.max())
