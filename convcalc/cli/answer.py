"""How commands answer: with JSON, the working-out, or a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO

from convcalc.cli.options import SharedOptions
from convcalc.render.table import Table, show

if TYPE_CHECKING:
    from convcalc.explain.rows import Explanation


LONG_LIST = 100
"""Rows that a list in JSON may have before each is written on one line."""


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on stdout; lists of many rows have a line per row, which is also ten times as fast to write."""
    entries = (f"  {json.dumps(key)}: {_json(item)}" for key, item in value.items())
    print("{\n" + ",\n".join(entries) + "\n}")


def _json(item: Any) -> str:
    if isinstance(item, list) and len(item) > LONG_LIST:
        rows = ",\n    ".join(json.dumps(row, allow_nan=False) for row in item)
        return f"[\n    {rows}\n  ]"
    return json.dumps(item, indent=2, allow_nan=False).replace("\n", "\n  ")


@dataclass(frozen=True, slots=True)
class Form:
    """How to answer, for a command without the shared options."""

    explain: bool
    json: bool


def answer(
    options: SharedOptions | Form,
    value: Callable[[], dict[str, Any]],
    view: Callable[[], Table],
    working_out: Callable[[ModuleType], Sequence[Explanation]] | None,
    file: TextIO | None = None,
) -> int:
    """Print a result as JSON or as its table; with --explain also the working-out behind every number.

    A table goes to `file`, stdout if None.
    `working_out` is given the module `convcalc.explain.whole`, which is imported only if it is needed.
    """
    rows: Sequence[Explanation] = ()
    if options.explain and working_out is not None:
        from convcalc.explain import whole

        rows = working_out(whole)
    if options.json:
        print_json({**value(), "explanations": [row._asdict() for row in rows]} if options.explain else value())
    elif options.explain:
        from convcalc.render.explanations import show_explanations

        show_explanations(view(), rows, file)
    else:
        show(view(), file)
    return 0
