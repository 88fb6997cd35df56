"""`convcalc solve`: the layers that make one size of another."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import sys
from typing import Annotated

import typer

from convcalc.cli.answer import Form, answer
from convcalc.cli.options import EXPLAIN, JSON, flag, option
from convcalc.errors import NotationError, shortened

OF_SIZES = "Sizes that layers accept"
WORDS = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LAYER]... | [MODEL]", help="With --sizes: layer words or a model.", show_default=False),
]
INPUT = option("-i", "--input", metavar="SIZE", help="Input per axis: 224, 224x320, or a range: 1..1000.")
OUTPUT = option("--output", metavar="SIZE", help="Output: 112, 112x160; of an input n: 5n, n, n/2 (up), n//2 (down).")
KERNEL = option("-k", "--kernel", "--kernel-size", metavar="N..M", help="Kernel: 3, or a range: 3..7.")
STRIDE = option("-s", "--stride", metavar="N..M", help="Stride: 2, or a range: 1..3.")
PADDING = option("-p", "--padding", metavar="PAD", help="Padding: 1, 0..5, begin:end as 0:1 or 0..5:0..5, or a word.")
DILATION = option("-d", "--dilation", metavar="N..M", help="Dilation: 1, or a range: 1..4 [1].")
OUTPUT_PADDING = option("--output-padding", metavar="N..M", help="Transposed: outputs added at the end [0..1].")
TRANSPOSED = flag("--transposed", help="Transposed convolutions.", panel="Layer")
SIZES = flag("--sizes", help="The input sizes that layers or a model accept.", panel=OF_SIZES)
FROM = option("--from", metavar="N", help="The first size to look at.", panel=OF_SIZES)
TO = option("--to", metavar="N", help="The last size to look at.", panel=OF_SIZES)


def command(
    words: WORDS = None,
    input: INPUT = None,
    output: OUTPUT = None,
    kernel: KERNEL = None,
    stride: STRIDE = None,
    padding: PADDING = None,
    dilation: DILATION = None,
    output_padding: OUTPUT_PADDING = None,
    transposed: TRANSPOSED = False,
    sizes: SIZES = False,
    from_: FROM = None,
    to: TO = None,
    explain: EXPLAIN = False,
    json: JSON = False,
) -> int:
    """Which kernel, stride, padding, dilation and output padding make one size of another, simplest first.

    Numbers may be ranges, such as -k 3..7; what is not given is searched over ranges that the answer states.

    Examples:
      convcalc solve --input 224 --output 112 -k 7
      convcalc solve --input 1..100 --output 5n -k 10 --transposed
    """
    if sizes:
        from convcalc.cli.solve_sizes import answer_sizes

        return answer_sizes(words or [], input, from_, to, explain, json)
    if words:
        raise NotationError(f"solve: layers go with --sizes, got {shortened(words[0])}; add --sizes")
    if input is None or output is None:
        missing = "--input" if input is None else "--output"
        raise NotationError(f"solve: needs {missing}, got none; use convcalc solve --input 224 --output 112")
    from convcalc.questions.solve import solve
    from convcalc.render.solve import full_view, solve_view

    solved = solve(
        input, output, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
        output_padding=output_padding, transposed=transposed,
    )  # fmt: skip
    view = solve_view if sys.stdout.isatty() or not solved.families else full_view
    return answer(Form(explain, json), solved.to_dict, lambda: view(solved), None)
