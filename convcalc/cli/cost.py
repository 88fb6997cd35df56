"""`convcalc cost`: multiplications, additions and memory, alone or compared with other types."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from convcalc.cli.answer import answer
from convcalc.cli.options import SharedOptions, complete_dtype, complete_type, layer_command
from convcalc.recipes import BY_NAME
from convcalc.render.views import compare_view, cost_view

if TYPE_CHECKING:
    from convcalc.questions.compare import Comparison

COMPARE = Annotated[
    list[str] | None,
    typer.Option(
        "--compare",
        metavar="TYPE|all",
        help="Compare with other types for the same input and output; may be repeated.",
        rich_help_panel="Comparing",
        autocompletion=complete_type,
        show_default=False,
    ),
]


@layer_command
def command(
    options: SharedOptions,
    compare_with: COMPARE = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="NAME",
            help="Element type for bytes [float32].",
            rich_help_panel="Layer",
            autocompletion=complete_dtype,
            show_default=False,
        ),
    ] = None,
) -> int:
    """Multiplications, additions, MACs, FLOPs and memory of a layer or a row; with --compare also of other types.

    Examples:
      convcalc cost -i 64x56x56 -k 3 -p 1 -f 64
      convcalc cost --compare depthwise
      convcalc cost 3x224x224 k7s2p3f64 max:k3s2p1 ds:k3p1f128 gap fc1000
      convcalc cost -i 256x14x14 -k 3 -p same -f 256 --compare all
      convcalc cost -t transposed -i 16x8x8 -k 4 -s 2 -p 1 -f 8 --explain
    """
    dtype = "float32" if dtype is None else dtype
    if not compare_with:
        result = options.report(dtype)
        return answer(
            options, result.to_dict, lambda: cost_view(result, options.layout), lambda whole: whole.explain_cost(result)
        )
    options, comparison = compared(options, compare_with, dtype)
    return answer(
        options,
        comparison.to_dict,
        lambda: compare_view(comparison, options.layout),
        lambda whole: whole.explain_comparison(comparison),
    )


def compared(options: SharedOptions, types: list[str], dtype: str) -> tuple[SharedOptions, Comparison]:
    """The layer or row compared with the types; the options without the types that were among its words."""
    from convcalc.questions.compare import compare, compare_chain

    # Types after the first may follow --compare without commas; the parser then takes them for layer words.
    more = [word for word in options.words if word in BY_NAME or word.lower() == "all"]
    options = replace(options, words=tuple(word for word in options.words if word not in more))
    names = [name for word in (*types, *more) for name in word.split(",")]
    comparison = (
        compare_chain(options.graph(), names, dtype=dtype)
        if options.words
        else compare(options.type or "standard", options.layer, names, batch=options.batch, dtype=dtype)
    )
    return options, comparison
