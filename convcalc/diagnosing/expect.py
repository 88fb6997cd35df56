"""Why somebody else's output differs: compared, located, and explained by the mistakes that give exactly it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np

from convcalc.diagnosing.evaluate import computable, largest_sum, magnitudes, terms, whole
from convcalc.diagnosing.identify import identified
from convcalc.diagnosing.layer import full_output, setup_of
from convcalc.diagnosing.pattern import pattern_of
from convcalc.diagnosing.reading import Reading
from convcalc.diagnosing.rounding import accepting, rounding_of
from convcalc.diagnosing.search import Class, Found, Progress, blind_spots, classes, searched, shape_readings
from convcalc.diagnosing.setup import Setup, output_shape
from convcalc.diagnosing.table import readings_of
from convcalc.diagnosing.target import Target, certain, target_of
from convcalc.errors import DataError
from convcalc.proof.forms import Named
from convcalc.proof.run import Run, RunOptions, prepared
from convcalc.proof.statistics import json_number
from convcalc.storage.memory import check_memory

SUMMED = 1 << 27
"""Products whose magnitudes are summed output by output; of more, what they cannot exceed is taken."""
COPIES = 3
"""Arrays in float64 that a comparison has at once for the input and each output."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How an output compares with the expected one. Indices are those of y's file.

    `rounding` is how much of the largest error rounding explains; `explanations` are classes of readings that are the
    same function for this layer. `indistinguishable` are the ids of readings that these data cannot tell from each
    other, or, where both agree, from the right result. `wrong` marks the outputs that differ, in the form of `theirs`.
    Of the mistakes that were `tried`, `pairs` are two at once.
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
    wrong: np.ndarray | None = None
    pairs: int = 0

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
            "pairs": self.pairs,
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


@np.errstate(all="ignore")  # NaN and Inf are values here, not accidents
def expect(
    input: Named, kernels: Sequence[Named], biases: Sequence[Named], options: RunOptions, run: Run, expected: Named, *,
    tolerance: float | None = None, progress: Progress | None = None,
) -> Expectation:  # fmt: skip
    """`run`'s output, of these arrays and options, against `expected`, somebody else's.

    Both agree if no output is off by more than `tolerance`, which is what rounding explains unless it is given.
    Raises DataError if `expected` is empty or no array of numbers.
    """
    theirs = expected.array
    if theirs.size == 0 or theirs.dtype.kind not in "biufc":
        raise DataError(f"{expected.name}: must be an array of numbers, got shape {theirs.shape} of {theirs.dtype}")
    layer = prepared(input, kernels, biases, options)
    own = setup_of(layer, input, kernels, options)
    check_memory(COPIES * 8 * (own.x.size + 2 * run.out.size + theirs.size), "the comparison")
    kinds = (own.x.dtype, *(stage.weight.dtype for stage in own.stages))
    compared = _compared(computable(own), kinds, run.out, expected, layer.dims, options, tolerance)
    setup, target = compared.setup, compared.target
    readings = readings_of(setup, theirs.dtype, kinds, _largest(run.out, theirs), _largest(run.out))
    base = compared.base
    if base.agrees:
        mistakes = [reading for reading in readings if reading.family != "rounding"]
        blind = blind_spots(setup, target, mistakes, progress)
        some, size = len(target.second.places), target.y.size
        notes = (f"what these data are blind to was looked for in {some:,} of {size:,} outputs",) if some < size else ()
        ids = tuple(reading.id for reading in blind)
        return replace(base, tried=len(mistakes), indistinguishable=ids, notes=notes)
    return _diagnosed(base, setup, target, readings, progress)


class Compared(NamedTuple):
    """Two outputs beside each other: what is known of them before any mistake is thought of."""

    base: Expectation
    setup: Setup
    target: Target


def _compared(
    setup: Setup, kinds: Sequence[np.dtype], ours: np.ndarray, expected: Named, dims: int, options: RunOptions,
    tolerance: float | None,
) -> Compared:  # fmt: skip
    shape = output_shape(setup)
    assert shape is not None
    theirs = expected.array
    y = full_output(expected, shape, dims, options)
    y = y.astype(np.uint8) if y.dtype.kind == "b" else y
    exact = setup.x.dtype.kind == "i" and y.dtype.kind in "biu"
    wide = y.astype(np.complex128 if y.dtype.kind == "c" else np.int64 if exact else np.float64)
    like = y.shape == shape
    few = like and prod(shape) * terms(setup) <= SUMMED
    sizes = np.abs(whole(magnitudes(setup))) if few else np.full(shape if like else 1, largest_sum(setup))
    bounds = _bounds(setup, sizes, y, kinds)
    base = Expectation(False, None, 0.0, (), "", (), None, 0, (), (), ours, theirs)
    differs = None
    if like:
        full = full_output(Named("", ours), shape, dims, options)
        with np.errstate(all="ignore"):
            errors = np.abs(full.astype(np.result_type(wide, np.complex64 if full.dtype.kind == "c" else wide)) - wide)
        errors = np.where((full == wide) | (np.isnan(full) & np.isnan(wide)), 0, errors)
        errors = np.where(np.isnan(errors), np.inf, errors)
        differs = errors > (bounds if tolerance is None else tolerance)
        base = replace(
            base, agrees=not differs.any(), max_abs_error=float(errors.max()),
            rounding=float(bounds.ravel()[int(errors.argmax())]),
        )  # fmt: skip
        if not base.agrees:
            numbered = Named("", np.arange(theirs.size).reshape(theirs.shape))
            places = full_output(numbered, shape, dims, options).ravel()
            wrong = np.zeros(theirs.size, bool)
            wrong[places] = differs.ravel()
            first = np.unravel_index(int(wrong.argmax()), theirs.shape)
            base = replace(
                base, first_difference=tuple(map(int, first)), pattern=pattern_of(full, y, differs, setup),
                wrong=wrong.reshape(theirs.shape),
            )  # fmt: skip
    else:
        base = replace(base, pattern=f"shape {_shown(theirs.shape)} instead of {_shown(ours.shape)}")
    most = float(bounds.max()) if tolerance is None else tolerance
    # Numbers that are taken from y are rounded, even where y is exact.
    loose = np.full(1, most + min(1e-10 * _largest(wide), 0.25 if not bounds.any() else np.inf))
    marked = None if differs is None else differs.ravel()
    return Compared(base, setup, target_of(wide.ravel(), y.shape, loose, marked))


