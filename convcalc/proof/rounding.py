"""How far rounding alone moves the outputs of a network: run in float32 and in float64 and compared.

One allowance for a whole tensor would be too small if a layer amplifies rounding errors, and too large for small
values that share a tensor with large ones. So the error of a float32 run is measured, and taken for every slice of an
output: for every channel, row and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import ceil

import numpy as np

from convcalc.graph.graph import Graph
from convcalc.graph.primitives import (
    Correlate,
    Elementwise,
    Linear,
    MatMul,
    Normalize,
    Softmax,
    TransposedCorrelate,
)
from convcalc.proof.arrays import Arrays
from convcalc.proof.executed import Executed
from convcalc.proof.walk import executed, numbered_inputs

SUMS = Correlate | TransposedCorrelate | Linear | MatMul | Normalize | Softmax
"""Their terms may come in any order, so that even equal sums may be rounded apart."""
BOUNDED = ("sigmoid", "tanh", "erf", "softplus", "log_sigmoid")
"""Functions that other programs approximate to a few float32 steps at 1, whatever the size of the result."""
GATED = ("silu", "gelu", "gelu_tanh", "mish")
"""Functions that multiply such a result by their input."""
SAMPLES = 16
"""Fewest rounding errors to judge by: small outputs are computed several times, and small slices not looked at."""

Outputs = dict[int, np.ndarray]
"""By the number of the node."""


def run_count(few: int) -> int:
    """How often `rounding_errors` runs a network whose smallest output has so many values."""
    return 1 + ceil(SAMPLES / few)


def rounding_errors(
    graph: Graph,
    outputs: Collection[int],
    inputs: Sequence[np.ndarray],
    arrays: Arrays,
    epsilon: float,
    ran: Callable[[], None] = lambda: None,
) -> tuple[Outputs, Outputs]:
    """The outputs in float64, and how far the same in float32 are from them, NaN or Inf if they overflow.

    `epsilon` is the spacing at 1 of the coarsest floats in the network: every sum may be off by that, and the output of
    every layer if they are coarser than float32. `ran` is called after every node. The direct algorithm is used,
    whatever was chosen.
    Raises DataError if memory is short, NodeError if a node fails.
    """
    wide = _outputs(graph, outputs, _as(inputs, np.float64), _InDtype(arrays, np.float64), ran)
    few = min(wide[number].size for number in outputs)
    off: Outputs = {}
    for again in range(run_count(few) - 1):
        random = np.random.default_rng(again)

        def change(run: Executed, random: np.random.Generator = random) -> np.ndarray:
            return _approximated(run, random, epsilon)

        narrow = _outputs(graph, outputs, _as(inputs, np.float32), _InDtype(arrays, np.float32), ran, change)
        with np.errstate(all="ignore"):
            errors = {number: np.abs(narrow[number] - wide[number]) for number in outputs}
        off = {number: np.maximum(off.get(number, 0.0), errors[number]) for number in outputs}
    return wide, off


def typical_errors(off: np.ndarray, wide: np.ndarray, epsilon: float) -> np.ndarray:
    """The error that is usual at every output: the largest in its slice along some axis, whichever has the smallest.

    So scores beside boxes are judged as scores, along whatever axis they lie. A slice in which errors happen to be tiny
    counts with the median of the slices' relative errors. Slices of fewer than SAMPLES outputs are not looked at.
    """
    finite = np.isfinite(off) & np.isfinite(wide)
    off, size = np.where(finite, off, 0.0), np.where(finite, np.abs(wide), 0.0)
    usual = np.full(off.shape, np.inf)
    every = tuple(range(off.ndim))
    along = [every[:a] + every[a + 1 :] for a, count in enumerate(off.shape) if off.size >= SAMPLES * count]
    for others in along or [every]:
        largest, scale = (values.max(axis=others, keepdims=True) for values in (off, size))
        relative = largest[scale > 0] / scale[scale > 0]
        least = max(epsilon, float(np.median(relative)) if relative.size else 0.0)
        usual = np.minimum(usual, np.maximum(largest, least * scale))
    return usual


def _outputs(
    graph: Graph, outputs: Collection[int], inputs: Sequence[np.ndarray], arrays: Arrays, ran: Callable[[], None],
    change: Callable[[Executed], np.ndarray] | None = None,
) -> Outputs:  # fmt: skip
    found = numbered_inputs(graph, inputs)
    for run in executed(graph, inputs, arrays, algorithm="direct", change=change):
        if run.number in outputs:
            found[run.number] = run.out
        ran()
        del run  # so that its tensors can go
    return found


def _approximated(run: Executed, random: np.random.Generator, epsilon: float) -> np.ndarray:
    """The node's output as another program might have it: approximated, and rounded in another order."""
    out, single = run.out, float(np.finfo(np.float32).eps)
    kind = run.node.primitive.kind if isinstance(run.node.primitive, Elementwise) else ""
    with np.errstate(all="ignore"):
        if kind in BOUNDED:
            out = out + _noise(random, out, single)
        elif kind in GATED:
            out = out + _noise(random, out, single) * run.inputs[0]
        if epsilon > single or isinstance(run.node.primitive, SUMS):
            out = out * (1 + _noise(random, out, epsilon))
    return out


def _noise(random: np.random.Generator, like: np.ndarray, width: float) -> np.ndarray:
    """Uniform up to `width` on either side of 0, in the dtype of `like`."""
    return ((2 * random.random(like.shape) - 1) * width).astype(like.dtype)


def _as(arrays: Sequence[np.ndarray], dtype: type[np.floating]) -> list[np.ndarray]:
    return [array.astype(dtype, copy=False) if array.dtype.kind == "f" else array for array in arrays]


class _InDtype(Mapping[str, tuple[np.ndarray, ...]]):
    """Arrays of nodes in another dtype, each converted when it is read."""

    def __init__(self, arrays: Arrays, dtype: type[np.floating]) -> None:
        self.arrays, self.dtype = arrays, dtype

    def __getitem__(self, name: str) -> tuple[np.ndarray, ...]:
        return tuple(_as(self.arrays[name], self.dtype))

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)
