"""What there is to say about an output's values: their range, and how many are no numbers."""

from __future__ import annotations

from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np

from convcalc.engine.arithmetic import all_finite

SMALL, ROWS = 12, 16
"""Most rows and columns of a map whose numbers are shown, and most rows of all maps of an output."""


class Range(NamedTuple):
    """The extremes and the mean of some values."""

    min: float | int
    max: float | int
    mean: float

    def to_dict(self) -> dict[str, float | int | None]:
        """The range as JSON values."""
        return {name: json_number(value) for name, value in self._asdict().items()}


class Statistics(NamedTuple):
    """The range of an array's values as NumPy has it, how many are NaN or infinite, and the range of the rest.

    Of complex values it is the range of their magnitudes. `finite` is None if no value is.
    """

    whole: Range
    nan: int
    inf: int
    finite: Range | None


def statistics(out: np.ndarray) -> Statistics:
    """The statistics of an array that is not empty."""
    with np.errstate(all="ignore"):
        values = np.abs(out) if out.dtype.kind == "c" else out
        whole, (nan, inf) = _range(values), not_finite(out)
        if not nan and not inf:
            return Statistics(whole, 0, 0, whole)
        finite = values[np.isfinite(out)]
        return Statistics(whole, nan, inf, _range(finite) if finite.size else None)


def not_finite(array: np.ndarray) -> tuple[int, int]:
    """How many values are NaN, and how many infinite."""
    if all_finite(array):
        return 0, 0
    nan = int(np.isnan(array).sum())
    return nan, int((~np.isfinite(array)).sum()) - nan


def missing(array: np.ndarray) -> str:
    """The numbers of values that are none, such as `3 NaN, 1 Inf`; nothing if all are finite."""
    return ", ".join(
        f"{count:,} {name}" for count, name in zip(not_finite(array), ("NaN", "Inf"), strict=True) if count
    )


def _range(values: np.ndarray) -> Range:
    return Range(values.min().item(), values.max().item(), float(values.mean(dtype=np.float64)))


def output_dict(out: np.ndarray, path: str | None) -> dict[str, Any]:
    """The output and the file it was written to, as JSON values."""
    found = statistics(out)
    finite = None if found.finite is None else found.finite.to_dict()
    counts = {"nan": found.nan, "inf": found.inf, "finite": finite}
    about = {"shape": list(out.shape), "dtype": str(out.dtype), "path": path}
    return {**about, **found.whole.to_dict(), **counts, "values": json_values(out) if is_small(out) else None}


def is_small(out: np.ndarray) -> bool:
    """Whether an output is shown number by number: maps of at most 12x12, few enough for a screen."""
    return bool(max(out.shape[-2:], default=1) <= SMALL and prod(out.shape[:-1]) <= ROWS)


def json_values(out: np.ndarray) -> Any:
    """All values as nested JSON lists, complex ones as [real, imaginary]; null where JSON has no number."""
    plain = np.stack([out.real, out.imag], -1) if out.dtype.kind == "c" else out
    return _without_odd(plain.tolist())


def _without_odd(value: Any) -> Any:
    return [_without_odd(each) for each in value] if isinstance(value, list) else json_number(value)


def json_number(value: float | int | None) -> float | int | None:
    """The number, None if it is not finite, for which JSON has no number, or if there is none."""
    return value if value is not None and isfinite(value) else None
