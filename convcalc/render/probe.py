"""A probe: what is in its arrays, which mistakes they tell apart, and how to use them."""

from __future__ import annotations

from dataclasses import replace

from convcalc.diagnosing.probe import WIDE, Probe
from convcalc.diagnosing.separation import Members
from convcalc.errors import first_of, plural
from convcalc.notation import show_size
from convcalc.render.table import Cell, Table

COLUMNS = ("question", "answer")
MAX_EQUAL, MAX_LEFT, MAX_IDS = 2, 4, 4
"""Classes of equal mistakes, classes that are not told apart, and names that are shown; --json has all."""


def probe_view(found: Probe, files: tuple[str, ...], command: str, *, every: bool) -> Table:
    """A row per fact; `every` adds a row for every class of mistakes, with what they are."""
    separated, classes = len(found.found.separated), found.found.classes
    verdict = f"{separated:,} of {classes:,} different mistakes are told apart"
    rows = [*_arrays(found), ("mistakes", verdict), *_left(found), *_equal(found, every), *_use(files, command)]
    if every:
        rows += [(members[0].id, members[0].text) for members in found.found.separated]
    table = Table(verdict, COLUMNS, tuple(rows), good=separated == classes)
    shown = tuple(row for row in rows if row[0] != "mistakes")
    return replace(table, on_terminal=replace(table, rows=shown, wrapped="answer"))


def _arrays(found: Probe) -> list[tuple[Cell, ...]]:
    arrays, y = found.arrays, found.y
    kernels = " and ".join(show_size(kernel.shape) for kernel in arrays.kernels)
    sums = int(abs(y).max())
    wide = ""
    if sums < WIDE:
        may = found.overflowing is not None
        larger = f"may show with larger numbers: --largest {found.overflowing}" if may else "does not show"
        wide = f"; 16-bit overflow {larger}"
    return [
        ("input", f"{show_size(arrays.x.shape[1:])}, numbers of at most {found.largest}"),
        ("kernel", kernels),
        ("output", f"{show_size(y.shape[1:])}, sums of at most {sums}{wide}"),
    ]


def _left(found: Probe) -> list[tuple[Cell, ...]]:
    """The classes that are not told apart, and why."""
    rows: list[tuple[Cell, ...]] = [
        ("not told apart", first_of([members[0].text for members in group], MAX_IDS, " = "))
        for group in found.found.mixed[:MAX_LEFT]
    ]
    if (more := len(found.found.mixed) - MAX_LEFT) > 0:
        rows.append(("more", f"{plural(more, 'group')} more are not told apart; --json has all"))
    rows.extend(("does not show", members[0].text) for members in found.found.hidden[:MAX_LEFT])
    if rows:
        rows.append(("advice", "a larger input, fewer filters or a smaller stride may tell more apart"))
    if plain := [members[0].id for members in found.found.plain]:
        rows.append(("mostly zeros with", first_of(plain, MAX_IDS)))
    return rows


def _equal(found: Probe, every: bool) -> list[tuple[Cell, ...]]:
    """Mistakes that no data can tell apart: they are one function for this layer."""
    equal = sorted((members for members in found.found.separated if len(members) > 1), key=len, reverse=True)
    shown = equal if every else equal[:MAX_EQUAL]
    rows: list[tuple[Cell, ...]] = [("equal functions", _ids(members)) for members in shown]
    if not every and (more := len(equal) - MAX_EQUAL) > 0:
        rows.append(("", f"and {more} more sets of mistakes that are one function here; --json has all"))
    if found.found.idle:
        rows.append(("no difference", _ids(found.found.idle)))
    return rows


def _ids(members: Members) -> str:
    return first_of([member.id for member in members], MAX_IDS)


def _use(files: tuple[str, ...], command: str) -> list[tuple[Cell, ...]]:
    if not files:
        return [("files", "none written; -o DIR writes them"), ("then", command)]
    return [
        ("files", ", ".join(files)),
        ("first", "run your implementation on these and save its output as yours.npy"),
        ("then", command),
    ]
