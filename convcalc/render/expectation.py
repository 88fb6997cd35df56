"""An output compared with the expected one: the verdict, the fix, then the evidence."""

from __future__ import annotations

from convcalc.diagnosing.expect import Expectation
from convcalc.diagnosing.search import Class
from convcalc.errors import first_of
from convcalc.render.table import Cell, Table

MAX_LISTED = 4
"""Explanations that a terminal shows; JSON has all of them."""


def expectation_view(found: Expectation, name: str, right: bool) -> Table:
    """The comparison with the array of that name; `right` says whether the run's own checks agree."""
    verdict = _verdict(found, "y" if name.startswith("[") else name)
    rows = tuple(_rows(found))
    aside = () if right else ("the run's own checks disagree; see --json",)
    table = Table(verdict, ("question", "answer"), (("verdict", verdict), *rows), aside=aside, wrapped="answer")
    return Table(
        table.title, table.columns, table.rows, aside=aside, wrapped="answer", good=found.agrees,
        on_terminal=Table(verdict, ("question", "answer"), rows, aside=aside, wrapped="answer", good=found.agrees),
    )  # fmt: skip


def _verdict(found: Expectation, name: str) -> str:
    if found.agrees:
        return f"agrees with {name}"
    count = len(found.explanations)
    if count == 1:
        return f"differs: in {name} {_first(found.explanations[0])}"
    if count:
        return f"differs from {name}: {count} mistakes explain it, and these data cannot tell them apart"
    return f"differs from {name}: no single mistake explains it"


def _first(each: Class) -> str:
    return each.found[0].reading.text


def _rows(found: Expectation) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for each in found.explanations[:MAX_LISTED]:
        if len(found.explanations) > 1:
            rows.append(("mistake", _first(each)))
        fix = each.found[0].reading.fix
        rows.append(("fix", fix or "none as an option"))
        if others := [other.reading.text for other in each.found[1:]]:
            rows.append(("the same here", first_of(others, MAX_LISTED, "; ")))
        rows.append(("error with it", f"{each.found[0].error:.3g}"))
    if len(found.explanations) > MAX_LISTED:
        rows.append(("more", f"{len(found.explanations) - MAX_LISTED} more mistakes explain it; --json has all"))
    if found.max_abs_error is not None:
        explained = f"rounding explains up to {found.rounding:.3g}"
        rows.append(("largest error", f"{found.max_abs_error:.3g}; {explained}"))
    if found.first_difference:
        rows.append(("first difference", f"at {', '.join(map(str, found.first_difference))}"))
    if found.pattern:
        rows.append(("differs", found.pattern))
    if found.indistinguishable:
        rows.append(("cannot be told apart", first_of(list(found.indistinguishable), 6)))
    rows.extend(("note", note) for note in found.notes)
    if found.tried:
        rows.append(("tried", f"{found.tried:,} readings"))
    return rows
