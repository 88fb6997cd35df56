"""A table of results, shown for people on a terminal and as tab-separated lines anywhere else."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias

from convcalc.errors import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

Cell: TypeAlias = int | float | str | None
Fold: TypeAlias = Literal["none", "some", "all"]
BAR_WIDTH = 10
GAP = 2
"""Cells between columns."""
SENTENCES = (60, 40, 28, 20)
"""Cells that a column of sentences may be given."""
MIN_NAME = 14
"""Fewest cells for folded names of rows; with less room a table is shown entry by entry."""
INDENT = "  "
_PARTS, _PIECES = re.compile(r"[^/\s]*[/\s]+|[^/\s]+"), re.compile(r"[^._:-]*[._:-]+|[^._:-]+")
BARS = "bars"
"""Among the optional columns: the bars in front of shares, which may be hidden before the shares are."""


class Bar(float):
    """A share of a whole, from 0 to 1: a bar on a terminal, a number elsewhere."""

    def __str__(self) -> str:
        return f"{float(self):.6g}"

    def per_cent(self) -> str:
        """The share in per cent; a share above 0 is never shown as 0."""
        return "<0.01%" if 0 < self < 0.00005 else f"{self:.2%}"

    def drawn(self) -> str:
        """The bar in eighths of a cell, and the share in per cent."""
        whole, eighths = divmod(round(self * BAR_WIDTH * 8), 8)
        bar = "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths]
        return f"{bar:<{BAR_WIDTH}} {self.per_cent():>7}"


class Seconds(float):
    """A time: as people say it on a terminal, in seconds elsewhere."""


def duration(seconds: float) -> str:
    """A time as people say it, with two digits, three from 100 on.

    >>> duration(4.1234), duration(0.0123), duration(0.9996), duration(432.1), duration(0.00000123)
    ('4.1 s', '12 ms', '1 s', '432 s', '0.0012 ms')
    """
    value, unit = (seconds, "s") if seconds >= 0.995 else (seconds * 1000, "ms")
    return f"{value:.2g} {unit}" if value < 99.5 else f"{value:.0f} {unit}"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows; the first column names the row, and the last `totals` rows stand apart.

    `optional` columns are hidden first, in this order, if the terminal is too narrow, `unreported` ones unmentioned.
    With `folding`, long names of rows are folded before the last optional column is hidden, and so are the sentences of
    the column `wrapped`. `legend` has what columns
    mean, as (column, meaning), printed for those that are shown. `aside` are notes. Both are below the table on a
    terminal and on stderr elsewhere, so that stdout has only rows; the verdict comes last. `explained` are notes for
    those who ask for the working-out. `on_terminal` is what a terminal shows instead, if people are to see less.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: int = 0
    aside: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    unreported: tuple[str, ...] = ()
    folding: bool = False
    wrapped: str = ""
    verdict: str = ""
    good: bool = True
    legend: tuple[tuple[str, str], ...] = ()
    explained: tuple[str, ...] = ()
    on_terminal: Table | None = None


def with_explained(table: Table) -> Table:
    """The table with all its notes, for those who ask for the working-out; they take the place of the legend."""
    if table.on_terminal is not None:
        table = replace(table, on_terminal=with_explained(table.on_terminal))
    if not table.explained:
        return table
    return replace(table, aside=(*table.aside, *table.explained), legend=(), explained=())


def show(table: Table, file: TextIO | None = None) -> None:
    """Print a table to a file, stdout if None: for people on a terminal, tab-separated elsewhere."""
    file = file or sys.stdout
    if file.isatty():
        _show_on_terminal(table.on_terminal or table, terminal(file))
    else:
        print("\t".join(table.columns), file=file)
        # Most cells of a long table are plain text, which needs no call.
        plain = (
            [cell if type(cell) is str and cell.isprintable() else _plain(cell) for cell in row] for row in table.rows
        )
        file.writelines("\t".join(row) + "\n" for row in plain)
        for line in (*_notes(table), *([table.verdict] if table.verdict else [])):
            print(one_line(line), file=sys.stderr)


def _notes(table: Table, hidden: Collection[str] = ()) -> tuple[str, ...]:
    """The notes, after a line on what the columns mean that are shown."""
    shown = [meaning for column, meaning in table.legend if column in table.columns and column not in hidden]
    meanings = dict.fromkeys(shown)
    return (*(["; ".join(meanings)] if meanings else []), *table.aside)


def terminal(file: TextIO | None = None) -> Console:
    """A console for a file, stdout if None."""
    from convcalc.render.console import console

    return console(file or sys.stdout)


def _plain(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell if cell.isprintable() else one_line(cell)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "" if cell is None else str(cell)


def _pretty(cell: Cell, bars: bool = True) -> str:
    match cell:
        case None:
            return "-"
        case bool():
            return "yes" if cell else "NO"
        case int():
            return f"{cell:,}"
        case Bar():
            return cell.drawn() if bars else cell.per_cent()
        case Seconds():
            return duration(cell)
        case float():
            return f"{cell:.5g}"
        case _:
            return one_line(cell)


def _show_on_terminal(table: Table, console: Console) -> None:
    """The first form that fits: whole, with columns hidden, rows and columns exchanged, or entry by entry."""
    console.print(one_line(table.title), style="bold")
    fitting = (form for form in forms(table) if form.room(console.width) >= form.least(console.width))
    form = next(fitting, None) if table.rows else None
    if form is not None:
        console.print(_rich_table(form, form.room(console.width)))
    else:
        for row in table.rows:
            _print_entry(console, table.columns, row)
    for line in (*(form.captions if form else ()), *_notes(table, form.hidden if form else ())):
        console.print(one_line(line), style="dim")
    if table.verdict:
        console.print(one_line(table.verdict), style="bold green" if table.good else "bold red")


@dataclass(frozen=True, slots=True)
class Column:
    """A column as text: its cells, their width, and that of their longest part if they are broken.

    The last two are the widths of its heading on one line and of the heading's longest word.
    """

    name: str
    cells: tuple[str, ...]
    numeric: bool
    width: int
    part: int
    heading: int
    word: int


def _column(name: str, cells: Sequence[str], numeric: bool) -> Column:
    words = (_width(word) for word in name.split())
    lines = [line for cell in cells for line in cell.split("\n")]
    whole, part = (max(map(_width, texts), default=0) for texts in (lines, _parts(lines)))
    return Column(name, tuple(cells), numeric, whole, part, _width(name), max(words, default=0))


def _parts(cells: Iterable[str]) -> Iterator[str]:
    """The cells, broken where they may be: after = and before brackets."""
    for cell in cells:
        yield from re.split(r"(?<= =) | (?=\()", cell)


@dataclass(frozen=True, slots=True)
class Form:
    """A way to show a table: the columns that are shown, the names of the hidden ones, and captions about these.

    With `narrow`, headings have one word per line, and cells are broken after `=` and before brackets. `fold` says
    which names of rows may be folded: none; some, the longest quarter of them or those longer than three tenths of the
    terminal; or all, down to MIN_NAME.
    """

    columns: tuple[Column, ...]
    totals: int = 0
    hidden: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    narrow: bool = False
    fold: Fold = "none"

    @property
    def widths(self) -> tuple[int, ...]:
        """The columns' widths, in cells of the terminal."""
        if self.narrow:
            return tuple(max(c.part, c.word) for c in self.columns)
        return tuple(max(c.width, c.heading) for c in self.columns)

    def room(self, width: int) -> int:
        """The cells that a terminal of this width leaves for the names of rows."""
        return width - sum(self.widths[1:]) - GAP * (len(self.columns) - 1)

    def least(self, width: int) -> int:
        """The cells that the names of rows need on a terminal of this width."""
        whole = self.widths[0]
        match self.fold:
            case "none":
                return whole
            case "some":
                names = sorted(map(_width, self.columns[0].cells))
                return min(whole, max(MIN_NAME, min(names[len(names) * 3 // 4], width * 3 // 10)))
            case "all":
                return min(whole, MIN_NAME)


def forms(table: Table) -> Iterator[Form]:
    """A table of at least one row in forms of decreasing width.

    Columns are hidden one by one; before each of them headings are folded, and so are names if `folding`.
    """
    values = list(zip(*table.rows, strict=True))
    numeric = [all(map(_is_number, column)) for column in values]
    bars = any(isinstance(cell, Bar) and cell for column in values for cell in column)
    drawn, plain = (
        [
            _column(name, [_pretty(cell, with_bars) for cell in column], right)
            for name, column, right in zip(table.columns, values, numeric, strict=True)
        ]
        for with_bars in (bars, False)
    )
    shown, kept = drawn, list(range(len(drawn)))
    for hidden in ("", *table.optional):
        if hidden == BARS:
            shown = plain
        else:
            kept = [i for i in kept if table.columns[i] != hidden]
        dropped = tuple(name for i, name in enumerate(table.columns) if i not in kept)
        captions = _captions(table, kept, dropped, bars and shown is plain)
        form = Form(tuple(shown[i] for i in kept), table.totals, dropped, captions)
        yield form
        yield replace(form, narrow=True)
        if table.folding:
            yield replace(form, narrow=True, fold="some")
        if table.wrapped:
            for room in SENTENCES:
                columns = tuple(_wrapped(c, room) if c.name == table.wrapped else c for c in form.columns)
                yield replace(form, narrow=True, columns=columns)
    if table.folding:
        yield replace(form, narrow=True, fold="all")
    if len(table.rows) > 1 and not table.optional:
        first, *others = drawn
        names = _column(first.name, [column.name for column in others], False)
        turned = zip(first.cells, *(column.cells for column in others), strict=True)
        yield Form((names, *(_column(row[0], row[1:], True) for row in turned)))


def _wrapped(column: Column, room: int) -> Column:
    """The column with its cells on lines of at most `room` cells."""
    cells = ["\n".join(wrap(cell, room, break_on_hyphens=False)) for cell in column.cells]
    return _column(column.name, cells, column.numeric)


def _captions(table: Table, kept: Sequence[int], dropped: Sequence[str], without_bars: bool) -> tuple[str, ...]:
    """Which columns are hidden, and whether bars are."""
    hidden = [name for name in dropped if name not in table.unreported]
    if without_bars and any(isinstance(row[i], Bar) for row in table.rows for i in kept):
        hidden.append(BARS)
    return (f"hidden to fit this terminal: {', '.join(hidden)} (all columns when piped)",) if hidden else ()


def _width(text: str) -> int:
    """The cells of the terminal that a text takes; wide letters take two."""
    from rich.cells import cell_len

    return cell_len(text)


def _is_number(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def folded(name: str, room: int) -> str:
    """The name on lines of at most `room` cells; all after the first are indented.

    Broken after / or a space, if that is not enough after . _ : or -, and otherwise anywhere.

    >>> print(folded("layer1/1/downsample/batch_norm1", 22))
    layer1/1/downsample/
      batch_norm1
    """
    lines = [""]
    for part in _PARTS.findall(name):
        fits = _width(INDENT + part) <= room
        for piece in [part] if fits else _PIECES.findall(part):
            for text in [piece] if _width(INDENT + piece) <= room else piece:
                if _width(lines[-1] + text) > room:
                    lines.append(INDENT)
                lines[-1] += text
    return "\n".join(lines)


def _print_entry(console: Console, columns: Sequence[str], row: Sequence[Cell]) -> None:
    """One row as `name  value` lines; long values are folded, never cut."""
    console.print(_pretty(row[0]), style="bold cyan")
    label_width = max(map(len, columns[1:]))
    room = max(8, console.width - label_width - 4)
    for name, cell in zip(columns[1:], row[1:], strict=True):
        if cell is not None:
            for i, part in enumerate(wrap(_pretty(cell), room, break_on_hyphens=False) or [""]):
                console.print(f"  {name if i == 0 else '':<{label_width}}  {part}")


def _rich_table(form: Form, room: int) -> RichTable:
    """The form with `room` cells for the names of its rows."""
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold",
    )  # fmt: skip
    widths = (min(room, form.widths[0]), *form.widths[1:])
    for index, (column, width) in enumerate(zip(form.columns, widths, strict=True)):
        style = "cyan" if index == 0 else None
        justify: Literal["right", "left"] = "right" if column.numeric else "left"
        shown.add_column(column.name, justify=justify, style=style, overflow="fold", width=width)
    rows = list(zip(*(column.cells for column in form.columns), strict=True))
    for index, (name, *cells) in enumerate(rows):
        total = form.totals > 0 and index >= len(rows) - form.totals
        if total and index == len(rows) - form.totals:
            shown.add_section()
        shown.add_row(folded(name, widths[0]), *cells, style="bold" if total else None)
    return shown
