"""The working-out of networks: every text and every line of numbers evaluates to what the report says, none is missing.

Symbols are taken from the report's JSON where it has them, so that a formula meets numbers that it was not made from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import prod
from typing import Any

import pytest

from convcalc.axis.positions import Positions
from convcalc.explain.layer import Explanation
from convcalc.explain.network import explain_network
from convcalc.graph import primitives as operators
from convcalc.graph.graph import Assembly, Network, Node
from convcalc.graph.stages import TransposedCorrelate
from convcalc.questions.models import NetworkOptions
from convcalc.questions.models import report_of as asked
from convcalc.questions.report import NetworkReport, network_report
from convcalc.questions.roofline import Machine
from convcalc.readers import load_network, zoo_names
from convcalc.readers.toml.document import network_from_toml
from convcalc.render.network import network_view
from convcalc.render.table import Bar
from tests import formula
from tests.test_explain import AXES, split

MACHINE = Machine(100e9, 10e9)
MOST_PAIRS = 4000
"""Pairs of a position and a tap that are counted one by one; of more, the numbers alone are evaluated."""
COUNTS = {
    "weights": "weights",
    "biases": "biases",
    "parameters": "parameters",
    "multiplications": "multiplications",
    "multiplications_effective": "effective multiplications",
    "multiplications_zero_inserted": "zero-inserted multiplications",
    "additions": "additions",
    "macs": "macs",
    "flops": "flops",
    "activations": "activations",
    "share": "share",
    "bytes_moved": "float32 bytes moved",
    "intensity": "operations per byte",
    "bound": "bound",
    "least_seconds": "least seconds",
}
ALWAYS = ("parameters", "multiplications", "activations", "share")
"""What the table shows of every layer, so that a 0 is explained too."""
EVERY_OP = """
input = "6x13x17"
[[layers]]
name = "stem"
op = "conv"
filters = 8
kernel = [3, 5]
stride = [2, 1]
padding = "same"
bias = true
[[layers]]
op = "batch_norm"
[[layers]]
name = "ceiled"
op = "max_pool"
kernel = [3, 2]
stride = [2, 2]
padding = [[0, 1], [1, 0]]
ceil_mode = true
[[layers]]
name = "averaged"
op = "avg_pool"
kernel = 2
stride = 1
padding = "same"
[[layers]]
name = "pair"
op = "ds"
kernel = 3
padding = 1
filters = 8
bias = true
[[layers]]
name = "both"
op = "concat"
from = ["averaged", "pair", "ceiled"]
[[layers]]
op = "channel_shuffle"
groups = 3
[[layers]]
name = "parts"
op = "split"
sizes = [20, 4]
[[layers]]
name = "up"
op = "transposed"
from = "parts/1"
filters = 4
kernel = 3
stride = 2
padding = 1
output_padding = 1
bias = true
[[layers]]
name = "wide"
op = "conv"
filters = 5
kernel = 3
stride = 3
dilation = 2
padding = 2
[[layers]]
name = "larger"
op = "upsample"
size = [7, 11]
mode = "linear"
[[layers]]
name = "padded"
op = "pad"
padding = [[0, 2], [1, 0]]
[[layers]]
name = "cut"
op = "crop"
padding = [[1, 2], [0, 3]]
[[layers]]
op = "prelu"
per_channel = true
[[layers]]
name = "gate"
op = "global_avg_pool"
[[layers]]
name = "gated"
op = "multiply"
from = ["cut", "gate"]
[[layers]]
op = "scale"
[[layers]]
op = "instance_norm"
[[layers]]
op = "adaptive_avg_pool"
output_size = [2, 3]
[[layers]]
op = "softmax"
[[layers]]
op = "reshape"
size = "3x10"
[[layers]]
op = "flatten"
[[layers]]
op = "linear"
filters = 7
bias = true
[[layers]]
op = "linear"
filters = 3
"""


def every_operator() -> Network:
    """What only graphs of ONNX have: matrix products, axes that move, and what is not understood."""
    net = Assembly()
    at = net.add("input", "Input", operators.Input((2, 5, 12)))
    table = net.add("table", "Constant", operators.Constant((1, 1, 7), learned=True))
    one = net.add("one", "Linear", operators.Linear(12, 7, bias=True), [at])
    added = net.add("added", "Add", operators.Merge("add"), [one, table])
    norm = net.add("norm", "LayerNormalization", operators.Normalize("layer_norm", (7,), (2,), bias=False), [added])
    turned = net.add("turned", "Transpose", operators.Transpose((0, 2, 1)), [norm])
    scores = net.add("scores", "MatMul", operators.MatMul(), [norm, turned])
    taken = net.add("taken", "Gather", operators.Take(1, (0, 2, 4, 1), (2, 2)), [scores])
    mean = net.add("mean", "ReduceMean", operators.Reduce("mean", (2,), keep=False), [taken])
    spread = net.add("spread", "Expand", operators.Expand((3, 2, 2, 5)), [mean])
    net.add("odd", "LSTM", operators.Unknown("not understood", (3, 2, 9)), [spread])
    return Network("operators", tuple(net.nodes), len(net.nodes) - 1)


@cache
def report_of(name: str) -> NetworkReport:
    match name:
        case "every op":
            return network_report(network_from_toml(EVERY_OP.encode(), "ops.toml", batch=2), machine=MACHINE)
        case "every operator":
            return network_report(every_operator(), machine=MACHINE)
        case _:
            return network_report(load_network(name), machine=MACHINE)


@cache
def rows_of(name: str) -> tuple[Explanation, ...]:
    report = report_of(name)
    return explain_network(report, report.layers)


NAMES = ("every op", "every operator", *zoo_names())


def same(value: Fraction, result: Any) -> bool:
    return value == result if isinstance(result, int) else float(value) == pytest.approx(result, rel=1e-12)


def assert_equal(text: str, symbols: Any, row: Explanation) -> None:
    if row.quantity == "bound":
        left, right = (formula.value(side, symbols) for side in text.split(" > "))
        assert row.result == ("compute" if left > right else "memory"), row
    elif isinstance(row.result, str):
        assert text == (row.numbers if symbols is None else "input")
        assert row.numbers == row.result
    elif row.result is None:
        assert text == ("first" if symbols else "none"), row
    else:
        assert same(formula.value(text, symbols), row.result), row


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_put_in_give_the_result(name: str) -> None:
    for row in rows_of(name):
        assert row.source.strip()
        if "..., " not in row.numbers:
            assert_equal(row.numbers, None, row)


@pytest.mark.parametrize("name", NAMES)
def test_the_formulas_give_the_result(name: str) -> None:
    report = report_of(name)
    known, evaluated = Known(report, rows_of(name)), 0
    for row in rows_of(name):
        if not row.formula.startswith("the sum over"):
            for axis in split(row)[1] or [None]:
                symbols = known.symbols(row, axis)
                if "for p in range" in row.formula and symbols["output"] * symbols["kernel"] > MOST_PAIRS:
                    continue
                assert_equal(row.formula, symbols, row)
                evaluated += 1
    assert evaluated > 10 * len(report.layers)


@pytest.mark.parametrize("name", NAMES)
def test_no_number_is_without_its_working_out(name: str) -> None:
    report, rows = report_of(name), rows_of(name)
    told: dict[str, dict[str, set[Any]]] = {}
    for row in rows:
        quantity = split(row)[0]
        told.setdefault(row.where, {}).setdefault(quantity, set()).add(row.result)
    answer = report.to_dict()
    for layer in answer["layers"]:
        own = told[layer["name"]]
        for key, quantity in COUNTS.items():
            number = layer.get(key)
            if layer["kind"] != "unknown" and (number or key in ALWAYS):
                assert own.get(quantity) == {number}, (layer["name"], key)
        for key, quantity in (
            ("size", "receptive field"),
            ("jump", "jump"),
            ("start", "start"),
            ("coverage", "coverage"),
        ):
            assert own.get(quantity, set()) == set(layer["receptive_field"][key]), (layer["name"], key)
        stages = layer.get("stages", [])
        ends = told[f"{layer['name']}/{stages[-1]['name']}"] if stages else own
        sizes = {size for quantity, results in ends.items() if quantity.startswith("output") for size in results}
        if layer["output"] is not None:
            assert {*layer["output"]} <= sizes or "x".join(map(str, layer["output"])) in sizes, layer["name"]
    totals = answer["totals"]
    for key, quantity in COUNTS.items():
        if key in totals:
            assert told["total"][quantity] == {totals[key]}, key
    assert told["total"]["peak activation bytes"] == {totals["peak_activation_bytes"]}
    assert told["total"]["float32 bytes of parameters"] == {totals["parameter_bytes"]}
    for kind, part in totals["by_kind"].items():
        for key in ("parameters", "multiplications"):
            assert told["total"].get(f"{kind}: {key}", {0}) == {part[key]}


@pytest.mark.parametrize("name", NAMES)
def test_no_number_of_the_table_is_without_its_working_out(name: str) -> None:
    report = report_of(name)
    results: dict[str, set[Any]] = {}
    for row in rows_of(name):
        results.setdefault(row.where, set()).add(row.result)
    table = network_view(report, report.layers, "channels-first")
    for where, *cells in table.rows:
        for column, cell in zip(table.columns[1:], cells, strict=True):
            if isinstance(cell, Bar):
                assert float(cell) in results[str(where)]
            elif column == "least ms":
                assert any(1000 * result == cell for result in results[str(where)] if isinstance(result, float))
            elif isinstance(cell, int | float):
                assert cell in results[str(where)] or (column == "ops/byte" and not cell), (where, column)


def of_window(stage: dict[str, Any], transposed: bool) -> dict[str, Any]:
    """Sizes of a window's layer, and its counts along every axis by going through every position."""
    outputs, inputs = stage["output"][1:], stage["input"][1:]
    taps, reached = [], []
    ends = (inputs, outputs) if transposed else (outputs, inputs)
    for axis, (positions, size) in enumerate(zip(*ends, strict=True)):
        stride, dilation, before = stage["stride"][axis], stage["dilation"][axis], stage["padding"][axis][0]
        places = [p * stride - before for p in range(positions)]
        hit = [at + t * dilation for at in places for t in range(stage["kernel"][axis])]
        inside = [at for at in hit if 0 <= at < size]
        taps.append(len(inside))
        reached.append(len(set(inside)))
    channels = stage["input"][0]
    return {
        "filters": stage["output"][0], "channels": channels, "multiplier": stage["output"][0] // channels,
        "input": inputs, "output": outputs, "taps_on_data": taps, "outputs_reached": reached,
    }  # fmt: skip


