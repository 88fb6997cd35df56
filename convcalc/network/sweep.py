"""How the costs of a network grow: the same network at several input sizes, or at several widths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from convcalc.errors import ConvcalcError, NotationError
from convcalc.network.report import NetworkReport
from convcalc.notation import show_size, whole_number
from convcalc.report import SCHEMA, field_dict

MOST_POINTS = 1000
_RANGE = re.compile(r"([0-9]+)\.\.([0-9]+)(?::([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Sweep:
    """Reports of one network, each with the value it was made for."""

    over: str
    points: tuple[tuple[str, NetworkReport], ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.points[0][1].name,
            "over": self.over,
            "points": [
                {
                    self.over: value,
                    "input": list(report.input),
                    "output": None if report.output is None else list(report.output),
                    "totals": report.totals(),
                    "receptive_field": field_dict(report.receptive_field),
                }
                for value, report in self.points
            ],
        }


def swept(over: str, values: Iterable[str], report: Callable[[str], NetworkReport]) -> Sweep:
    """The report for every value. Raises what the first that cannot be made raises, naming its value."""
    points = []
    for value in values:
        try:
            points.append((value, report(value)))
        except ConvcalcError as error:
            raise type(error)(f"{over} {value}: {error}") from None
    return Sweep(over, tuple(points))


def sizes(text: str) -> tuple[str, ...]:
    """The sizes that `128..320:32` or `192,224,256x320` name: one number for every spatial axis, or one each.

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
        if first > last or (last - first) // step >= MOST_POINTS:
            raise NotationError(f"sweep: a range goes up, in at most {MOST_POINTS} steps, got {part}")
        values += map(str, range(first, last + 1, step))
    return tuple(dict.fromkeys(values))


def widths(text: str) -> tuple[str, ...]:
    """The widths that `0.25,0.5,1.0` names."""
    return tuple(dict.fromkeys(_parts(text, "sweep-width", "0.25,0.5,0.75,1.0")))


def width_of(text: str, name: str) -> float:
    """A factor on the filters. Raises NotationError unless it is a number above 0."""
    try:
        width = float(text)
    except ValueError:
        width = 0.0
    if not 0 < width < 1e6:
        raise NotationError(f"{name}: must be a number above 0, such as 0.5, got {text!r}")
    return width


def _parts(text: str, name: str, example: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise NotationError(f"{name}: must be values with commas between them, such as {example}, got {text!r}")
    return parts
