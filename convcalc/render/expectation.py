"""An output compared with the expected one: the verdict, the fix, then the evidence."""

from __future__ import annotations

from dataclasses import replace

from convcalc.diagnosing.expect import Expectation
from convcalc.diagnosing.search import Class
from convcalc.errors import first_of, plural
from convcalc.render.numbers import beside_lines
from convcalc.render.table import Cell, Table

MAX_LISTED, MAX_SAME, MAX_IDS = 3, 3, 6
"""Explanations, other words for one, and ids that are shown; JSON has all of them."""


def expectation_view(found: Expectation, name: str, right: bool, width: int = 80) -> Table:
    """The comparison with the array of that name; `right` says whether the run's own checks agree.

    On a terminal the verdict is the heading, and small outputs stand side by side below, if `width` is enough.
    """
    verdict = _verdict(found, "y" if name.startswith("[") else name)
    rows = tuple(_rows(found))
    aside = () if right else ("the run's own checks disagree; see --json",)
    if found.wrong is not None and found.ours.shape == found.theirs.shape:
        aside = (*aside, *beside_lines(found.ours, found.theirs, found.wrong, width))
    piped = Table(verdict, COLUMNS, (("verdict", verdict), *rows), aside=aside)
    return replace(piped, on_terminal=Table(verdict, COLUMNS, rows, aside=aside, wrapped="answer", good=found.agrees))


COLUMNS = ("question", "answer")


def _verdict(found: Expectation, name: str) -> str:
    if found.agrees:
        return f"agrees with {name}"
    count = len(found.explanations)
    if count == 1:
        return f"differs: in {name} {_first(found.explanations[0])}"
    if count:
        return f"differs from {name}: {count} mistakes explain it, and these data cannot tell them apart"
    if found.indistinguishable:
        return f"differs from {name}: what fits may be chance"
    return f"differs from {name}: no mistake that was tried explains it"


def _first(each: Class) -> str:
    return each.found[0].reading.text


def _rows(found: Expectation) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for each in found.explanations[:MAX_LISTED]:
        if len(found.explanations) > 1:
            rows.append(("mistake", _first(each)))
        reading = each.found[0].reading
        rows.append(("fix", reading.fix or "no option or line of NumPy"))
        if others := [other.reading.text for other in each.found[1:]]:
            rows.append(("the same here", first_of(others, MAX_SAME, "; ")))
        if reading.family != "rounding":
            rows.append(("error with it", f"{each.found[0].error:.3g}"))
    if len(found.explanations) > MAX_LISTED:
        rows.append(("more", f"{len(found.explanations) - MAX_LISTED} more mistakes explain it; --json has all"))
    if found.pattern:
        rows.append(("differs", found.pattern))
    if found.first_difference:
        ours, theirs = _values(found)
        at = ", ".join(map(str, found.first_difference))
        rows.append(("first difference", f"at [{at}]{f': {ours} here, {theirs} there' if ours else ''}"))
    if found.max_abs_error is not None:
        rows.append(("largest error", f"{found.max_abs_error:.3g}; rounding explains {found.rounding:.3g}"))
    rows.extend(("note", note) for note in found.notes)
    if found.agrees and found.indistinguishable:
        many = len(found.indistinguishable)
        shown = first_of(list(found.indistinguishable), MAX_IDS)
        rows.append(("blind to", f"{plural(many, 'different mistake')} would not show in these data: {shown}"))
        rows.append(("advice", "use random numbers, or the arrays of convcalc probe"))
    elif found.indistinguishable:
        rows.append(("cannot be told apart", first_of(list(found.indistinguishable), MAX_IDS)))
        rows.append(("advice", "use random numbers, or the arrays of convcalc probe"))
    if found.tried:
        pairs = f", and {found.pairs:,} times two at once" if found.pairs else ""
        rows.append(("tried", f"{found.tried - found.pairs:,} mistakes{pairs}"))
    return rows


def _values(found: Expectation) -> tuple[str, str]:
    if found.ours.shape != found.theirs.shape:
        return "", ""
    at = found.first_difference
    ours, theirs = (f"{array[at]:.6g}" for array in (found.ours, found.theirs))
    return ours, theirs
