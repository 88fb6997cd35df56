"""Matrix products by the NumPy function that is fastest for their shapes, counted as they are executed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.counter import Counter, StoppedError


def multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray, counter: Counter | None) -> None:
    """Writes left @ right into `out`, shapes (*stack, m, k), (*stack, k, n) and (*stack, m, n).

    Counts stack*m*k*n multiplications, read off the arrays and not off the layer they belong to.

    >>> counter, out = Counter(), np.empty((2, 5))
    >>> multiply(np.ones((2, 3)), np.ones((3, 5)), out, counter)
    >>> counter.multiplications
    30
    """
    product = _complex_product if out.dtype.kind == "c" else _product(left, right, out)
    product(left, right, out)
    if counter is not None:
        counter.multiplications += out.size * left.shape[-1]
        if counter.stopped:
            raise StoppedError


def _product(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> Callable[..., object]:
    """The NumPy function that is fastest for this product."""
    rows, depth = left.shape[-2:]
    if depth == 1:  # an outer product, which matmul does not hand to BLAS: 14 times slower
        return np.multiply
    columns = right.shape[-1]
    shared = depth * columns >= tuning.MIN_SHARED_MATRIX or out.dtype.kind not in "fc"
    if rows == 1 and columns >= tuning.MIN_COLUMNS and shared:
        # BLAS would split this little work among its threads. On a busy machine they wait for each other, one time
        # slice per call: 20 times slower. Elsewhere BLAS is at best a sixth faster, copies included.
        return _by_einsum
    return np.matmul


def _by_einsum(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    np.einsum("...mk,...kn->...mn", left, right, out=out)


def _complex_product(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    _product(left, right, out)(left, right, out)
    if not np.isfinite(out).all():
        # BLAS multiplies by a complex 1 + 0i at the end, and Inf * 0i is NaN; real products have no such 0.
        out.real[...] = left.real @ right.real - left.imag @ right.imag
        out.imag[...] = left.real @ right.imag + left.imag @ right.real