def _diagnosed(
    base: Expectation, setup: Setup, target: Target, readings: Sequence[Reading], progress: Progress | None
) -> Expectation:
    """The difference explained: by the simplest readings, as rounding, or by the kernel that made y."""
    error = inf if base.max_abs_error is None else base.max_abs_error
    result = searched(setup, target, readings, progress, error, pairs=False)
    found, tried = result.found, result.tried
    rounding = None if found or base.max_abs_error is None else rounding_of(setup, target, base.max_abs_error)
    if rounding is not None:
        found = (Found(rounding, base.max_abs_error or 0.0),)
        return replace(base, explanations=(Class(found),), tried=tried)
    kernel, notes = None, tuple[str, ...]()
    if not found:
        turns = [reading for reading in readings if reading.family == "kernel"]
        result = searched(setup, target, readings, progress, error, pairs=True)
        base, found, tried = replace(base, pairs=result.tried), result.found, tried + result.tried
        if not found:
            by_squares = identified(setup, target, turns)
            kernel, notes = by_squares.kernel, tuple(filter(None, [by_squares.note]))
            found = () if by_squares.found is None else (by_squares.found,)
    if not found and base.max_abs_error is None:
        notes = (*notes, *shape_readings(setup, target, readings))
    if base.max_abs_error is not None:
        found = tuple(_tolerable(each, base.max_abs_error) for each in found)
    explained = classes(setup, found)
    bits = max((_bits(target, each.found[0].reading) for each in explained), default=0.0)
    others = tuple(each.found[0].reading.id for each in explained) if len(explained) > 1 else ()
    if explained and not certain(bits, tried):
        note = f"y is too small or too plain to be sure: {len(found)} of {tried:,} mistakes fit; give a larger input"
        ids = tuple(each.found[0].reading.id for each in explained)
        return replace(base, tried=tried, indistinguishable=ids, notes=(*notes, note))
    return replace(
        base, explanations=explained, kernel_found=kernel, tried=tried, indistinguishable=others, notes=notes
    )


def _tolerable(found: Found, error: float) -> Found:
    """Rounding is mended by the tolerance that accepts it."""
    reading = found.reading
    return found._replace(reading=reading._replace(fix=accepting(error))) if reading.family == "rounding" else found


def _bits(target: Target, reading: Reading) -> float:
    """What y says beyond the numbers that were taken from it."""
    return target.bits * max(0.0, 1 - reading.unknowns / target.y.size)


def _bounds(setup: Setup, sizes: np.ndarray, y: np.ndarray, kinds: Sequence[np.dtype]) -> np.ndarray:
    """What rounding alone may make of every output: that of the sums, and that of y's own dtype."""
    floats = [kind for kind in (*kinds, y.dtype) if kind.kind in "fc"]
    if not floats:
        return np.zeros_like(sizes, dtype=np.float64)
    # float16 is summed in float32, by this engine as by most.
    coarse = max(float(np.finfo(kind).eps) if kind != np.float16 else 2.0**-23 for kind in floats)
    stored = float(np.finfo(y.dtype).eps) if y.dtype.kind in "fc" else 0.0
    count = terms(setup)
    with np.errstate(all="ignore"):
        largest = np.abs(np.where(np.isfinite(y), y, 0)).astype(np.float64)
        spread = largest if sizes.size > 1 else largest.max()
        # If y is scaled, so are its errors.
        scale = max(1.0, float(largest.max()) / max(float(sizes.max()), 1e-300))
        bounds = coarse * min(count, 8 + 4 * count**0.5) * sizes * scale + stored * spread
    return np.asarray(np.where(np.isfinite(bounds), bounds, 0))


def _largest(*arrays: np.ndarray) -> float:
    finite = (np.abs(array[np.isfinite(array)]) for array in arrays)
    return max(float(sizes.max(initial=0)) for sizes in finite)


def _shown(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "one number"
