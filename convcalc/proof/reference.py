"""The same network run by another program: the values of all its outputs against ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from convcalc.errors import DataError
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Elementwise
from convcalc.proof.arrays import Arrays
from convcalc.proof.executed import Check, skipped
from convcalc.proof.rounding import rounding_errors, typical_errors
from convcalc.proof.walk import NodeError

SPREAD = 16.0
"""An error may be this many times the usual one."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Another program by name; `run` gives all outputs for the network's inputs, None if it cannot be asked: `absent`
    says why, if not because it is not installed.

    It raises DataError if the program cannot run the network. `types` are the dtypes of inputs by name, if they are not
    float32.
    """

    name: str
    run: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]] | None
    absent: str = ""
    types: Mapping[str, np.dtype] = field(default_factory=dict)


def check_reference(
    graph: Graph, reference: Reference, inputs: Sequence[np.ndarray], arrays: Arrays, outputs: Mapping[int, np.ndarray],
    ran: Callable[[], None] = lambda: None,
) -> Iterator[Check]:  # fmt: skip
    """Every output against the reference's: its error must be one that rounding explains, at each of its values.

    `outputs` are ours, by the number of the node; `ran` is called after every node of further runs.
    """
    if reference.run is None:
        yield skipped("values", reference.absent or f"{reference.name} is not installed")
        return
    try:
        theirs = reference.run(inputs)
        epsilon = _epsilon(graph, reference, theirs)
        wide, off = rounding_errors(graph, {*outputs}, inputs, arrays, epsilon, ran)
    except DataError as reason:
        yield skipped("values", str(reason))
        return
    except NodeError as error:
        yield skipped("values", f"{graph.labels[error.number]} could not be run in float64")
        return
    for number, given in zip((graph.output, *graph.others), theirs, strict=True):
        label = f" of {graph.labels[number]}" if graph.others else ""
        yield _compared(reference.name, label, given, outputs[number], wide[number], off[number], epsilon)


def _compared(
    name: str, label: str, theirs: np.ndarray, ours: np.ndarray, wide: np.ndarray, off: np.ndarray, epsilon: float
) -> Check:
    """One output against the reference's; values of which float32 has no right digit are left out."""
    if theirs.shape != ours.shape:
        how = f"the shape of {name}'s output{label}"
        return Check("values", list(theirs.shape), list(ours.shape), False, how)
    with np.errstate(all="ignore"):
        same = (theirs == ours) | (np.isnan(theirs) & np.isnan(ours))
        errors = np.where(same, 0.0, np.abs(theirs.astype(np.float64) - ours))
    allowed = SPREAD * typical_errors(off, wide, epsilon)
    judged = (np.isfinite(off) & (allowed <= _largest(wide, epsilon))) | ~np.isfinite(wide)
    if not judged.any():
        return skipped("values", f"float32 has no right digit{label}: it overflows on the way, or rounding takes all")
    errors = np.where(judged, np.where(np.isnan(errors), np.inf, errors), 0.0)
    share = errors / np.maximum(allowed, np.finfo(np.float64).tiny)
    worst = int(np.argmax(share))
    error, bound = float(errors.flat[worst]), float(allowed.flat[worst])
    left_out = ours.size - int(np.count_nonzero(judged))
    how = (
        f"{ours.size - left_out:,} outputs{label} against {name}'s, each allowed {SPREAD:g} times the error that "
        "float32 has, against float64, in its channel or row"
    )
    if left_out:
        how += f"; {left_out:,} of which float32 has no right digit are not compared"
    return Check("values", f"error <= {bound:.3g}", f"error {error:.3g}", bool(share.flat[worst] <= 1), how)


def _largest(wide: np.ndarray, epsilon: float) -> float:
    """An allowance beyond this proves nothing: the largest value, or the error of a bounded function that is tiny."""
    finite = np.abs(wide[np.isfinite(wide)])
    return max(2 * SPREAD * epsilon, float(finite.max()) if finite.size else 0.0)


def _epsilon(graph: Graph, reference: Reference, theirs: Sequence[np.ndarray]) -> float:
    """The spacing at 1 of the coarsest floats that the reference computes with: float32's, if not halves'."""
    casts = [
        np.dtype(node.primitive.kind)
        for node in graph.nodes
        if isinstance(node.primitive, Elementwise) and node.primitive.kind.startswith("float")
    ]
    dtypes = (np.dtype(np.float32), *reference.types.values(), *(out.dtype for out in theirs), *casts)
    return max(float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f")
