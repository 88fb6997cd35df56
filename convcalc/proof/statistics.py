"""What there is to say about an output's values: their range, and how many are no numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np

from convcalc.engine.arithmetic import all_finite
from convcalc.notation import Axes

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
    return odd_values(*not_finite(array))


def odd_values(nan: int, inf: int) -> str:
    """So many NaN and infinite values in words; nothing for none."""
    return ", ".join(f"{count:,} {name}" for count, name in ((nan, "NaN"), (inf, "Inf")) if count)


def merged(parts: Sequence[tuple[Statistics, int]]) -> Statistics:
    """The statistics of an array from those of its parts, each with its number of values."""
    finite = [(each.finite, count - each.nan - each.inf) for each, count in parts if each.finite is not None]
    nan, inf = sum(each.nan for each, _ in parts), sum(each.inf for each, _ in parts)
    whole = _joined([(each.whole, count) for each, count in parts])
    return Statistics(whole, nan, inf, _joined(finite) if finite else None)


def _joined(ranges: Sequence[tuple[Range, int]]) -> Range:
    """As NumPy has it of all values together: NaN if there is one."""
    lows, highs = [each.min for each, _ in ranges], [each.max for each, _ in ranges]
    odd = next((low for low in lows if low != low), None)
    total = sum(count for _, count in ranges)
    mean = sum(each.mean * count for each, count in ranges) / total
    return Range(min(lows) if odd is None else odd, max(highs) if odd is None else odd, mean)


def _range(values: np.ndarray) -> Range:
    return Range(values.min().item(), values.max().item(), float(values.mean(dtype=np.float64)))


class Output(NamedTuple):
    """What is told of an output; `values` are its numbers, if they are few."""

    shape: Axes
    dtype: np.dtype
    found: Statistics
    values: np.ndarray | None

    def to_dict(self, path: str | None) -> dict[str, Any]:
        """The output and the file it was written to, as JSON values."""
        finite = None if self.found.finite is None else self.found.finite.to_dict()
        return {
            "shape": list(self.shape), "dtype": str(self.dtype), "path": path, **self.found.whole.to_dict(),
            "nan": self.found.nan, "inf": self.found.inf, "finite": finite,
            "values": None if self.values is None else json_values(self.values),
        }  # fmt: skip


def output_of(out: np.ndarray) -> Output:
    """What is told of an output that is there as a whole."""
    return Output(out.shape, out.dtype, statistics(out), out if is_small(out) else None)


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
