"""How the costs of a network grow: the same network at several input sizes, or at several widths."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from convcalc.errors import ConvcalcError, NotationError, quoted
from convcalc.notation import MAX_DIGITS, show_size, whole_number
from convcalc.questions.compare import ratio_of
from convcalc.questions.report import Report
from convcalc.questions.schema import SCHEMA, field_dict

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of values that are done, and the number of all."""
MAX_POINTS = 1000
MAX_WIDTH = 10**6
_WIDTHS = re.compile(r"([0-9.]+?)\.\.([0-9.]+)(?::([0-9.]+))?")
_RANGE = re.compile(r"([0-9]+)\.\.([0-9]+)(?::([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Sweep:
    """Reports of one network, each with the value it was made for; if that does not fit, why."""

    over: str
    points: tuple[tuple[str, Report | str], ...]
    changes: tuple[str, ...]
    """How the network was changed at every point."""

    @property
    def first(self) -> Report:
        """The report of the first value that fits."""
        return next(report for _, report in self.points if isinstance(report, Report))

    def ratio(self, report: Report) -> Fraction | None:
        """A point's multiplications over the first point's, None if that has none."""
        return ratio_of(report, self.first, "multiplications")

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.first.name,
            "changes": list(self.changes),
            "over": self.over,
            "points": [{self.over: value, **self._point(report)} for value, report in self.points],
        }

    def _point(self, report: Report | str) -> dict[str, Any]:
        if isinstance(report, str):
            return {**dict.fromkeys(POINT), "error": report}
        ratio = self.ratio(report)
        output = None if report.output is None else list(report.output)
        values = (
            list(report.input), output, report.totals(), None if ratio is None else float(ratio),
            field_dict(report.receptive_field),
        )  # fmt: skip
        return dict(zip(POINT, values, strict=True))


POINT = ("input", "output", "totals", "ratio_multiplications", "receptive_field")
"""What JSON has for every point; null for one that does not fit, with the reason as `error`."""


def swept(
    over: str,
    values: Collection[str],
    report: Callable[[str], Report],
    changes: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Sweep:
    """The report for every value, or why there is none. Raises the first value's error if none fits."""
    points: list[tuple[str, Report | str]] = []
    failed: ConvcalcError | None = None
    for value in values:
        try:
            points.append((value, report(value)))
        except ConvcalcError as error:
            points.append((value, str(error)))
            failed = failed or type(error)(f"{over} {value}: {error}")
        if progress is not None:
            progress(len(points), len(values))
    if failed is not None and all(isinstance(point, str) for _, point in points):
        raise failed
    return Sweep(over, tuple(points), changes)


def sizes(text: str) -> tuple[str, ...]:
    """The sizes that `128..320:32`, `128..320` or `192,224,256x320` name: a number, or one for every spatial axis.

    >>> sizes("128..192:32,224x256")
    ('128', '160', '192', '224x256')
    >>> sizes("128..320")
    ('128', '160', '192', '224', '256', '288', '320')
    """
    values: list[str] = []
    for part in _parts(text, "sweep", "128..320, 128..320:32 or 192,224"):
        found = _RANGE.fullmatch(part)
        if found:
            first, last = (Fraction(whole_number(number, "sweep")) for number in found.group(1, 2))
            step = Fraction(whole_number(found[3], "sweep")) if found[3] else None
            values += map(str, _range(first, last, step, part, "sweep"))
        else:
            values.append(show_size([whole_number(number, "sweep") for number in part.split("x")]))
    return tuple(dict.fromkeys(values))


def widths(text: str) -> tuple[str, ...]:
    """The widths that `0.25,0.5,1.0`, `0.25..1.0` or `0.25..1.0:0.25` name. Raises NotationError for what is none.

    >>> widths("0.25..1.0")
    ('0.25', '0.5', '0.75', '1')
    """
    values: list[str] = []
    for part in _parts(text, "sweep-width", "0.25..1.0 or 0.25,0.5,0.75,1.0"):
        found = _WIDTHS.fullmatch(part)
        if found:
            first, last = (width_of(number, "sweep-width") for number in found.group(1, 2))
            step = width_of(found[3], "sweep-width") if found[3] else None
            values += map(_decimal, _range(first, last, step, part, "sweep-width"))
        else:
            width_of(part, "sweep-width")
            values.append(part)
    return tuple(dict.fromkeys(values))


def _range(first: Fraction, last: Fraction, step: Fraction | None, part: str, name: str) -> list[Fraction]:
    """First, first + step, ... up to the last; without a step, a sensible one."""
    if step is None:
        step = _sensible_step(first, last)
    if first > last or not step or (last - first) / step >= MAX_POINTS:
        raise NotationError(f"{name}: a range goes up, with at most {MAX_POINTS:,} values, got {part}")
    return [first + i * step for i in range(int((last - first) / step) + 1)]


def _sensible_step(first: Fraction, last: Fraction) -> Fraction:
    """A step that reaches the last value in 4 to 12 steps if there is one, else one of at least 4 steps.

    Between multiples of 32 it is one, as networks like their sizes. Else it is a power of two, or 1, 2, 2.5 or 5
    times a power of ten; between fractions, as widths are, 3 steps are enough.
    """
    span, whole = last - first, first.denominator == last.denominator == 1
    if (
        whole
        and first % 32 == last % 32 == 0
        and (counts := [n for n in range(4, 13) if span and span % (32 * n) == 0])
    ):
        return span / counts[0]
    steps = [Fraction(2) ** i for i in range(-10, 64)]
    steps += [Fraction(digits, 10) * Fraction(10) ** i for i in range(-3, 20) for digits in (10, 20, 25, 50)]
    usable = [s for s in sorted(steps, reverse=True) if not whole or s.denominator == 1]
    several = [s for s in usable if span >= (4 if whole else 3) * s] or usable[-1:]
    return next((s for s in several if (span / s).denominator == 1 and span <= 12 * s), several[0])


def _decimal(value: Fraction) -> str:
    """A width as one would type it.

    >>> _decimal(Fraction(3, 8)), _decimal(Fraction(10))
    ('0.375', '10')
    """
    places = next((n for n in range(20) if (value * 10**n).denominator == 1), 20)
    text = f"{int(value * 10**places):0{places + 1}d}"
    return f"{text[:-places]}.{text[-places:]}" if places else text


def width_of(text: str, name: str) -> Fraction:
    """A factor on the filters, exactly as written. Raises NotationError unless it is one above 0, without an exponent.

    >>> width_of("0.29", "width") * 100
    Fraction(29, 1)
    """
    try:
        width = Fraction(text) if len(text) <= MAX_DIGITS and "e" not in text.lower() else Fraction(0)
    except (ValueError, ZeroDivisionError):
        width = Fraction(0)
    if not 0 < width < MAX_WIDTH:
        raise NotationError(
            f"{name}: must be a number above 0 and below {MAX_WIDTH}, without an exponent, such as 0.5, "
            f"got {quoted(text)}"
        )
    return width


def _parts(text: str, name: str, example: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise NotationError(f"{name}: must be values with commas between them, such as {example}, got {quoted(text)}")
    return parts
