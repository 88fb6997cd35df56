"""The working-out shown to users evaluates, as it stands and with the numbers put in, to the number it explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from convcalc import Report, analyze
from convcalc.explain.layer import (
    Explanation,
    explain_comparison,
    explain_cost,
    explain_params,
    explain_rf,
    explain_shape,
)
from convcalc.questions.chain import chain_fields
from convcalc.questions.compare import compare
from convcalc.recipes.options import LayerOptions
from convcalc.render.views import cost_view, params_view
from tests import formula
from tests.cases import CASES, Case
from tests.layers import TYPES, random_layers
from tests.reference import Stage, counts, field

AXES = {1: ["length"], 2: ["height", "width"], 3: ["depth", "height", "width"]}
WORDS = ("the sum over the stages", "input")
"""Formulas that are words rather than arithmetic; their numbers are checked all the same."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("floor((7 + 2 - 3) / 4) + 1", 2),
        ("ceil(7 / 2) * max(0, -3, 2)", 8),
        ("1/128 + 1/9", Fraction(137, 1152)),
        ("count(-4, 0, 4)", 3),
        ("count(1, 1, 2)", 2),
        ("count(-2..3, 7..15 step 4)", 9),
        ("count(0 <= p*2 + t - 1 < 5 for p in range(3) for t in range(3))", 7),
        ("1/2 * 3 / 4", Fraction(3, 8)),
        ("5 - -3 + 1", 9),
        ("2·3² - 2³", 10),
    ],
)
def test_the_evaluator_knows_arithmetic(text: str, expected: Fraction) -> None:
    assert formula.value(text) == expected


