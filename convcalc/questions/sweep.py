"""How the costs of a network grow: the same network at several input sizes, or at several widths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from convcalc.errors import NotationError, located, quoted
from convcalc.notation import MAX_DIGITS, show_size, whole_number
from convcalc.questions.compare import ratio_of
from convcalc.questions.report import Report
from convcalc.questions.schema import SCHEMA, field_dict

MAX_POINTS = 1000
MAX_WIDTH = 10**6
_RANGE = re.compile(r"([0-9]+)\.\.([0-9]+)(?::([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Sweep:
    """Reports of one network, each with the value it was made for."""

    over: str
    points: tuple[tuple[str, Report], ...]
    changes: tuple[str, ...]
    """How the network was changed at every point."""

    @property
    def first(self) -> Report:
        return self.points[0][1]

    def ratio(self, report: Report) -> Fraction | None:
        """A point's multiplications over the first point's, None if that has none."""
        return ratio_of(report, self.first, "multiplications")

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.first.name,
            "changes": list(self.changes),
            "over": self.over,
            "points": [
                {
                    self.over: value,
                    "input": list(report.input),
                    "output": None if report.output is None else list(report.output),
                    "totals": report.totals(),
                    "ratio_multiplications": None if (ratio := self.ratio(report)) is None else float(ratio),
                    "receptive_field": field_dict(report.receptive_field),
                }
                for value, report in self.points
            ],
        }


def swept(over: str, values: Iterable[str], report: Callable[[str], Report], changes: tuple[str, ...] = ()) -> Sweep:
    """The report for every value. An error names the value that caused it."""
    points = []
    for value in values:
        with located(f"{over} {value}"):
            points.append((value, report(value)))
    return Sweep(over, tuple(points), changes)


def sizes(text: str) -> tuple[str, ...]:
    """The sizes that `128..320:32` or `192,224,256x320` name: one number, or one for every spatial axis.

    >>> sizes("128..192:32,224x256")
    ('128', '160', '192', '224x256')
    """
    values: list[str] = []
    for part in _parts(text, "sweep", "128..320:32 or 192,224"):
        found = _RANGE.fullmatch(part)
        if not found:
            values.append(show_size([whole_number(number, "sweep") for number in part.split("x")]))
            continue
        first, last, step = (whole_number(number or "1", "sweep") for number in found.groups())
        if first > last or (last - first) // step >= MAX_POINTS:
            raise NotationError(f"sweep: a range goes up, in at most {MAX_POINTS} steps, got {part}")
        values += map(str, range(first, last + 1, step))
    return tuple(dict.fromkeys(values))


def widths(text: str) -> tuple[str, ...]:
    """The widths that `0.25,0.5,1.0` names."""
    return tuple(dict.fromkeys(_parts(text, "sweep-width", "0.25,0.5,0.75,1.0")))


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