def of_window_along(stage: dict[str, Any], axis: int) -> dict[str, Any]:
    return {
        **{key: stage[key][axis] for key in ("kernel", "stride", "dilation", "output_padding")},
        **{key: stage[key][axis + 1] for key in ("input", "output")},
        **dict(zip(("padding_begin", "padding_end"), stage["padding"][axis], strict=True)),
        "total": sum(stage["padding"][axis]),
    }


class Known:
    """What the names in formulas stand for, from the JSON of a report; from its nodes what JSON does not have."""

    def __init__(self, report: NetworkReport, rows: Sequence[Explanation]) -> None:
        self.report, self.answer = report, report.to_dict()
        self.nodes = {node.name: node for node in report.network.nodes}
        self.numbers = {node.name: number for number, node in enumerate(report.network.nodes)}
        self.layers = {layer["name"]: layer for layer in self.answer["layers"]}
        self.live = [row.result for row in rows if row.quantity.startswith("live at")]
        self.all = {
            "bytes_per_element": 4, "peak": Fraction(MACHINE.peak), "bandwidth": Fraction(MACHINE.bandwidth),
            "batch": self.answer["batch"], "all_multiplications": self.answer["totals"]["multiplications"],
        }  # fmt: skip

    def symbols(self, row: Explanation, axis: str | None) -> dict[str, Any]:
        if row.where == "total":
            return self.of_totals(row, axis)
        name, stage = row.where, None
        if name not in self.layers:
            name, _, stage = row.where.rpartition("/")
        return self.of_layer(self.layers[name], stage, row, axis)

    def of_totals(self, row: Explanation, axis: str | None) -> dict[str, Any]:
        totals = self.answer["totals"]
        if row.quantity.startswith("live at"):
            name = row.quantity.partition(": ")[2]
            return {"shape": self.shape(name)}
        bound: dict[str, list[Any]] = {"compute": [], "memory": []}
        for layer in self.answer["layers"]:
            bound[layer["bound"]].append(layer)
        if axis is not None:
            mapped = self.report.network.nodes[self.report.fields.mapped]
            own = self.layers.get(mapped.name, {})
            return self.of_field(mapped, axis, own.get("stages", [own]), row)
        return {
            **self.all, **totals, "live": self.live,
            "compute_bound_flops": sum(layer["flops"] for layer in bound["compute"]),
            "memory_bound_bytes": sum(layer["bytes_moved"] for layer in bound["memory"]),
        }  # fmt: skip

    def shape(self, name: str) -> list[int]:
        if name in self.nodes:
            return list(self.nodes[name].shape or ())
        layer, _, stage = name.rpartition("/")
        [found] = [each for each in self.layers[layer]["stages"] if each["name"] == stage]
        return [self.answer["batch"], *found["output"]]

    def of_layer(self, layer: dict[str, Any], stage: str | None, row: Explanation, axis: str | None) -> dict[str, Any]:
        """The names in a row of a layer, or of one of its stages; along an axis if the row is about one."""
        node = self.nodes[layer["name"]]
        stages = layer.get("stages", [layer])
        own = next(each for each in stages if each["name"] == stage) if stage else layer
        counted = {name: 0 for name, value in own.items() if value is None}  # of what is not counted
        symbols: dict[str, Any] = {**self.all, **own, **counted, "bias": int(bool(own["biases"]))}
        symbols["written"] = layer["activations"] or 0
        symbols["effective"] = own.get("multiplications_effective")
        if row.quantity.startswith(("receptive", "jump", "start", "coverage")):
            assert axis is not None
            return symbols | self.of_field(node, axis, stages, row)
        at = 0 if axis is None else 1 + AXES[len(own["output"]) - 1].index(axis)
        if "kernel" in own:
            transposed = isinstance(node.steps[stages.index(own)].stage, TransposedCorrelate)
            symbols |= of_window(own, transposed) if axis is None else of_window_along(own, at - 1)
            if row.quantity == "output channels":
                symbols["input"] = own["input"][0]
        elif row.quantity.startswith("output"):
            symbols |= self.of_size(node, layer, at, row)
        sources = [shape for i in node.inputs if (shape := self.report.network.nodes[i].shape) is not None]
        symbols["read"] = sum(prod(shape) for shape in sources)
        if "stages" in layer:
            symbols["read"] = self.answer["batch"] * sum(prod(each["input"]) for each in stages)
        symbols |= {"shape": node.shape, "elements": node.elements}
        for _, array in operators.parameter_shapes(node.operator)[:1]:
            symbols["array"] = array
        match node.operator:
            case operators.Linear(flatten=flatten):
                features = prod(layer["input"]) if flatten else layer["input"][-1]
                symbols |= {"in_features": features, "filters": layer["output"][-1]}
                symbols["rows"] = node.elements // layer["output"][-1]
            case operators.MatMul():
                symbols["summed"] = layer["input"][-1]
        return symbols

    def of_size(self, node: Node, layer: dict[str, Any], at: int, row: Explanation) -> dict[str, Any]:
        """What an output's size along one axis is made of, where the layer is no window."""
        operator, size = node.operator, layer["output"][at]
        shapes = [list(self.report.network.nodes[i].shape or ()) for i in node.inputs]
        symbols: dict[str, Any] = {"size": size, "filters": size}
        if "product(input)" in row.formula:
            return {"input": layer["input"]}
        if isinstance(operator, operators.WithConstant | operators.Expand):
            shapes.append(list(operator.shape))
        rank = len(node.shape or ())
        if isinstance(operator, operators.Merge) and operator.flat:
            shapes = [shape + [1] * (rank - len(shape)) for shape in shapes]
        if rank == max(map(len, shapes), default=0):
            symbols["inputs"] = [([1] * (rank - len(shape)) + shape)[at + 1] for shape in shapes]
        if isinstance(operator, operators.Pad):
            symbols |= dict(zip(("padding_begin", "padding_end"), operator.pairs[at + 1], strict=True))
        if isinstance(operator, operators.Merge | operators.WithConstant | operators.Expand):
            symbols["input"] = symbols["inputs"][0]
        elif "input" in row.formula:  # of these networks, which input axis it is where it is not the same
            elsewhere = {"turned": [1, 0], "mean": [0, 2], "taken": [0, 0, 1], "scores": [0, 0]}
            symbols["input"] = layer["input"][elsewhere.get(node.name, range(rank))[at]]
        return symbols

    def of_field(self, node: Node, axis: str, stages: list[dict[str, Any]], row: Explanation) -> dict[str, Any]:
        """The fields before and after the layer along one axis of the network's input."""
        at = AXES[len(self.answer["input"]) - 1].index(axis)
        fields, number = self.report.fields, self.numbers[node.name]
        along = fields.seen[number][at]
        outputs = 1 if along.axis is None else (node.shape or ())[along.axis]
        widest: Positions = along.field.widest(outputs, self.answer["input"][at + 1])
        symbols: dict[str, Any] = {"positions": list(widest)}
        if widest.runs:
            symbols |= {"first": widest.first, "last": widest.last}
        if row.quantity.startswith("start"):
            symbols["first"] = fields.fields[number][at].start
        if along.field.strands:
            strand = along.field.strands[0]
            symbols |= {"advance": strand.advance, "period": len(strand.phases)}
        if node.inputs:
            first = fields.fields[node.inputs[0]][at]
            symbols |= {"jump_before": first.jump, "start_before": first.start}
        if stages and all("kernel" in stage for stage in stages):
            strides = [stage["stride"][at] for stage in stages]
            symbols["stride"] = strides if len(strides) > 1 else strides[0]
            symbols["padding_begin"] = stages[0]["padding"][at][0]
        return symbols