@pytest.mark.parametrize("text", ["__import__('os')", "1.5", "open(1)", "[1][0]", "1 if 1 else 2", "lambda: 1"])
def test_the_evaluator_knows_nothing_else(text: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        formula.value(text)


def split(row: Explanation) -> tuple[str, list[str]]:
    """The quantity without its axes, and the axes: `size along height and width` is of two axes."""
    words = row.quantity.replace(",", "").split()
    axes = [word for word in words if word in AXES[3] or word in AXES[1]]
    return " ".join(word for word in words if word not in (*axes, "and", "along")), axes


def symbols_of(stage: Stage, options: dict[str, Any], dtype_bytes: int = 4) -> dict[str, Any]:
    """What the option names of a formula stand for, from the geometry and from plain loops."""
    bias, batch = options.get("bias", False), options.get("batch", 1)
    loop = counts(stage, bias=bias, batch=batch)
    return {
        "channels": stage["in_channels"], "multiplier": stage["out_channels"] // stage["in_channels"],
        "filters": stage["out_channels"], "in_channels": stage["in_channels"], "groups": stage["groups"],
        "bias": int(bias), "batch": batch, "kernel": stage["kernel"], "input": stage["input"][1:],
        "output": loop.output[1:], "taps_on_data": loop.taps_on_data, "outputs_reached": loop.outputs_reached,
        "effective": loop.effective, "weights": loop.weights, "biases": loop.biases,
        "parameters": loop.weights + loop.biases, "multiplications": loop.multiplications,
        "macs": loop.multiplications, "activations": stage["activations"], "bytes_per_element": dtype_bytes,
    }  # fmt: skip


def symbols_along(stage: Stage, axis: int, symbols: dict[str, Any]) -> dict[str, Any]:
    return {
        **symbols,
        **{name: stage[name][axis] for name in ("kernel", "stride", "dilation", "output_padding")},
        "padding_begin": stage["padding"][axis][0],
        "padding_end": stage["padding"][axis][1],
        "total": sum(stage["padding"][axis]),
        "input": stage["input"][axis + 1],
        "output": stage["output"][axis + 1],
    }


def total_symbols(report: Report) -> dict[str, int]:
    """What the names stand for in the working-out of the whole layer."""
    stages = report.to_dict()["stages"]
    sums = {name: sum(stage[name] for stage in stages) for name in ("parameters", "activations")}
    return {**sums, "bytes_per_element": 4}


def assert_numbers(row: Explanation) -> None:
    """The numbers put in give the result; names in them would not evaluate."""
    assert row.result is not None
    if row.formula == "input":
        assert row.numbers == row.result
    elif "..., " not in row.numbers:
        assert same(formula.value(row.numbers), row.result), row


def same(value: Fraction, result: Any) -> bool:
    return value == result if isinstance(result, int) else float(value) == result


def assert_text(row: Explanation, stage: Stage, symbols: dict[str, Any]) -> None:
    """The formula in option names gives the result, for every axis that the row names."""
    names = AXES[len(stage["kernel"])]
    _, axes = split(row)
    for axis in axes or [None]:
        known = symbols if axis is None else symbols_along(stage, names.index(axis), symbols)
        assert same(formula.value(row.formula, known), row.result), (row, axis)


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


def field_symbols(row: Explanation, stages: Sequence[Stage], count: int, axis: int) -> dict[str, Any]:
    """Names of a receptive field's working-out: the fields before and after, found by following positions."""
    before = field(stages[: count - 1], axis) if count > 1 else None
    after = field(stages[:count], axis)
    positions = sorted(after.widest)
    return {
        "size_before": before.size if before else 1,
        "jump_before": before.jump if before else 1,
        "start_before": before.start if before else 0,
        "first": after.start if row.quantity.startswith("start") else positions[0],
        "last": positions[-1],
        "positions": positions,
    }


def test_receptive_fields_of_random_layers() -> None:
    """A row of one stage after the other, as `rf` shows a layer."""
    rows = 0
    for type, options, report in random_layers(seed=42, count=8):
        stages = report.to_dict()["stages"]
        shown = explain_rf([s.name for s in report.stages], [(s.step.stage,) for s in report.stages])
        names = [stage["name"] for stage in stages]
        for row in shown:
            count = names.index(row.where) + 1
            stage = stages[count - 1]
            if row.result is None:  # no tap reaches output 0
                assert row.quantity.startswith("start")
                continue
            assert_numbers(row)
            for axis in split(row)[1]:
                at = AXES[len(stage["kernel"])].index(axis)
                if field(stages[:count], at).size == 0:
                    continue
                known = {**symbols_along(stage, at, {}), **field_symbols(row, stages, count, at)}
                assert same(formula.value(row.formula, known), row.result), (type, options, row)
                rows += 1
    assert rows > 500


def test_receptive_fields_of_random_chains() -> None:
    random = Random(43)
    rows = shortened = 0
    for _ in range(120):
        words = list(random_words(random))
        fields = chain_fields(words)
        shown = explain_rf([each.layer for each in fields.layers], [each.stages for each in fields.layers])
        for row in shown:
            if row.result is not None:
                assert_numbers(row)
            rows += 1
            shortened += "..., " in row.numbers
        for each in fields.layers:  # each number of the table has its row
            for name, values in each.to_dict()["receptive_field"].items():
                results = [row.result for row in shown if row.where == each.layer and row.quantity.startswith(name)]
                assert set(values) <= set(results), (words, name)
    assert shortened < rows / 10


def random_words(random: Random) -> Iterator[str]:
    for _ in range(random.randint(1, 4)):
        kernel, stride, dilation = (random.randint(1, most) for most in (5, 3, 3))
        padding = random.randint(0, kernel // 2)
        kind = random.choice(("", "max:", "avg:", "t:", "ds:", "spatial:", "flattened:", "shuffled:"))
        yield f"{kind}k{kernel}s{stride}p{padding}d{dilation}"


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


@pytest.mark.parametrize("type", TYPES)
def test_every_number_of_the_cost_table_is_explained(type: str) -> None:
    report = analyze(type, input=(6, 11, 13), filters=6, bias=True, batch=2)
    assert_explained(cost_view(report, "channels-first"), explain_cost(report))


@pytest.mark.parametrize("type", TYPES)
def test_every_number_of_the_params_table_is_explained(type: str) -> None:
    report = analyze(type, input=(6, 11, 13), filters=6, bias=True)
    assert_explained(params_view(report, "channels-first"), explain_params(report))


def assert_explained(table: Any, rows: Sequence[Explanation]) -> None:
    """A number of the table is the result of a row of the same stage; the zeros of a shuffle need none."""
    for name, *cells in table.rows:
        results = {row.result for row in rows if row.where == name}
        shown = dict(zip(table.columns[1:], cells, strict=True))
        missing = {column: cell for column, cell in shown.items() if cell and cell not in results}
        assert not missing, (name, missing)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_output_size_is_explained(case: Case) -> None:
    report = analyze(case.type, **case.options)
    for stage in report.stages:
        rows = [row for row in explain_shape(report) if row.where == stage.name]
        results = {row.result for row in rows if row.quantity.startswith("output") and "padding" not in row.quantity}
        size = "x".join(map(str, stage.output))
        assert results == {size} or results == set(stage.output), (stage.name, results)


@pytest.mark.parametrize(
    ("type", "options", "total"),
    [
        ("standard", {"input": (3, 11), "kernel": 4, "stride": 3, "padding": "same"}, (4 - 1) * 3 + 4 - 11),
        ("standard", {"input": (3, 11), "kernel": 6, "padding": "same-lower"}, 5),
    ],
)
def test_the_padding_that_a_word_stands_for_is_explained(type: str, options: dict[str, Any], total: int) -> None:
    rows = [row for row in explain_shape(analyze(type, **options)) if "padding" in row.quantity]
    assert rows
    assert any(formula.value(row.numbers) == row.result == total for row in rows)


def test_the_source_is_named_in_every_row() -> None:
    for _, _, report in random_layers(seed=44, count=1):
        for row in (*explain_cost(report), *explain_shape(report), *explain_params(report)):
            assert row.source.strip()
            assert row.formula.strip()


@pytest.mark.parametrize(
    ("options", "relationship"),
    [
        ({"dilation": 1}, "relationship 6"),
        ({"dilation": 3}, "relationship 15"),
        ({"type": "transposed"}, "relationship 14"),
    ],
)
def test_output_sizes_are_by_relationship_number(options: dict[str, Any], relationship: str) -> None:
    """Dumoulin & Visin 2016: 6 with stride and padding, 15 dilated, 14 transposed."""
    rows = explain_shape(analyze(**{"type": "standard", **options}))
    [source] = {row.source for row in rows if row.quantity in ("output height", "output height and width")}
    assert source == f"Dumoulin & Visin 2016, {relationship}"


def test_a_long_list_of_positions_is_shortened_and_says_so() -> None:
    rows = explain_rf(["k40d3"], [each.stages for each in chain_fields(["k40d3"]).layers])
    [row] = [row for row in rows if row.quantity.startswith("coverage")]
    assert formula.value(row.numbers) == row.result == 40
    assert len(row.numbers) < 100


def test_explaining_an_enormous_layer_takes_no_time() -> None:
    report = analyze("standard", input=(4096, 10**50, 10**40), kernel=7, padding=3, filters=4096)
    for row in explain_cost(report):
        assert_numbers(row)
