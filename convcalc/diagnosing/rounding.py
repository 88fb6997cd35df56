"""Differences that are rounding and no mistake: sums in float16, bfloat16 or TF32, known by the size of errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convcalc.diagnosing.evaluate import sampled, terms, whole
from convcalc.diagnosing.reading import Reading
from convcalc.diagnosing.setup import Setup
from convcalc.diagnosing.target import Target

FORMATS = (("float16 or TF32", 10), ("bfloat16", 7))
"""Names and explicit bits of the significand."""
WIDEST, NARROWEST = 3.0, 0.02
"""Errors beyond so many times what is typical are no rounding, nor are those that are mostly below the second."""


def rounding_readings(setup: Setup) -> Iterator[Reading]:
    """x and kernels rounded before they are multiplied, which can be repeated exactly."""
    arrays = (setup.x, *(stage.weight for stage in setup.stages))
    if any(array.dtype.kind != "f" for array in arrays) or all(np.all(array == np.round(array)) for array in arrays):
        return
    for name, bits in FORMATS:

        def change(setup: Setup, bits: int = bits) -> Setup:
            stages = tuple(stage._replace(weight=rounded(stage.weight, bits)) for stage in setup.stages)
            return setup._replace(x=rounded(setup.x, bits), stages=stages)

        yield Reading(
            f"rounding-{name.replace(' ', '-')}", f"input and kernel are rounded to {name}, which need be no mistake",
            "", change, "rounding",
        )  # fmt: skip


def rounded(array: np.ndarray, bits: int) -> np.ndarray:
    """Floats with that many bits of significand after the first, rounded to even; exponents are not limited.

    >>> rounded(np.array([1 + 2**-8, 3.0]), 7).tolist()
    [1.0, 3.0]
    """
    fraction, exponent = np.frexp(array)
    kept: np.ndarray = np.ldexp(np.rint(np.ldexp(fraction, bits + 1)), exponent - bits - 1)
    return kept


def rounding_of(setup: Setup, target: Target, error: float) -> Reading | None:
    """The format whose rounding the errors look like, as a reading; None if they look like no rounding.

    Errors are judged against the root of the sum of the squared products of every output, which grows with the number
    of terms as random errors do. Source: Higham 2002, section 3.1, and Higham & Mary 2019.
    """
    if setup.x.dtype.kind != "f" or setup.views:
        return None
    squared = setup._replace(
        x=setup.x**2,
        stages=tuple(
            s._replace(weight=s.weight**2, bias=None if s.bias is None else s.bias**2, after=()) for s in setup.stages
        ),
    )
    some = target.second
    shares = _shares(sampled(setup, some), sampled(squared, some), target.y[some.places], terms(setup))
    likely = [format for format in FORMATS if _is_rounding(shares, format[1])]
    if likely and len(some.places) < target.y.size:  # a single output outside the sample may be no rounding
        shares = _shares(whole(setup).ravel(), whole(squared).ravel(), target.y, terms(setup))
    for name, bits in likely:
        if _is_rounding(shares, bits):
            text = f"the differences have the size of the rounding of {name} sums, so there need be no mistake"
            id = f"rounding-sums-{name.replace(' ', '-')}"
            return Reading(id, text, accepting(error), lambda setup: setup, "rounding")
    return None


def _shares(ours: np.ndarray, squared: np.ndarray, wanted: np.ndarray, count: int) -> np.ndarray:
    """Errors, each over what is typical of sums of `count` terms in a format of no bits; NaN if that is 0."""
    with np.errstate(all="ignore"):
        typical = np.sqrt(squared) * (1 + 0.3 * count**0.5) + np.abs(ours)
        shares: np.ndarray = np.abs(ours - wanted) / np.where(squared > 0, typical, np.nan)
    return shares


def _is_rounding(shares: np.ndarray, bits: int) -> bool:
    of_format = shares * 2.0 ** (bits + 1)
    return bool(of_format.max() <= WIDEST and np.median(of_format) >= NARROWEST)


def accepting(error: float) -> str:
    """The option that accepts an error of this size."""
    return f"--tolerance {float(f'{1.05 * error:.1e}') or error:g}"
