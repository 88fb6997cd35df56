"""Why somebody else's output differs: compared, located, and explained by the mistakes that give exactly it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, prod
from typing import Any

import numpy as np

from convcalc.diagnosing.evaluate import computable, magnitudes, terms, whole
from convcalc.diagnosing.pattern import pattern_of
from convcalc.diagnosing.reading import Reading
from convcalc.diagnosing.search import Class, Progress, classes, searched
from convcalc.diagnosing.setup import Axis, Files, Setup, Stage, output_shape, stage_shape
from convcalc.diagnosing.table import readings_of
from convcalc.diagnosing.target import Target, target_of
from convcalc.errors import DataError
from convcalc.graph.primitives import Correlate, ShuffleChannels, TransposedCorrelate, windows
from convcalc.notation import PADDING_WORDS, parse_layout
from convcalc.proof.forms import Named, full_input
from convcalc.proof.run import Prepared, Run, RunOptions, prepared
from convcalc.proof.statistics import json_number

MARGIN = 12
"""Bits that y must have beyond what the number of tried readings makes likely by chance."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How an output compares with the expected one. Indices are those of y's file.

    `rounding` is how much of the largest error rounding explains; `explanations` are classes of readings that are the
    same function; `indistinguishable` are readings that these data cannot tell from the answer.
    """

    agrees: bool
    max_abs_error: float | None
    rounding: float
    first_difference: tuple[int, ...]
    pattern: str
    explanations: tuple[Class, ...]
    kernel_found: np.ndarray | None
    tried: int
    indistinguishable: tuple[str, ...]
    notes: tuple[str, ...]
    ours: np.ndarray
    theirs: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        return {
            "agrees": self.agrees,
            "max_abs_error": json_number(self.max_abs_error),
            "rounding": json_number(self.rounding),
            "first_difference": list(self.first_difference),
            "pattern": self.pattern,
            "explanations": [_explained(each) for each in self.explanations],
            "kernel_found": None if self.kernel_found is None else self.kernel_found.tolist(),
            "tried": self.tried,
            "indistinguishable": list(self.indistinguishable),
            "notes": list(self.notes),
        }


def _explained(each: Class) -> dict[str, Any]:
    first, *others = each.found
    return {
        "id": first.reading.id,
        "text": first.reading.text,
        "fix": first.reading.fix,
        "equivalent": [{"id": o.reading.id, "text": o.reading.text, "fix": o.reading.fix} for o in others],
        "max_abs_error": json_number(first.error),
    }


def expect(
    input: Named, kernels: Sequence[Named], biases: Sequence[Named], options: RunOptions, run: Run, expected: Named, *,
    tolerance: float | None = None, progress: Progress | None = None,
) -> Expectation:  # fmt: skip
    """`run`'s output, of these arrays and options, against `expected`, somebody else's.

    Raises DataError if `expected` is empty or no array of numbers.
    """
    theirs = expected.array
    if theirs.size == 0 or theirs.dtype.kind not in "biufc":
        raise DataError(f"{expected.name}: must be an array of numbers, got shape {theirs.shape} of {theirs.dtype}")
    layer = prepared(input, kernels, biases, options)
    files = Files(
        parse_layout(options.layout), input.array.ndim, options.flip, tuple(kernel.array.ndim for kernel in kernels)
    )
    own = setup_of(layer, options, files)
    setup = computable(own)
    shape = output_shape(setup)
    assert shape is not None
    kinds = (own.x.dtype, *(stage.weight.dtype for stage in own.stages))
    y = full_output(expected, shape, layer.dims, options)
    wide = y.astype(
        np.complex128
        if y.dtype.kind == "c"
        else np.int64
        if setup.x.dtype.kind == "i" and y.dtype.kind in "biu"
        else np.float64
    )
    sizes = (
        whole(magnitudes(setup)).real if y.shape == shape else np.full(1, float(np.max(whole(magnitudes(setup)).real)))
    )
    bounds = _bounds(setup, sizes, y, kinds)
    ours = run.out
    if y.shape == shape:
        full = full_output(Named("", ours), shape, layer.dims, options)
        with np.errstate(all="ignore"):
            errors = np.abs(full.astype(wide.dtype) - wide)
            errors = np.where((full == wide) | (np.isnan(full) & np.isnan(wide)), 0, errors)
        errors = np.where(np.isnan(errors), np.inf, errors)
        allowed = bounds if tolerance is None else np.full(shape, tolerance)
        differs = errors > allowed
        largest = float(errors.max())
        share = float(bounds.ravel()[int(errors.argmax())] if bounds.size > 1 else bounds.max())
        if not differs.any():
            return Expectation(True, largest, share, (), "", (), None, 0, (), (), ours, theirs)
        places = full_output(
            Named("", np.arange(theirs.size).reshape(theirs.shape)), shape, layer.dims, options
        ).ravel()
        first = tuple(int(i) for i in np.unravel_index(int(places[differs.ravel()].min()), theirs.shape))
        pattern = pattern_of(full, y, differs, setup)
    else:
        differs, largest, share, first = None, None, 0.0, ()
        pattern = f"shape {_shown(theirs.shape)} instead of {_shown(ours.shape)}"
    most = float(bounds.max()) if tolerance is None else tolerance
    # Numbers that are taken from y are rounded, even where y is exact.
    loose = np.full(1, most + min(1e-10 * _largest(wide), 0.25 if not bounds.any() else np.inf))
    target = target_of(wide.ravel(), y.shape, loose, None if differs is None else differs.ravel())
    readings = readings_of(setup, y.dtype, kinds, _largest(ours, y))
    result = searched(setup, target, readings, progress)
    found, tried = result.found, result.tried
    explained = classes(setup, found)
    notes: tuple[str, ...] = ()
    bits = max((_bits(target, each.found[0].reading) for each in explained), default=0.0)
    if explained and bits < log2(tried + 1) + MARGIN:
        notes = (
            f"y has too few different values to be sure: {len(found)} of {tried} readings fit it; give a larger input",
        )
    others = tuple(each.found[0].reading.id for each in explained) if len(explained) > 1 or notes else ()
    explanations = () if notes else explained
    return Expectation(False, largest, share, first, pattern, explanations, None, tried, others, notes, ours, theirs)


def _bits(target: Target, reading: Reading) -> float:
    """What y says beyond the numbers that were taken from it."""
    return target.bits * max(0.0, 1 - reading.unknowns / target.y.size)


def _bounds(setup: Setup, sizes: np.ndarray, y: np.ndarray, kinds: Sequence[np.dtype]) -> np.ndarray:
    """What rounding alone may make of every output: that of the sums, and that of y's own dtype."""
    floats = [kind for kind in (*kinds, y.dtype) if kind.kind in "fc"]
    if not floats:
        return np.zeros_like(sizes, dtype=np.float64)
    coarse = (
        max(float(np.finfo(kind).eps) for kind in floats if np.finfo(kind).bits > 16)
        if any(np.finfo(kind).bits > 16 for kind in floats)
        else float(np.finfo(np.float32).eps)
    )
    stored = float(np.finfo(y.dtype).eps) if y.dtype.kind in "fc" else 0.0
    count = terms(setup)
    with np.errstate(all="ignore"):
        largest = np.abs(np.where(np.isfinite(y), y, 0)).astype(np.float64)
        spread = largest if sizes.size > 1 else largest.max()
        bounds = coarse * min(count, 8 + 4 * count**0.5) * sizes + stored * spread
    return np.asarray(np.where(np.isfinite(bounds), bounds, 0))


