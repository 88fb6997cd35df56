"""Values as text in tables: sizes, checked values, and the line about an output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from convcalc.notation import Layout, show_axes, show_size, size_in_words
from convcalc.render.table import Cell

if TYPE_CHECKING:
    import numpy as np

    from convcalc.proof.executed import Check


def size_cell(size: Sequence[int] | None, layout: Layout) -> str | None:
    """A size as one would type it, None if it is not known.

    >>> size_cell((3, 224, 224), "channels-last")
    '224x224x3'
    """
    return None if size is None else show_size(size, layout)


def reading(size: Sequence[int], layout: Layout) -> str:
    """How the size of an input was read, for headings.

    >>> reading((3, 224, 224), "channels-last")
    '2-D, 3 channels of 224x224, channels last'
    """
    return size_in_words(size) + (", channels last" if layout == "channels-last" else "")


def check_cell(value: object) -> Cell:
    """A check's value on one line: a size, a receptive field in short, or the first and last input per axis.

    >>> check_cell([3, 5, 5]), check_cell([[0, 8], None])
    ('3x5x5', '0..8xnone')
    """
    match value:
        case dict():
            size, jump, start, coverage = (
                show_axes([short(part) for part in value[key]]) for key in ("size", "jump", "start", "coverage")
            )
            return f"{size}, jump {jump}, start {start}, coverage {coverage}"
        case list():
            if any(part is None or isinstance(part, list) for part in value):
                return "x".join("none" if part is None else f"{part[0]}..{part[1]}" for part in value)
            return show_size(value) or "one number"
        case int() | float() | str() | None:
            return value
        case _:
            return str(value)


def ok_cell(ok: bool | None) -> Cell:
    """Whether a check agrees; `skipped` if it was not made."""
    return "skipped" if ok is None else ok


def skipped_lines(checks: Sequence[Check]) -> tuple[str, ...]:
    """Why checks were not made, one line each: for below a table, which may have no room for the reasons."""
    return tuple(f"{check.name} skipped: {check.how}" for check in checks if check.ok is None)


def agreement(checks: Sequence[Check]) -> str:
    """The verdict if no check disagrees; those that were not made do not count."""
    left_out = ", ".join(dict.fromkeys(check.name for check in checks if check.ok is None))
    return f"every check made agrees; skipped: {left_out}" if left_out else "every check agrees"


def output_line(out: np.ndarray, statistics: Mapping[str, float | int], path: str | None) -> str:
    """An output's shape, dtype and statistics, and where it was written to, if it was."""
    of = " |x|" if out.dtype.kind == "c" else ""
    found = ", ".join(f"{name}{of} {value:.6g}" for name, value in statistics.items())
    written = "" if path is None else f"; written to {'stdout' if path == '-' else path}"
    return f"output {show_size(out.shape)} {out.dtype}: {found}{written}"


def short(value: int | float | None) -> str:
    """A number with at most six digits after rounding, `none` for None."""
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
