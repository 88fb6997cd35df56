"""Products of matrices: linear layers, and two inputs times each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convcalc.engine.counter import Counter
from convcalc.engine.work.products import multiply
from convcalc.graph.primitives import Linear


def linear(primitive: Linear, x: np.ndarray, arrays: Sequence[np.ndarray], counter: Counter | None) -> np.ndarray:
    """Every row of x times the matrix arrays[0], (out_features, in_features), plus arrays[1] if it has a bias."""
    rows = x.reshape(-1, primitive.in_features)
    # The weight is on the left, without a copy: BLAS takes a product with one column faster than with one row.
    out = np.empty((arrays[0].shape[0], len(rows)), x.dtype)
    multiply(arrays[0], rows.T, out, counter)
    result = out.T + arrays[1] if primitive.bias else out.T
    return result if primitive.flatten else result.reshape(*x.shape[:-1], -1)


def matrix_product(left: np.ndarray, right: np.ndarray, counter: Counter | None) -> np.ndarray:
    """left (..., m, k) times right (..., k, n); the axes before the last two broadcast as a stack."""
    stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = (np.broadcast_to(array, (*stack, *array.shape[-2:])) for array in (left, right))
    out = np.empty((*stack, left.shape[-2], right.shape[-1]), np.result_type(left, right))
    multiply(left, right, out, counter)
    return out