def _largest(*arrays: np.ndarray) -> float:
    finite = (np.abs(array[np.isfinite(array)]) for array in arrays)
    return max(float(sizes.max(initial=0)) for sizes in finite)


def setup_of(layer: Prepared, options: RunOptions, files: Files) -> Setup:
    """The layer as readings change it."""
    stages: list[Stage] = []
    word = options.padding if isinstance(options.padding, str) and options.padding in PADDING_WORDS else None
    for node in layer.graph.nodes:
        primitive = node.primitive
        if isinstance(primitive, ShuffleChannels):
            groups, count = primitive.groups, stages[-1].filters
            stages[-1] = stages[-1]._replace(gives=np.arange(count).reshape(groups, -1).T.ravel())
        if not isinstance(primitive, Correlate | TransposedCorrelate):
            continue
        sizes = layer.x.shape[2:] if not stages else stage_shape(stages[-1])
        transposed = isinstance(primitive, TransposedCorrelate)
        ends = primitive.output_padding if isinstance(primitive, TransposedCorrelate) else (0,) * len(sizes)
        axes = tuple(
            Axis(size, w.stride, w.dilation, w.before, w.after, options.padding_mode, transposed, end)
            for size, w, end in zip(sizes, windows(primitive), ends, strict=True)
        )
        arrays = layer.arrays[node.name]
        stages.append(
            Stage(node.stage, arrays[0], arrays[1] if len(arrays) > 1 else None, primitive.groups, axes, word)
        )
    return Setup(layer.x, tuple(stages), (), files)


def full_output(y: Named, shape: Sequence[int], dims: int, options: RunOptions) -> np.ndarray:
    """An output as (batch, N, *positions), whatever axes of length 1 it has or lacks; as it is if it cannot be that."""
    if y.array.ndim in (dims, dims + 1, dims + 2):
        full = full_input(y, dims, parse_layout(options.layout))
        if full.shape == tuple(shape):
            return full
    else:
        full = y.array
    if y.array.size == prod(shape) and [n for n in y.array.shape if n > 1] == [n for n in shape if n > 1]:
        return y.array.reshape(shape)
    return full


def _shown(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "one number"