def test_the_last_window_of_a_pool_in_ceil_mode() -> None:
    told = {row.quantity: row for row in rows_of("every op") if row.where == "ceiled"}
    row = told["output height"]
    assert row.source.startswith("PyTorch, torch.nn.MaxPool2d")
    assert row.numbers == "min(ceil((7 + 0 + 1 - 1*(3 - 1) - 1) / 2) + 1, ceil((7 + 0) / 2))"
    assert row.result == 4


def test_the_tensors_of_the_peak_are_named() -> None:
    report = report_of("resnet18")
    live = [row for row in rows_of("resnet18") if row.quantity.startswith("live at")]
    assert [(row.quantity, row.result) for row in live] == [
        ("live at bn1: conv1", 64 * 112 * 112),
        ("live at bn1: bn1", 64 * 112 * 112),
    ]
    [peak] = [row for row in rows_of("resnet18") if row.quantity == "peak activation bytes"]
    assert peak.numbers == "(802816 + 802816) * 4"
    assert peak.result == report.peak_activation_bytes


def test_the_layers_shown_have_sums_of_their_own() -> None:
    report = report_of("resnet18")
    shown = [layer for layer in report.layers if layer.name.startswith("layer4/")]
    rows = [row for row in explain_network(report, shown) if row.where == "shown"]
    told = {row.quantity: row for row in rows}
    for name in ("parameters", "multiplications", "activations"):
        assert told[name].result == sum(getattr(layer, name) for layer in shown) == formula.value(told[name].numbers)
    assert told["share"].result == float(formula.value(told["share"].numbers))
    assert told["least seconds"].result == pytest.approx(sum(layer.bound.seconds for layer in shown if layer.bound))


def test_what_a_replacement_saves_is_explained() -> None:
    report = asked("mobilenet-v1", NetworkOptions(replace="depthwise-separable=standard"))
    told = {row.quantity: row for row in explain_network(report, report.layers)}
    assert report.before is not None
    for name in ("multiplications", "parameters"):
        row = told[f"{name}, now of before"]
        assert row.numbers == f"{getattr(report, name)} / {getattr(report.before, name)}"
        assert float(formula.value(row.numbers)) == row.result


def test_a_network_that_multiplies_nothing_has_no_shares() -> None:
    text = 'input = "3x9x9"\n[[layers]]\nop = "max_pool"\nkernel = 3\n'
    report = network_report(network_from_toml(text.encode(), "net.toml"))
    [row] = [
        row for row in explain_network(report, report.layers) if row.where == "max_pool1" and row.quantity == "share"
    ]
    assert (row.numbers, row.result) == ("0", 0.0)
    json.dumps([row.result for row in explain_network(report, report.layers)], allow_nan=False)
