"""A table of results, shown for people on a terminal and as tab-separated lines anywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO, TypeAlias

from convcalc.errors import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

Cell: TypeAlias = int | float | str | None
BAR_WIDTH = 10


class Bar(float):
    """A share of a whole, from 0 to 1: a bar on a terminal, a number elsewhere."""

    def __str__(self) -> str:
        return f"{float(self):.6g}"

    def drawn(self) -> str:
        """The bar in eighths of a cell, and the share in per cent."""
        whole, eighths = divmod(round(self * BAR_WIDTH * 8), 8)
        bar = "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths]
        return f"{bar:<{BAR_WIDTH}} {self:7.2%}"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows; the first column names the row, and the last `totals` rows stand apart.

    `spare` columns may be dropped, in that order, on a terminal too narrow for all, `quiet` ones among them without a
    word. `aside` is what else to say:
    below the table on a terminal, on stderr elsewhere, so that stdout stays rows; the verdict comes last of all.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: int = 0
    aside: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    verdict: str = ""
    good: bool = True


def show(table: Table, file: TextIO | None = None) -> None:
    """Print a table to a file, stdout if None, in the form that whoever reads it needs."""
    file = file or sys.stdout
    if file.isatty():
        _show_on_terminal(table, terminal(file))
    else:
        print("\t".join(table.columns), file=file)
        for row in table.rows:
            print("\t".join(_plain(cell) for cell in row), file=file)
        for line in (*table.aside, *([table.verdict] if table.verdict else [])):
            print(one_line(line), file=sys.stderr)


def terminal(file: TextIO | None = None) -> Console:
    """A console that styles by NO_COLOR's rule alone and never takes data for markup."""
    from rich.console import Console

    return Console(
        file=file,
        force_terminal=True,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        markup=False,
        highlight=False,
        emoji=False,
    )


def _plain(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "" if cell is None else one_line(str(cell))


def _pretty(cell: Cell) -> str:
    match cell:
        case None:
            return "-"
        case bool():
            return "yes" if cell else "NO"
        case int():
            return f"{cell:,}"
        case Bar():
            return cell.drawn()
        case float():
            return f"{cell:.5g}"
        case _:
            return one_line(cell)


def _show_on_terminal(table: Table, console: Console) -> None:
    """The widest form that fits: all columns, without the spare ones, turned on its side, or entry by entry."""
    console.print(table.title, style="bold")
    unbounded = console.options.update(max_width=10**6)  # measured against the terminal, a table claims to fit it
    for shown in _forms(table) if table.rows else ():
        if console.measure(shown, options=unbounded).maximum <= console.width:
            console.print(shown)
            break
    else:
        for row in table.rows:
            _print_entry(console, table.columns, row)
    for line in table.aside:
        console.print(one_line(line), style="dim")
    if table.verdict:
        console.print(table.verdict, style="bold green" if table.good else "bold red")


def _forms(table: Table) -> Iterator[RichTable]:
    """The table in forms of decreasing width."""
    cells = [tuple(_pretty(cell) for cell in row) for row in table.rows]
    numeric = [all(_is_number(row[i]) for row in table.rows) for i in range(len(table.columns))]
    kept = list(range(len(table.columns)))
    yield _rich_table(table.columns, cells, numeric, table.totals)
    for name in table.spare:
        kept.remove(table.columns.index(name))
        columns = tuple(table.columns[i] for i in kept)
        rows = [tuple(row[i] for i in kept) for row in cells]
        shown = _rich_table(columns, rows, [numeric[i] for i in kept], table.totals)
        dropped = [name for name in table.columns if name not in columns and name not in table.quiet]
        shown.caption = f"no room here for {', '.join(dropped)}; shown when piped" if dropped else None
        yield shown
    if len(cells) > 1 and not table.spare:
        head, *body = [(name, *(row[i] for row in cells)) for i, name in enumerate(table.columns)]
        yield _rich_table(head, body, [False] + [True] * len(cells), 0)


def _is_number(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def _print_entry(console: Console, columns: Sequence[str], row: Sequence[Cell]) -> None:
    """One row as `name  value` lines; what is longer than the terminal is folded, never cut."""
    console.print(_pretty(row[0]), style="bold cyan")
    label_width = max(map(len, columns[1:]))
    room = max(8, console.width - label_width - 4)
    for name, cell in zip(columns[1:], row[1:], strict=True):
        if cell is not None:
            for i, part in enumerate(wrap(_pretty(cell), room, break_on_hyphens=False) or [""]):
                console.print(f"  {name if i == 0 else '':<{label_width}}  {part}")


def _rich_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], totals: int
) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold",
        caption_justify="left",
    )  # fmt: skip
    for index, (name, right) in enumerate(zip(columns, numeric, strict=True)):
        style = "cyan" if index == 0 else None
        shown.add_column(name, justify="right" if right else "left", style=style, overflow="fold")
    for index, row in enumerate(rows):
        total = totals > 0 and index >= len(rows) - totals
        if total and index == len(rows) - totals:
            shown.add_section()
        shown.add_row(*row, style="bold" if total else None)
    return shown
