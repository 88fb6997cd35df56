"""`convcalc solve`: the layers that make one size of another."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from convcalc.cli.answer import Form, answer
from convcalc.cli.conflicts import SOLVE, check_conflicts
from convcalc.cli.options import EXPLAIN, JSON, flag, option
from convcalc.errors import NotationError, shortened
from convcalc.notation import whole_number

if TYPE_CHECKING:
    from convcalc.explain.rows import Explanation
    from convcalc.questions.solve import Layer

OF_SIZES = "Sizes that layers accept"
WORDS = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LAYER]... | MODEL", help="With --sizes: layer words or a model.", show_default=False),
]
INPUT = option("-i", "--input", metavar="SIZE", help="Input per axis: 224, 224x320, or a range: 1..1000.")
OUTPUT = option(
    "-o", "--output", metavar="SIZE", help="Output: 112, 112x160; of an input n: 5n, n, n/2 (up), n//2 (down)."
)
KERNEL = option("-k", "--kernel", "--kernel-size", metavar="N..M", help="Kernel: 3, or a range: 3..7.")
STRIDE = option("-s", "--stride", metavar="N..M", help="Stride: 2, or a range: 1..3.")
PADDING = option("-p", "--padding", metavar="PAD", help="Padding: 1, 0..5, begin:end as 0:1 or 0..5:0..5, or a word.")
DILATION = option("-d", "--dilation", metavar="N..M", help="Dilation: 1, or a range: 1..4 [1].")
OUTPUT_PADDING = option("--output-padding", metavar="N..M", help="Transposed: outputs added at the end [0..1].")
TRANSPOSED = flag("--transposed", help="Transposed convolutions.", panel="Layer")
LAYERS = option("--layers", metavar="N", help="Chains of that many layers [1].")
FIELD = option("--receptive-field", metavar="N", help="Chains that see N pixels without holes, of -k and -d.")
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
    layers: LAYERS = None,
    receptive_field: FIELD = None,
    sizes: SIZES = False,
    from_: FROM = None,
    to: TO = None,
    explain: EXPLAIN = False,
    json: JSON = False,
) -> int:
    """Which kernel, stride, padding, dilation and output padding make one size of another, simplest first.

    Sizes are spatial axes alone, and options may be ranges, such as -k 3..7. What is not given is searched over ranges
    that the answer states. --layers N finds chains, --receptive-field N chains that see that much.

    Examples:
      convcalc solve --input 224 --output 112 -k 7
      convcalc solve --input 224x320 --output 112x160 -k 3..5 -s 2 -d 1..2
      convcalc solve --input 1..100 --output 5n -k 10 --transposed
      convcalc solve --input 1..100000 --output 112 -k 7 -s 2 -p 3
      convcalc solve --input 62 --output 18600 --layers 2 --transposed
      convcalc solve --receptive-field 65 -k 3 --dilation 1..16
      convcalc solve --sizes k3s2p1*4
    """
    check_conflicts(
        "solve",
        SOLVE,
        {
            "--input": input, "--output": output, "--kernel": kernel, "--stride": stride, "--padding": padding,
            "--dilation": dilation, "--output-padding": output_padding, "--transposed": transposed,
            "--layers": layers, "--receptive-field": receptive_field, "--sizes": sizes, "--from": from_, "--to": to,
        },
    )  # fmt: skip
    if sizes:
        from convcalc.cli.solve_sizes import answer_sizes

        return answer_sizes(words or [], input, from_, to, explain, json)
    if words:
        typed = shortened(" ".join(words))
        both = f"--input {words[0]} --output {words[1]}" if len(words) == 2 and is_number(words) else ""
        raise NotationError(f"solve: layers go with --sizes, got {typed}; {f'use {both}' if both else 'add --sizes'}")
    form = Form(explain, json)
    count = None if layers is None else whole_number(layers, "layers")
    if receptive_field is not None:
        return _fields(form, receptive_field, kernel, dilation, count)
    if input is None or output is None:
        missing = "--input" if input is None else "--output"
        raise NotationError(f"solve: needs {missing}, got none; use convcalc solve --input 224 --output 112")
    options = {
        "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "output_padding": output_padding,
    }  # fmt: skip
    if count is not None and count > 1:
        return _chains(form, input, output, count, options, transposed)
    from convcalc.questions.solve import solve
    from convcalc.render.solve import brief_view, full_view

    solved = solve(input, output, options, transposed=transposed)
    view = brief_view if sys.stdout.isatty() or explain else full_view
    return answer(
        form, solved.to_dict, lambda: view(solved), lambda _: _explained([f.simplest for f in solved.families[:1]])
    )


def is_number(words: Sequence[str]) -> bool:
    """Whether the words are sizes."""
    return all(word[:1].isdigit() for word in words)


def _chains(form: Form, input: str, output: str, layers: int, options: dict[str, str | None], transposed: bool) -> int:
    from convcalc.questions.solve_chain import solve_chains
    from convcalc.render.solve import brief_chains_view, full_chains_view

    solved = solve_chains(input, output, layers, options, transposed=transposed)
    view = brief_chains_view if sys.stdout.isatty() or form.explain else full_chains_view
    simplest = [layer for path in solved.paths[:1] for layer in path.simplest]
    return answer(form, solved.to_dict, lambda: view(solved), lambda _: _explained(simplest))


def _fields(form: Form, size: str, kernel: str | None, dilation: str | None, layers: int | None) -> int:
    from convcalc.questions.solve_field import solve_field
    from convcalc.render.solve import ROWS, fields_view

    solved = solve_field(size, kernel, dilation, layers)

    def explained(_: ModuleType) -> list[Explanation]:
        from convcalc.explain.solve import explain_field

        return explain_field(solved.chains[0]) if solved.chains else []

    rows = ROWS if sys.stdout.isatty() else len(solved.chains)
    return answer(form, solved.to_dict, lambda: fields_view(solved, rows), explained)


def _explained(layers: list[Layer]) -> list[Explanation]:
    from convcalc.explain.solve import explain_layers

    return explain_layers(layers)
