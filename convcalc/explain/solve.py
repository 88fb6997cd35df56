"""How the answers of `solve` come about: the rule of a layer solved for the padding and for the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convcalc import formulas
from convcalc.explain.rows import Explanation, named_axes, row_of
from convcalc.explain.sizes import window_symbols
from convcalc.questions.solve import Layer, layer_word
from convcalc.questions.solve_axis import Solution
from convcalc.questions.solve_field import FieldChain


def explain_layers(layers: Sequence[Layer]) -> list[Explanation]:
    """The working-out of one layer after the other."""
    return [
        row for layer in layers for row in named_axes([list(_along(layer_word(layer), solution)) for solution in layer])
    ]


def _along(where: str, solution: Solution) -> Iterator[Explanation]:
    window, output = solution.window, solution.outputs.last
    sizes = {"input": solution.inputs.last, "output": output, "output_padding": solution.output_padding}
    symbols = sizes | window_symbols(window)
    yield row_of(where, "extent along", formulas.EXTENT, window.extent, **symbols)
    if solution.transposed:
        total = window.before + window.after
        yield row_of(where, "padding, begin and end together, along", formulas.CROP, total, **symbols)
        yield row_of(where, "output along", formulas.OUTPUT_TRANSPOSED, output, **symbols)
        return
    least = (output - 1) * window.stride + window.extent - solution.inputs.last
    yield row_of(where, "least padding, begin and end together, along", formulas.LEAST_PADDING, least, **symbols)
    most = least + window.stride - 1
    yield row_of(where, "greatest padding, begin and end together, along", formulas.GREATEST_PADDING, most, **symbols)
    yield row_of(where, "output along", formulas.OUTPUT_DILATED, output, **symbols)
    same = solution.same_output
    yield row_of(where, "smallest input with that output along", formulas.LEAST_INPUT, same.first, **symbols)
    yield row_of(where, "largest input with that output along", formulas.GREATEST_INPUT, same.last, **symbols)


def explain_field(chain: FieldChain) -> list[Explanation]:
    """The pixels seen after each layer, and the largest dilation that it may have."""
    rows, seen = list[Explanation](), 1
    for number, layer in enumerate(chain.layers, 1):
        where = f"{number}/k{layer.kernel}d{layer.dilation}"
        rows.append(row_of(where, "largest dilation without a hole", formulas.NO_HOLE, seen, seen_before=seen))
        symbols = {"size_before": seen, "kernel": layer.kernel, "dilation": layer.dilation, "jump_before": 1}
        seen += layer.extent - 1
        rows.append(row_of(where, "pixels seen", formulas.SIZE, seen, **symbols))
    return rows
