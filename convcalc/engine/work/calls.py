"""The calls of NumPy that an algorithm consists of: planned some way ahead, then made one right after the other.

Python between two calls finds its own data driven out of the caches, and holds the lock that other threads wait for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convcalc.engine.counter import Counter
from convcalc.engine.work.blocks import LANES, workspaces

AHEAD = 64
"""Planned calls from which they are made with the next product."""
SHARED = 9216
"""Values of a matrix from which OpenBLAS shares its product with a vector among threads."""

_write = np.ndarray.__setitem__


class Calls:
    """Calls on arrays, made in the order of planning: all with a product once they are `ahead`, the last by `make`.

    Who plans must not look at an array that planned calls write, nor make a copy of it. `beside` says that others are
    made at the same time, in other threads; those that one thread plans at the same time need a `place` each.
    """

    def __init__(self, counter: Counter | None = None, *, ahead: int = AHEAD, beside: bool = False, place: int = 0):
        self.counter, self.beside, self.place = counter, beside, place
        self._ahead = ahead
        self._planned: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def plan(self, function: Callable[..., object], *arguments: object) -> None:
        """Any call; like a product it may be the one with which all are made."""
        self._planned.append((function, arguments))
        if len(self._planned) >= self._ahead:
            self.make()

    def workspaces(self, dtype: np.dtype, *sizes: int) -> list[np.ndarray]:
        """Flat working arrays of these sizes, uninitialised, which the next ones take back."""
        return workspaces(dtype, *sizes, place=self.place)

    def copy(self, source: np.ndarray, target: np.ndarray) -> None:
        """Writes the source, broadcast and converted, into the target."""
        self._planned.append((_write, (target, ..., source)))

    def clear(self, target: np.ndarray) -> None:
        """Writes zeros."""
        self._planned.append((_write, (target, ..., 0)))

    def add(self, terms: np.ndarray, sums: np.ndarray) -> None:
        """Adds the terms, broadcast, to the sums in place."""
        self._planned.append((np.add, (sums, terms, sums)))

    def multiply(self, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
        """Writes left @ right into `out`, shapes (*stack, m, k), (*stack, k, n) and (*stack, m, n).

        Counts stack*m*k*n multiplications, read off the arrays and not off the layer they belong to.

        >>> calls, out = Calls(Counter()), np.empty((2, 5))
        >>> calls.multiply(np.ones((2, 3)), np.ones((3, 5)), out)
        >>> calls.make()
        >>> calls.counter.multiplications
        30
        """
        self.plan(_complex_product if out.dtype.kind == "c" else _product(left, right, out), left, right, out)
        self.count(out.size * left.shape[-1])

    def count(self, multiplications: int) -> None:
        """Adds to the counter, if there is one."""
        if self.counter is not None:
            self.counter.multiplications += multiplications

    def make(self) -> None:
        """Makes all calls planned by now."""
        planned, self._planned = self._planned, []
        for function, arguments in planned:
            function(*arguments)

    def make_if_copied(self, array: np.ndarray, source: np.ndarray) -> None:
        """Makes them if the array, which they read, is no view of its source: so that it is soon let go of."""
        if not np.may_share_memory(array, source):
            self.make()


def multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray, counter: Counter | None) -> None:
    """As `Calls.multiply`, at once."""
    calls = Calls(counter)
    calls.multiply(left, right, out)
    calls.make()


def _product(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> Callable[..., object]:
    """NumPy's function that is fastest at this product."""
    rows, depth = left.shape[-2:]
    if depth == 1:  # an outer product, which matmul does not hand to BLAS: 14 times slower
        return np.multiply
    if rows == 1 and right.shape[-1] >= LANES and (depth * right.shape[-1] >= SHARED or out.dtype.kind not in "fc"):
        # BLAS would share this little work among its threads, which on a busy machine wait for each other
        # a time slice a call: 20 times slower there, and at best a sixth faster elsewhere, copies included.
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
