"""The working-out on a terminal as one would write it on paper: formula, numbers, result, each under the other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from convcalc.explain.rows import Explanation
from convcalc.render.table import Table, show, terminal, with_explained

if TYPE_CHECKING:
    from rich.console import Console


def show_explanations(table: Table, rows: Sequence[Explanation], file: TextIO | None = None) -> None:
    """The table and the working-out below it on a terminal; elsewhere the working-out alone, one row per number.

    Printed to a file, stdout if None.
    """
    table, file = with_explained(table), file or sys.stdout
    if not file.isatty():
        show(replace(table, columns=Explanation._fields, rows=tuple(rows), legend=(), totals=0, optional=()), file)
        return
    show(table, file)
    console = terminal(file)
    for where, group in groupby(rows, key=lambda row: row.where):
        console.print()
        console.print(where, style="bold cyan")
        for row in group:
            _print_heading(console, row)
            for text in dict.fromkeys((row.formula, row.numbers)):
                if text != str(row.result):
                    for i, line in enumerate(wrap(text, max(20, console.width - 6), break_on_hyphens=False)):
                        console.print(f"    {' ' if i else '='} {line}", soft_wrap=True)
            result = f"{row.result:,}" if isinstance(row.result, int) else str(row.result)
            console.print(f"    = {result}", style="bold green")


def _print_heading(console: Console, row: Explanation) -> None:
    """The quantity with its source, which is below it if the line is too short for both."""
    from rich.text import Text

    if len(row.quantity) + len(row.source) + 4 <= console.width:
        console.print(Text.assemble((f"  {row.quantity}", "bold"), (f"  {row.source}", "dim")))
        return
    console.print(f"  {row.quantity}", style="bold")
    for line in wrap(row.source, max(20, console.width - 6), break_on_hyphens=False):
        console.print(f"      {line}", style="dim")
