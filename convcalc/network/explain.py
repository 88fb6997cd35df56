"""How every number of a network's rows comes about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from convcalc import formulas
from convcalc.cost import BYTES, cost
from convcalc.explain import Explanation, explain_stage, listed, named_axes, row_of
from convcalc.network.operators import Convolve, Linear, MatMul, Normalize
from convcalc.network.receptive import Along
from convcalc.network.report import LayerReport, NetworkReport
from convcalc.report import StageReport


def explain_network(report: NetworkReport, shown: Sequence[LayerReport]) -> tuple[Explanation, ...]:
    """The working-out of the layers shown, and of the totals over all layers."""
    numbers = {node.name: number for number, node in enumerate(report.network.nodes)}
    sizes = report.input[1:]
    rows: list[Explanation] = []
    for layer in shown:
        if layer.node.counted:
            rows += _counts(layer)
        rows += _field(layer, report.fields.seen[numbers[layer.name]], sizes)
        if layer.node.counted:
            rows += _movement(layer, report.dtype)
    for name in ("parameters", "multiplications", "additions", "activations"):
        terms = " + ".join(str(value) for layer in report.layers if (value := getattr(layer, name))) or "0"
        rows.append(
            Explanation("total", name, "the sum over the layers", terms, getattr(report, name), formulas.DEFINITION)
        )
    return tuple(rows)


def _counts(layer: LayerReport) -> Iterator[Explanation]:
    node, name = layer.node, layer.name
    match node.operator:
        case Convolve():
            batch = (node.shape or (1,))[0]
            for step in node.steps:
                stage = StageReport(step, cost(step, batch), layer.receptive_field)
                where = f"{name}/{step.path}" if len(node.steps) > 1 else name
                yield from (replace(row, where=where) for row in explain_stage(stage, batch))
            return
        case Linear():
            operator = node.operator
            symbols = {
                "rows": layer.node.elements // operator.out_features,
                "in_features": operator.in_features,
                "filters": operator.out_features,
                "bias": int(operator.bias),
            }
            yield row_of(name, "weights", formulas.WEIGHTS_LINEAR, layer.weights, **symbols)
            yield row_of(name, "biases", formulas.BIASES, layer.biases, **symbols)
            yield row_of(name, "multiplications", formulas.MULTIPLICATIONS_LINEAR, layer.multiplications, **symbols)
            yield row_of(name, "additions", formulas.ADDITIONS_LINEAR, layer.additions, **symbols)
        case MatMul():
            symbols = {"elements": layer.activations, "summed": (node.input_shapes[0] or (1,))[-1]}
            yield row_of(name, "multiplications", formulas.MULTIPLICATIONS_MATMUL, layer.multiplications, **symbols)
            yield row_of(name, "additions", formulas.ADDITIONS_MATMUL, layer.additions, **symbols)
        case Normalize() if layer.parameters:
            channels = layer.parameters // 2
            yield row_of(name, "parameters", formulas.PARAMETERS_NORM, layer.parameters, channels=channels)
        case _:
            pass


def _field(layer: LayerReport, seen: Sequence[Along], sizes: Sequence[int]) -> Iterator[Explanation]:
    """Size and coverage from the set itself; of what the recurrences say they are the proof."""
    axes = []
    for along, size in zip(seen, sizes, strict=True):
        shape = layer.node.shape or ()
        widest = along.field.widest(1 if along.axis is None else shape[along.axis], size)
        if not widest.runs:
            return
        symbols = {"first": widest.first, "last": widest.last}
        axes.append(
            [
                row_of(layer.name, "receptive field along", formulas.SPAN, widest.span, **symbols),
                Explanation(
                    layer.name, "coverage along", formulas.COVERAGE.text, f"count({listed(widest)})", widest.count,
                    formulas.COVERAGE.source,
                ),
            ]
        )  # fmt: skip
    if axes:
        yield from named_axes(axes)


def _movement(layer: LayerReport, dtype: str) -> Iterator[Explanation]:
    written = layer.activations
    if isinstance(layer.node.operator, Convolve) and len(layer.node.steps) > 1:
        return
    symbols = {
        "read": layer.moved - layer.parameters - written,
        "parameters": layer.parameters,
        "written": written,
        "bytes_per_element": BYTES[dtype],
    }
    moved = layer.moved * BYTES[dtype]
    yield row_of(layer.name, f"{dtype} bytes moved", formulas.BYTES_MOVED, moved, **symbols)
