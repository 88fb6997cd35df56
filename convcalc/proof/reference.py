"""The same network run by another program: its output's values against ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np

from convcalc.errors import DataError
from convcalc.graph.graph import Graph, Node
from convcalc.graph.primitives import Correlate, Elementwise, Linear, MatMul, TransposedCorrelate
from convcalc.proof.executed import Check, skipped

SPREAD = 16.0
"""An error may be this many times the usual rounding error."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Another program by name; `run` gives the output for the network's inputs, None if it cannot be asked: `absent`
    says why, if not because it is not installed.

    It raises DataError if the program cannot run the network.
    """

    name: str
    run: Callable[[Sequence[np.ndarray]], np.ndarray] | None
    absent: str = ""


def check_reference(graph: Graph, reference: Reference, inputs: Sequence[np.ndarray], out: np.ndarray) -> Check:
    """The output against the reference's, with a tolerance for rounding in both.

    The rounding errors of a sum of n products grow with sqrt(n), and those of layers, which are independent, add up in
    squares. Source: Higham 2002, section 2.8.
    """
    if reference.run is None:
        return skipped("values", reference.absent or f"{reference.name} is not installed")
    try:
        theirs = reference.run(inputs)
    except DataError as reason:
        return skipped("values", str(reason))
    if theirs.shape != out.shape:
        return Check("values", list(theirs.shape), list(out.shape), False, f"the shape of {reference.name}'s output")
    with np.errstate(all="ignore"):
        same = (theirs == out) | (np.isnan(theirs) & np.isnan(out))
        errors = np.where(same, 0.0, np.abs(theirs.astype(np.float64) - out))
    error = float("inf") if np.isnan(errors).any() else float(errors.max())
    finite = np.abs(theirs[np.isfinite(theirs)])
    epsilon = max(
        float(np.finfo(dtype).eps) for dtype in (out.dtype, theirs.dtype, *_casts(graph)) if dtype.kind == "f"
    )
    allowed = SPREAD * epsilon * sqrt(_terms(graph)) * float(finite.max() if finite.size else 0)
    how = f"{out.size:,} outputs against {reference.name}'s; allowed is {SPREAD:g} times the usual rounding error"
    return Check("values", f"error <= {allowed:.3g}", f"error {error:.3g}", error <= allowed, how)


def _casts(graph: Graph) -> Iterator[np.dtype]:
    """The float types that nodes cast to."""
    for node in graph.nodes:
        if isinstance(node.primitive, Elementwise) and node.primitive.kind.startswith("float"):
            yield np.dtype(node.primitive.kind)


def _terms(graph: Graph) -> int:
    """Terms in the sums of all layers together, and one more for every layer."""
    return len(graph.layers) + sum(map(_products, graph.nodes))


def _products(node: Node) -> int:
    """Products in the sum of one output, 0 if it is not such a sum."""
    primitive = node.primitive
    if isinstance(primitive, Correlate | TransposedCorrelate):
        return prod(primitive.weight_shape) // primitive.out_channels
    if isinstance(primitive, Linear):
        return primitive.in_features
    if isinstance(primitive, MatMul):
        return (node.input_shapes[0] or (1,))[-1]
    return 0
