"""How the asking commands answer: JSON, the working-out, or a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convcalc.cli.options import Asked
from convcalc.explain.layer import Explanation
from convcalc.render.table import Table, show


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=True))


@dataclass(frozen=True, slots=True)
class Form:
    """How to answer, for a command without the shared options."""

    explain: bool
    json: bool


def answer(
    asked: Asked | Form,
    value: dict[str, Any],
    view: Callable[[], Table],
    working_out: Callable[[], Sequence[Explanation]],
) -> int:
    """Print a result as JSON or as its table; with --explain also the working-out behind every number."""
    if asked.json:
        print_json({**value, "explanations": [asdict(row) for row in working_out()]} if asked.explain else value)
    elif asked.explain:
        from convcalc.render.explanations import show_explanations

        show_explanations(view(), working_out())
    else:
        show(view())
    return 0
