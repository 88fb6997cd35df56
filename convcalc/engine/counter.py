"""Matrix products that are counted as they are executed, so that predictions can meet reality."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from convcalc.engine.blocks import LANES
from convcalc.engine.problem import Problem

SHARED = 9216
"""Values of a matrix from which OpenBLAS shares its product with a vector among threads."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of an algorithm, and why it was taken."""

    algorithm: str
    reason: str


@dataclass(slots=True)
class Counter:
    """Scalar multiplications executed so far, whether they are the definition's, by which algorithm, and on what.

    `spoiled` says that parts with values that are not finite were computed directly instead.
    """

    multiplications: int = 0
    as_defined: bool = True
    choice: Choice | None = None
    spoiled: bool = False
    problem: Problem | None = field(default=None, compare=False)


def multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray, counter: Counter | None) -> None:
    """Writes left @ right into `out`, shapes (*stack, m, k), (*stack, k, n) and (*stack, m, n).

    Counts stack*m*k*n multiplications, read off the arrays and not off the layer they belong to.

    >>> counter = Counter()
    >>> multiply(np.ones((2, 3)), np.ones((3, 5)), np.empty((2, 5)), counter)
    >>> counter.multiplications
    30
    """
    rows, depth = left.shape[-2:]
    if depth == 1:  # an outer product, which matmul does not hand to BLAS: 14 times slower
        np.multiply(left, right, out=out)
    elif rows == 1 and right.shape[-1] >= LANES and (depth * right.shape[-1] >= SHARED or out.dtype.kind not in "fc"):
        # BLAS would share this little work among its threads, which on a busy machine wait for each other
        # a time slice a call: 20 times slower there, and at best a sixth faster elsewhere, copies included.
        np.einsum("...mk,...kn->...mn", left, right, out=out)
    else:
        np.matmul(left, right, out=out)
    if out.dtype.kind == "c" and not np.isfinite(out).all():
        # BLAS multiplies by a complex 1 + 0i at the end, and Inf * 0i is NaN; real products have no such 0.
        out.real[...] = left.real @ right.real - left.imag @ right.imag
        out.imag[...] = left.real @ right.imag + left.imag @ right.real
    if counter is not None:
        counter.multiplications += out.size * left.shape[-1]
