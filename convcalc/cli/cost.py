"""`convcalc cost`: multiplications, additions and memory, alone or beside other types."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.answer import answer
from convcalc.cli.options import Asked, complete_type, layer_command
from convcalc.errors import NotationError, quoted
from convcalc.explain.layer import explain_comparison, explain_cost
from convcalc.questions.compare import compare
from convcalc.questions.cost import BYTES
from convcalc.questions.layer_report import report
from convcalc.render.views import compare_view, cost_view


def _complete_dtype(incomplete: str) -> list[str]:
    return [name for name in BYTES if name.startswith(incomplete)]


@layer_command
def command(
    asked: Asked,
    types: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TYPE", help="More types to compare with, after --compare.", autocompletion=complete_type
        ),
    ] = None,
    compare_with: Annotated[
        list[str] | None,
        typer.Option(
            "--compare",
            metavar="TYPE|all",
            help="Other types for the same input and output, with ratios; may be repeated.",
            rich_help_panel="Comparing",
            autocompletion=complete_type,
            show_default=False,
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="NAME",
            help="Element type for bytes [float32].",
            rich_help_panel="Layer",
            autocompletion=_complete_dtype,
            show_default=False,
        ),
    ] = None,
) -> int:
    """Multiplications, additions, MACs, FLOPs and memory of a layer; with --compare beside other types.

    Examples:
      convcalc cost -i 64x56x56 -k 3 -p 1 -f 64
      convcalc cost --compare depthwise
      convcalc cost -i 256x14x14 -k 3 -p same -f 256 --compare all
      convcalc cost -t transposed -i 16x8x8 -k 4 -s 2 -p 1 -f 8 --explain
    """
    dtype = "float32" if dtype is None else dtype
    if not compare_with:
        if types:
            raise NotationError(f"cost: takes types only after --compare, got {quoted(types[0])}; use -t {types[0]}")
        result = report(asked.layer(), batch=asked.batch, dtype=dtype)
        return answer(asked, result.to_dict(), lambda: cost_view(result, asked.layout), lambda: explain_cost(result))
    names = [name for word in (*compare_with, *(types or ())) for name in word.split(",")]
    comparison = compare(asked.type or "standard", asked.options, names, batch=asked.batch, dtype=dtype)
    return answer(
        asked,
        comparison.to_dict(),
        lambda: compare_view(comparison, asked.layout),
        lambda: explain_comparison(comparison),
    )
