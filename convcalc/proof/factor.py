"""Factoring a full kernel into one kernel per axis, as the spatially separable convolution runs them.

The kernel K[n, c, y, x] is the sum over m of column[m, c, y] * row[n, m, x]: the matrix with rows (c, y) and columns
(n, x) has rank M, the mid-channels. Source: Jaderberg, Vedaldi & Zisserman 2014, section 2.1, scheme 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod

import numpy as np

from convcalc.engine.arithmetic import check_dtype
from convcalc.errors import DataError


@dataclass(frozen=True, slots=True)
class Factors:
    """One kernel per spatial axis, (M, C, kh, 1) then (N, M, 1, kw), and how well they make up the full one."""

    kernels: tuple[np.ndarray, ...]
    rank: int
    exact: bool
    relative_error: float

    @property
    def note(self) -> str:
        if self.exact:
            return f"the kernel is factored exactly, into {len(self.kernels)} kernels with mid-channels {self.rank}"
        return f"rank-{self.rank} approximation of the kernel, relative error {self.relative_error:.4g}"


def factored(kernel: np.ndarray, rank: int | None, name: str) -> Factors:
    """The kernel (N, C, *k) as a chain of `dims` kernels with `rank` mid-channels; rank 1, exactly, if None.

    An integer kernel of rank 1 is factored in integers, others in floats through the singular value decomposition.
    Raises DataError, with singular values and error, for a kernel not of rank 1, or with NaN or Inf, and for a rank
    beyond what any kernel of that shape has.
    """
    check_dtype(name, kernel.dtype)
    if not np.isfinite(kernel).all():
        raise DataError(f"{name}: a kernel to be factored must be finite, got NaN or Inf")
    wanted = rank or 1
    filters, channels, *taps = kernel.shape
    most = max(channels * taps[0], filters * taps[-1])
    if wanted > most:
        raise DataError(f"{name}: rank must be at most {most} for a kernel of shape {kernel.shape}, got {wanted}")
    integers = kernel.dtype.kind in "biu"
    full = kernel.astype(np.complex128 if kernel.dtype.kind == "c" else np.float64)
    kernels, singular = _decomposed(full, wanted)
    norm = float(np.linalg.norm(full))
    error = float(np.linalg.norm(full - _product(kernels))) / norm if norm else 0.0
    exact = error <= tolerance(kernel)
    if integers and exact and wanted == 1:
        whole = _in_integers(kernel)
        exact = bool((_product(whole) == kernel).all())
        if exact:
            return Factors(tuple(_as_int64(factor, name) for factor in whole), 1, True, 0.0)
    if rank is None and not exact:
        shown = ", ".join(f"{value:.4g}" for value in singular[:8])
        raise DataError(
            f"{name}: a spatially separable kernel must have rank 1, got singular values {shown} and a best rank-1 "
            f"approximation with relative error {error:.4g}; run an approximation with --rank R "
            "or give one kernel per axis"
        )
    dtype = np.dtype(np.float64) if integers else kernel.dtype
    return Factors(tuple(k.astype(dtype) for k in kernels), wanted, exact, error)


def tolerance(kernel: np.ndarray) -> float:
    """Largest relative error, in Frobenius norm, that rounding in a kernel of that rank explains."""
    return float(4 * max(kernel.shape) * eps_of(kernel.dtype))


def eps_of(dtype: np.dtype) -> float:
    """The spacing of numbers at 1 in the dtype of a kernel's factors: the kernel's own, or float64 for integers."""
    return float(np.finfo(np.float64 if dtype.kind in "biu" else dtype).eps)


def _decomposed(full: np.ndarray, rank: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Best kernels of that rank, axis after axis, and the singular values of the first split.

    The remaining kernel, (N, M, *rest), is split into (M, axis) by (N, rest); three axes are split twice.
    Ranks beyond the matrix's own are filled with zeros.
    """
    dims = full.ndim - 2
    kernels, rest, first_values = [], full, np.zeros(0)
    for axis in range(dims - 1):
        filters, channels, taps, *others = rest.shape
        matrix = np.moveaxis(rest, 0, 2).reshape(channels * taps, filters * prod(others))
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        first_values = values if axis == 0 else first_values
        kept = min(rank, len(values))
        scale = np.sqrt(values[:kept])
        left, right = left[:, :kept] * scale, right[:kept] * scale[:, None]
        left = np.pad(left, ((0, 0), (0, rank - kept)))
        right = np.pad(right, ((0, rank - kept), (0, 0)))
        column = np.moveaxis(left.reshape(channels, taps, rank), 2, 0)
        kernels.append(_along(column, axis, dims))
        rest = np.moveaxis(right.reshape(rank, filters, *others), 0, 1)
    kernels.append(_along(rest, dims - 1, dims))
    return kernels, first_values


def _as_int64(factor: np.ndarray, name: str) -> np.ndarray:
    try:
        return factor.astype(np.int64)
    except OverflowError:
        largest = max(abs(value) for value in factor.flat)
        raise DataError(
            f"{name}: the factors of an integer kernel must fit int64, got {largest}; convert the kernel to float64"
        ) from None


def _along(kernel: np.ndarray, axis: int, dims: int) -> np.ndarray:
    """(out, in, taps) as a kernel whose taps lie along one axis."""
    return kernel.reshape(*kernel.shape[:2], *(kernel.shape[2] if a == axis else 1 for a in range(dims)))


def _product(kernels: list[np.ndarray]) -> np.ndarray:
    """The full kernel that the chain amounts to."""
    full = kernels[0]
    for kernel in kernels[1:]:
        full = (full[np.newaxis] * kernel[:, :, np.newaxis]).sum(axis=1)
    return full


def _in_integers(kernel: np.ndarray) -> list[np.ndarray]:
    """Kernels of Python integers for one of rank 1: its rows are whole multiples of one primitive row, and so on."""
    kernels = []
    rest = kernel.astype(object)
    dims = kernel.ndim - 2
    for axis in range(dims - 1):
        filters, channels, taps, *others = rest.shape
        matrix = np.moveaxis(rest, 0, 2).reshape(channels * taps, -1)
        pivot = next((row for row in matrix if any(row)), matrix[0])
        divisor = gcd(*pivot) or 1
        primitive = np.array([value // divisor for value in pivot], object)
        at = next((i for i, value in enumerate(primitive) if value), None)
        column = np.array([row[at] // primitive[at] if at is not None else 0 for row in matrix], object)
        kernels.append(_along(column.reshape(1, channels, taps), axis, dims))
        rest = np.moveaxis(primitive.reshape(1, filters, *others), 0, 1)
    kernels.append(_along(rest, dims - 1, dims))
    return kernels
