"""The same network run by another program: the output's values against its."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np

from convcalc.errors import DataError
from convcalc.graph.graph import Network
from convcalc.graph.primitives import Elementwise, Linear, MatMul
from convcalc.graph.stages import Convolution
from convcalc.proof.checks import Check

SPREAD = 16.0
"""How many times the usual rounding error an error may be."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Another program by name; `run` gives the output for the network's inputs, None if it is not installed.

    It raises DataError where the program cannot run the network.
    """

    name: str
    run: Callable[[Sequence[np.ndarray]], np.ndarray] | None


def check_values(network: Network, reference: Reference, inputs: Sequence[np.ndarray], out: np.ndarray) -> Check:
    """The output against the reference's, with a tolerance for what rounding does in both.

    The rounding errors of a sum of n products grow with sqrt(n), and those of layers, which are independent, add up in
    squares. Source: Higham 2002, section 2.8.
    """
    if reference.run is None:
        return Check("values", None, None, True, f"not compared: {reference.name} is not installed")
    try:
        theirs = reference.run(inputs)
    except DataError as reason:
        return Check("values", None, None, True, f"not compared: {reason}")
    if theirs.shape != out.shape:
        return Check("values", list(theirs.shape), list(out.shape), False, f"the shape of {reference.name}'s output")
    with np.errstate(all="ignore"):
        same = (theirs == out) | (np.isnan(theirs) & np.isnan(out))
        errors = np.where(same, 0.0, np.abs(theirs.astype(np.float64) - out))
    error = float("inf") if np.isnan(errors).any() else float(errors.max())
    finite = np.abs(theirs[np.isfinite(theirs)])
    epsilon = max(
        float(np.finfo(dtype).eps) for dtype in (out.dtype, theirs.dtype, *_casts(network)) if dtype.kind == "f"
    )
    allowed = SPREAD * epsilon * sqrt(_terms(network)) * float(finite.max() if finite.size else 0)
    how = f"{out.size:,} outputs against {reference.name}'s; allowed is {SPREAD:g} times the usual rounding error"
    return Check("values", f"error <= {allowed:.3g}", f"error {error:.3g}", error <= allowed, how)


def _casts(network: Network) -> Iterator[np.dtype]:
    """The floats that layers round to on the way."""
    for node in network.layers:
        if isinstance(node.operator, Elementwise) and node.operator.kind.startswith("float"):
            yield np.dtype(node.operator.kind)


def _terms(network: Network) -> int:
    """Terms in the sums of all layers together."""
    terms = len(network.layers)
    for node in network.layers:
        for step in node.steps:
            if isinstance(step.stage, Convolution):
                terms += prod(step.stage.weight_shape) // step.stage.out_channels
        if isinstance(node.operator, Linear):
            terms += node.operator.in_features
        if isinstance(node.operator, MatMul):
            terms += (node.input_shapes[0] or (1,))[-1]
    return terms
