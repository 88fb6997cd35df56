"""Checks as rows, predicted and measured, with their verdict; and the line about an output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convcalc.notation import show_axes, show_size
from convcalc.proof.statistics import odd_values
from convcalc.render.cells import short
from convcalc.render.table import Cell, Table

if TYPE_CHECKING:
    from convcalc.proof.executed import Check
    from convcalc.proof.statistics import Output


def checks_table(
    title: str, checks: Sequence[Check], verdict: str, *, good: bool, aside: Sequence[str], more: Sequence[str] = ()
) -> Table:
    """A row for every check; on a terminal, predicted and measured are one column.

    The layers of a network have a column if any check is about one. How each check was made is told to those who ask
    for the working-out, and `more`.
    """
    made = [f"{check.name}: {check.how}" for check in checks if not check.layer and check.ok is not None]
    layers = any(check.layer for check in checks)
    named: list[tuple[Cell, ...]] = [(check.name, *((check.layer or None,) if layers else ())) for check in checks]
    names = ("check", *(("layer",) if layers else ()))
    rows = [
        (*name, check_cell(each.predicted), check_cell(each.measured), ok_cell(each.ok), each.how)
        for name, each in zip(named, checks, strict=True)
    ]
    brief = [(*name, both_cell(each), ok_cell(each.ok)) for name, each in zip(named, checks, strict=True)]
    table = Table(
        title,
        (*names, "predicted", "measured", "ok", "how"),
        tuple(rows),
        aside=(*skipped_lines(checks), *aside),
        verdict=verdict,
        good=good,
        explained=(*(line for line in made if line not in aside), *more),
    )
    on_terminal = replace(table, columns=(*names, "predicted and measured", "ok"), rows=tuple(brief))
    return replace(table, on_terminal=on_terminal)


def both_cell(check: Check) -> Cell:
    """What was measured, and in brackets what was predicted if that is not the same; of fields, where they differ."""
    predicted, measured = check.predicted, check.measured
    if predicted == measured or check.ok is None:
        return check_cell(predicted)
    if isinstance(predicted, dict) and isinstance(measured, dict):
        differing = [key for key in measured if predicted[key] != measured[key]]
        measured = ", ".join(f"{key} {_axes(measured[key])}" for key in differing)
        predicted = ", ".join(_axes(predicted[key]) for key in differing)
    return f"{_text(measured)} (predicted {_text(predicted)})"


def _text(value: Any) -> str:
    cell = check_cell(value)
    return f"{cell:,}" if isinstance(cell, int) else "none" if cell is None else str(cell)


def _axes(values: Sequence[int | float | None]) -> str:
    return show_axes([short(value) for value in values])


def check_cell(value: object) -> Cell:
    """A check's value on one line: a size, a receptive field in short, or the first and last input per axis.

    >>> check_cell([3, 5, 5]), check_cell([[0, 8], None])
    ('3x5x5', '0..8xnone')
    """
    match value:
        case dict():
            size, jump, start, coverage = (_axes(value[key]) for key in ("size", "jump", "start", "coverage"))
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


def output_line(out: Output, path: str | None) -> str:
    """An output's shape, dtype and range, how many values are no numbers, and the file it was written to, if it was."""
    finite, odd, of = (
        out.found.finite,
        odd_values(out.found.nan, out.found.inf),
        " |x|" if out.dtype.kind == "c" else "",
    )
    found = "" if finite is None else ", ".join(f"{key}{of} {value:.6g}" for key, value in finite._asdict().items())
    parts = filter(None, (odd, f"the rest: {found}" if odd and found else found))
    written = "" if path is None else f"; written to {'stdout' if path == '-' else path}"
    return f"output {show_size(out.shape)} {out.dtype}: {'; '.join(parts)}{written}"
