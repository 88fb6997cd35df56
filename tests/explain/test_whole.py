"""The working-out of networks and comparisons: every text and every line of numbers evaluates to what the report says.

Symbols are taken from the report's JSON if it has them, so that a formula meets numbers that it was not made from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from convcalc.explain.rows import Explanation
from convcalc.explain.whole import explain_comparison, explain_cost, explain_network
from convcalc.graph.graph import Builder
from convcalc.graph.primitives import Correlate, Elementwise, Merge, Normalize
from convcalc.questions import summary
from convcalc.questions.compare import Compared, Comparison, compare, compare_chain
from convcalc.questions.models import NetworkOptions
from convcalc.questions.models import report_of as asked
from convcalc.questions.report import layer_report, network_report
from convcalc.questions.summary import Depth
from convcalc.readers.toml.document import network_from_toml
from convcalc.readers.words import row_graph
from convcalc.recipes.options import LayerOptions
from convcalc.render.network import network_view
from tests import formula
from tests.cases import CASES, Case
from tests.explain.known import Known
from tests.explain.networks import NAMES, report_of, rows_of
from tests.explain.working_out import assert_numbers, split
from tests.layers import at_most

MAX_PAIRS = 4000
"""Pairs of a position and a tap that are counted one by one; if there are more, only the numbers are evaluated."""
COUNTS = {
    "weights": "weights",
    "biases": "biases",
    "buffers": "buffers",
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
                if "for p in range" in row.formula and symbols["output"] * symbols["kernel"] > MAX_PAIRS:
                    continue
                assert_equal(row.formula, symbols, row)
                evaluated += 1
    assert evaluated > 10 * len(report.layers)


@pytest.mark.parametrize("name", NAMES)
def test_no_number_is_without_its_working_out(name: str) -> None:
    report, rows = report_of(name), rows_of(name)
    answered: dict[str, dict[str, set[Any]]] = {}
    for row in rows:
        quantity = split(row)[0]
        answered.setdefault(row.where, {}).setdefault(quantity, set()).add(row.result)
    answer = report.to_dict()
    for layer in answer["layers"]:
        own = answered[layer["name"]]
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
        ends = answered[f"{layer['name']}/{stages[-1]['name']}"] if stages else own
        sizes = {size for quantity, results in ends.items() if quantity.startswith("output") for size in results}
        if layer["output"] is not None:
            assert {*layer["output"]} <= sizes or "x".join(map(str, layer["output"])) in sizes, layer["name"]
    totals = answer["totals"]
    for key, quantity in COUNTS.items():
        if key in totals and (totals[key] or key != "buffers"):
            assert answered["total"][quantity] == {totals[key]}, key
    assert answered["total"]["peak activation bytes"] == {totals["peak_activation_bytes"]}
    assert answered["total"]["float32 bytes of parameters"] == {totals["parameter_bytes"]}
    for kind, part in totals["by_kind"].items():
        for key in ("parameters", "multiplications"):
            assert answered["total"].get(f"{kind}: {key}", {0}) == {part[key]}


SUMMARIES = [(name, depth) for name in ("every op", "every primitive", "resnet18", "unet") for depth in (None, 1)]


@pytest.mark.parametrize(("name", "depth"), [*((name, "all") for name in NAMES), *SUMMARIES])
def test_no_number_of_the_table_is_without_its_working_out(name: str, depth: Depth) -> None:
    report = report_of(name)
    shared = summary.rows_of(report, report.layers, depth)
    explained = rows_of(name) if depth == "all" else explain_network(report, (), shared)
    results: dict[str, set[Any]] = {}
    for row in (*rows_of(name), *explained):
        results.setdefault(row.where, set()).add(row.result)
    table = network_view(report, shared, "channels-first")
    names = [f"{row.name} ({len(row.layers)} layers)" if len(row.layers) > 1 else row.name for row in shared]
    for where, (_, *cells) in zip((*names, "total"), table.rows, strict=True):
        for column, cell in zip(table.columns[1:], cells, strict=True):
            if isinstance(cell, int | float):
                assert cell in results[where] or (column == "ops/byte" and not cell), (where, column)


def test_the_last_window_of_a_pool_in_ceil_mode() -> None:
    answered = {row.quantity: row for row in rows_of("every op") if row.where == "ceiled"}
    row = answered["output height"]
    assert row.source.startswith("PyTorch, torch.nn.MaxPool2d")
    assert row.numbers == "min(ceil((7 + 0 + 1 - 1*(3 - 1) - 1) / 2) + 1, ceil((7 + 0) / 2))"
    assert row.result == 4


def test_the_tensors_of_the_peak_are_named() -> None:
    """As deployed, and layer by layer."""
    report = report_of("resnet18")
    for each, live in (
        (report, [("live at maxpool: conv1", 64 * 112 * 112), ("live at maxpool: maxpool", 64 * 56 * 56)]),
        (report.layer_by_layer, [("live at bn1: conv1", 64 * 112 * 112), ("live at bn1: bn1", 64 * 112 * 112)]),
    ):
        rows = explain_network(each, [])
        assert [(row.quantity, row.result) for row in rows if row.quantity.startswith("live at")] == live
        [peak] = [row for row in rows if row.quantity == "peak activation bytes"]
        assert peak.numbers == f"({' + '.join(str(count) for _, count in live)}) * 4"
        assert peak.result == each.peak_activation_bytes


def test_the_layers_shown_have_sums_of_their_own() -> None:
    report = report_of("resnet18")
    shown = [layer for layer in report.layers if layer.name.startswith("layer4/")]
    rows = [row for row in explain_network(report, shown, part=True) if row.where == "shown"]
    answered = {row.quantity: row for row in rows}
    for name in ("parameters", "multiplications", "activations"):
        assert (
            answered[name].result
            == sum(getattr(layer, name) for layer in shown)
            == formula.value(answered[name].numbers)
        )
    assert answered["share"].result == float(formula.value(answered["share"].numbers))
    assert answered["least seconds"].result == pytest.approx(sum(layer.bound.seconds for layer in shown if layer.bound))


def test_what_a_replacement_saves_is_explained() -> None:
    report = asked("mobilenet-v1", NetworkOptions(replace="depthwise-separable=standard"))
    answered = {row.quantity: row for row in explain_network(report, report.layers)}
    assert report.before is not None
    for name in ("multiplications", "parameters"):
        row = answered[f"{name}, now of before"]
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


def comparisons() -> Iterator[tuple[Case, Any]]:
    for case in CASES:
        options = {name: value for name, value in case.options.items() if name != "batch"}
        given = LayerOptions(**options)
        batch = case.options.get("batch", 1)
        yield case, compare(case.type, given, ["all"], batch=batch, dtype="float32")


def test_comparisons_work_out() -> None:
    ratios = closed = 0
    for _, comparison in comparisons():
        for row in explain_comparison(comparison):
            if row.quantity.startswith("ratio"):
                assert float(formula.value(row.numbers)) == row.result
                ratios += 1
                closed += "closed" in row.quantity
            else:
                assert_numbers(row)
    assert ratios > 100
    assert closed > 20


def test_a_compared_row_of_words_is_called_by_its_type() -> None:
    comparison = compare_chain(row_graph(["k3p1f6", "relu", "k3p1f8"], "4x9x11"), ["ds"], dtype="float32")
    rows = explain_comparison(comparison)
    [ratio] = [row for row in rows if row.quantity == "ratio of multiplications"]
    assert ratio.where == "depthwise-separable"
    assert float(formula.value(ratio.numbers)) == ratio.result
    assert "depthwise-separable: total" in {row.where for row in rows}


def test_a_ratio_to_nothing_is_left_out() -> None:
    """A pool multiplies nothing, so there is no ratio to it."""
    base = layer_report(row_graph(["max:k2"], "4x8x8"))
    other = layer_report(row_graph(["k2s2"], "4x8x8"))
    rows = explain_comparison(Comparison(base, (Compared("standard", other, None, None),), ()))
    assert not [row for row in rows if row.quantity.startswith("ratio")]


def test_the_totals_of_a_row_of_words() -> None:
    report = layer_report(row_graph(["ds:k3p1f6", "bn", "relu", "gap", "fc5"], "4x9x11", batch=3, bias=True))
    answered = {row.quantity: row for row in explain_cost(report) if row.where == "total"}
    assert {name for name in answered if "bytes" not in name} == {
        "parameters", "buffers", "multiplications", "effective multiplications", "additions", "macs", "flops",
        "activations",
    }  # fmt: skip
    assert answered["buffers"].result == report.buffers == 2 * 6
    for row in explain_cost(report):
        assert_numbers(row)
    assert answered["parameters"].result == report.parameters == sum(stage.parameters for stage in report.stages)


def test_explaining_is_linear() -> None:
    net = Builder()
    at = net.input((1, 8, 224, 224))
    for number in range(1000):
        kernel = Correlate(8, 8, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
        conv = net.add(f"conv{number}", "conv", kernel, [at])
        norm = net.add(f"norm{number}", "batch_norm", Normalize("batch_norm", (8,)), [conv])
        relu = net.add(f"relu{number}", "relu", Elementwise("relu"), [norm])
        at = net.add(f"add{number}", "add", Merge("add"), [relu, at])
    report = network_report(net.graph("deep", at))
    with at_most(20):  # it takes about one
        rows = explain_network(report, report.layers)
    assert len({row.where for row in rows}) == 4001
