"""What `lint` found: on a terminal a paragraph per finding with its fix, in a pipe a row."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from textwrap import wrap

from convcalc.errors import one_line, plural
from convcalc.questions.lint import Findings, Rule
from convcalc.render.table import Table, terminal

MAX_SHOWN = 6
"""Findings on a terminal, which so fit on a screen; a pipe and --json have all."""
WIDEST = 100
"""Columns of running text."""


def lint_view(found: Findings) -> Table:
    """A row per finding."""
    rows = tuple((f.where, f.rule, f.text, f.fix or None) for f in found.findings)
    return Table(
        found.name, ("where", "rule", "finding", "fix"), rows, aside=_notes(found), verdict=verdict(found),
        good=not rows,
    )  # fmt: skip


def show_findings(found: Findings, rules: Sequence[Rule] = ()) -> None:
    """Print the first findings for people, each with its fix; then what the `rules` say."""
    console = terminal(sys.stdout)
    width = min(console.width, WIDEST)

    def paragraph(text: str, style: str = "", indent: str = "") -> None:
        for line in wrap(
            one_line(text), width, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False
        ):
            console.print(line, style=style)

    paragraph(found.name, "bold")
    for finding in found.findings[:MAX_SHOWN]:
        paragraph(f"{finding.where}: {finding.text}  [{finding.rule}]")
        if finding.fix:
            paragraph(f"fix: {finding.fix}", "green", "  ")
    more = len(found.findings) - MAX_SHOWN
    if more > 0:
        paragraph(f"and {more:,} more; --json has all")
    for rule in rules:
        paragraph(f"{rule.id}: {rule.why}")
    for note in _notes(found):
        paragraph(note, "dim")
    console.print(verdict(found), style="bold yellow" if found.findings else "bold green")


def verdict(found: Findings) -> str:
    """How much was found."""
    return plural(len(found.findings), "finding") if found.findings else "nothing found"


def _notes(found: Findings) -> tuple[str, ...]:
    """The notes; if nothing was found, also what was looked for."""
    return (*found.notes, *(() if found.findings else (f"looked for: {', '.join(found.asked)}",)))
