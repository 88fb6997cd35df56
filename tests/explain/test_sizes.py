"""Every output size of a layer, and every padding that a word stands for, has its working-out."""

from __future__ import annotations

from typing import Any

import pytest

from convcalc import analyze
from convcalc.explain.whole import explain_shape
from tests import formula
from tests.cases import CASES, Case
from tests.explain.working_out import WORDS, assert_numbers, assert_text, symbols_of
from tests.layers import random_layers


def test_sizes_of_random_layers() -> None:
    rows = 0
    for _, options, report in random_layers(seed=45, count=15):
        stages = {stage["name"]: stage for stage in report.to_dict()["stages"]}
        for row in explain_shape(report):
            assert row.source.strip()
            assert_numbers(row)
            if row.formula not in WORDS:
                assert_text(row, stages[row.where], symbols_of(stages[row.where], options))
            rows += 1
    assert rows > 500


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


@pytest.mark.parametrize(
    ("type", "options", "numbers"),
    [
        ("depthwise", {"multiplier": 3}, "6 * 3"),
        ("grouped", {"groups": 6, "filters": 12}, "6 * 2"),
        ("grouped", {"groups": 3, "filters": 12}, "12"),
        ("transposed", {"groups": 6, "filters": 18}, "6 * 3"),
        ("standard", {"filters": 12}, "12"),
    ],
)
def test_channels_alone_multiply_whatever_the_type_is_called(type: str, options: dict[str, Any], numbers: str) -> None:
    [row] = [
        row for row in explain_shape(analyze(type, input=(6, 9, 11), **options)) if row.quantity == "output channels"
    ]
    assert row.numbers == numbers
    assert row.formula == ("channels * multiplier" if "*" in numbers else "filters")


def test_one_channel_has_filters_rather_than_a_multiplier() -> None:
    [row, *_] = explain_shape(analyze("depthwise", input=(1, 9), multiplier=2))
    assert (row.formula, row.result) == ("filters", 2)
