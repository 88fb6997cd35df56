"""The columns of a table that are asked for by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from convcalc.errors import NotationError, quoted
from convcalc.render.table import Table


def chosen_columns(columns: Sequence[str], text: str | None) -> list[str]:
    """The columns that a text names, with commas between them; all for None. Raises NotationError for an unknown one.

    >>> chosen_columns(["name", "receptive field", "share"], "share,receptive-field")
    ['share', 'receptive field']
    """
    if text is None:
        return [*columns]
    known = {_column_key(name): name for name in columns}
    wanted = [part.strip() for part in text.split(",")]
    for name in wanted:
        if _column_key(name) not in known:
            raise NotationError(f"columns: unknown column {quoted(name)}; the columns: {', '.join(columns)}")
    return [*dict.fromkeys(known[_column_key(name)] for name in wanted)]


def _column_key(name: str) -> str:
    """A column's name as it is looked up: receptive-field and receptive_field are `receptive field`."""
    return re.sub(r"[\s_-]+", " ", name).strip().lower()


def with_columns(table: Table, text: str | None) -> Table:
    """The table with only the columns that a text names, in its order; all for None."""
    names = chosen_columns(table.columns, text)
    places = [table.columns.index(name) for name in names]
    shorter = None if table.on_terminal is None else with_columns(table.on_terminal, text)
    rows = tuple(tuple(row[i] for i in places) for row in table.rows)
    return replace(table, columns=tuple(names), rows=rows, on_terminal=shorter)
