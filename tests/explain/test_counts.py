"""Every count of a layer evaluates, as it stands and with the numbers put in, to the number it explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from convcalc import analyze
from convcalc.explain.rows import Explanation
from convcalc.explain.whole import explain_cost, explain_network, explain_params, explain_shape
from convcalc.graph.graph import Builder
from convcalc.graph.primitives import Correlate, Linear
from convcalc.questions.report import network_report
from convcalc.render.views import cost_view, params_view
from tests import formula
from tests.explain.working_out import WORDS, assert_numbers, assert_text, same, symbols_of, total_symbols
from tests.layers import TYPES, random_layers


def test_cost_shape_and_params_of_random_layers() -> None:
    rows = 0
    for type, options, report in random_layers(seed=41, count=25):
        stages = {stage["name"]: stage for stage in report.to_dict()["stages"]}
        for row in (*explain_cost(report), *explain_shape(report), *explain_params(report)):
            try:
                assert_numbers(row)
                if row.where == "total" and row.formula not in WORDS:
                    assert same(formula.value(row.formula, total_symbols(report)), row.result)
                elif row.formula not in WORDS:
                    assert_text(row, stages[row.where], symbols_of(stages[row.where], options))
            except Exception as error:
                raise AssertionError(f"{type} {options}: {row}") from error
            rows += 1
    assert rows > 5000


@pytest.mark.parametrize("dtype", ["float64", "int8"])
def test_bytes_use_the_element_type(dtype: str) -> None:
    report = analyze("standard", input=(3, 5, 7), filters=2, dtype=dtype)
    stage = report.to_dict()["stages"][0]
    rows = [row for row in explain_cost(report) if "bytes" in row.quantity]
    assert rows
    for row in rows:
        assert_numbers(row)
        assert_text(row, stage, symbols_of(stage, {}, {"float64": 8, "int8": 1}[dtype]))


@pytest.mark.parametrize("type", TYPES)
def test_every_number_of_the_cost_table_is_explained(type: str) -> None:
    report = analyze(type, input=(6, 11, 13), filters=6, bias=True, batch=2)
    assert_explained(cost_view(report, "channels-first"), explain_cost(report))


@pytest.mark.parametrize("type", TYPES)
def test_every_number_of_the_params_table_is_explained(type: str) -> None:
    report = analyze(type, input=(6, 11, 13), filters=6, bias=True)
    assert_explained(params_view(report, "channels-first"), explain_params(report))


def assert_explained(table: Any, rows: Sequence[Explanation]) -> None:
    """A number of the table is the result of a row of the same stage."""
    for name, *cells in table.rows:
        results = {row.result for row in rows if row.where == name}
        shown = dict(zip(table.columns[1:], cells, strict=True))
        missing = {column: cell for column, cell in shown.items() if cell is not None and cell not in results}
        assert not missing, (name, missing)


def test_taps_of_a_long_kernel_are_counted_rather_than_listed() -> None:
    report = analyze("standard", input=(2, 19, 5), kernel=(13, 3), stride=2, padding=(4, 1), filters=3)
    stage = report.to_dict()["stages"][0]
    rows = [row for row in explain_cost(report) if row.quantity.startswith("taps")]
    assert [row.numbers.startswith("count(") for row in rows] == [True, False]
    for row in rows:
        assert_numbers(row)
        assert_text(row, stage, symbols_of(stage, {}))


def test_the_source_is_named_in_every_row() -> None:
    for _, _, report in random_layers(seed=44, count=1):
        for row in (*explain_cost(report), *explain_shape(report), *explain_params(report)):
            assert row.source.strip()
            assert row.formula.strip()


def test_explaining_an_enormous_layer_takes_no_time() -> None:
    report = analyze("standard", input=(4096, 10**50, 10**40), kernel=7, padding=3, filters=4096)
    for row in explain_cost(report):
        assert_numbers(row)


def test_arrays_shared_with_an_earlier_layer_count_there() -> None:
    """All arrays of a layer are explained, then what of them counts; the sums have what counts."""
    net = Builder()
    at = net.input((1, 5, 7, 7))
    kernel = Correlate(5, 5, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), bias=True)
    at = net.add("first", "conv", kernel, [at])
    at = net.add("again", "conv", kernel, [at], frozenset({"weight"}))
    one = net.add("head", "linear", Linear(245, 3, bias=True, flatten=True), [at])
    net.add("tied", "linear", Linear(245, 3, bias=True, flatten=True), [at], frozenset({"weight", "bias"}))
    report = network_report(net.graph("tied", one))
    rows = explain_network(report, report.layers)
    answered = {(row.where, row.quantity): [] for row in rows}
    for row in rows:
        answered[row.where, row.quantity].append((row.numbers, row.result))
    assert answered["again", "parameters"] == [("225 + 5", 230), ("225 + 5 - 225", 5)]
    assert answered["tied", "parameters"] == [("735 + 3", 738), ("735 + 3 - 738", 0)]
    assert answered["first", "parameters"] == [("225 + 5", 230)]
    assert answered["total", "parameters"] == [("230 + 5 + 738", 973)]
    assert answered["again", "float32 bytes moved"][0][0] == "(245 + 230 + 245) * 4"
