"""JSON: one schema for every question about a layer, the same numbers everywhere, exact however large."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest

from convcalc import analyze
from convcalc.recipes import RECIPES
from tests.cases import CASES, Case
from tests.commands import ASKING, Run, as_arguments

COUNTS = {
    "parameters": int, "weights": int, "biases": int, "multiplications": int, "multiplications_effective": int,
    "additions": int, "macs": int, "flops": int, "activations": int, "input_bytes": int, "parameter_bytes": int,
    "activation_bytes": int, "bytes": int,
}  # fmt: skip
REPORT = {
    "schema": int, "type": str, "batch": int, "dtype": str, "input": list, "output": list, **COUNTS,
    "receptive_field": dict, "stages": list, "notes": list,
}  # fmt: skip
STAGE = {
    "name": str, "op": str, "input": list, "output": list, "in_channels": int, "out_channels": int, "kernel": list,
    "stride": list, "padding": list, "dilation": list, "groups": int, "output_padding": list, **COUNTS,
    "receptive_field": dict,
}  # fmt: skip
"""Key -> type of the one schema that shape, params, cost and rf share."""


def assert_report(report: dict[str, Any]) -> None:
    assert {key: type(value) for key, value in report.items()} == REPORT
    assert report["schema"] == 1
    assert report["type"] in {recipe.name for recipe in RECIPES}
    assert all(type(note) is str for note in report["notes"])
    dims = len(report["input"]) - 1
    assert len(report["output"]) == dims + 1
    assert_field(report["receptive_field"], dims)
    for stage in report["stages"]:
        transposed = stage["op"] == "conv_transpose"
        extra = {"multiplications_zero_inserted": int} if transposed else {}
        assert {key: type(value) for key, value in stage.items()} == STAGE | extra
        assert stage["op"] in ("conv", "conv_transpose", "channel_shuffle")
        for key in ("kernel", "stride", "dilation", "output_padding"):
            assert [type(value) for value in stage[key]] == [int] * dims
        assert [[type(side) for side in pair] for pair in stage["padding"]] == [[int, int]] * dims
        for key in ("input", "output"):
            assert [type(size) for size in stage[key]] == [int] * (dims + 1)
        assert (stage["in_channels"], stage["out_channels"]) == (stage["input"][0], stage["output"][0])
        assert_field(stage["receptive_field"], dims)


def assert_field(field: dict[str, Any], dims: int) -> None:
    assert list(field) == ["size", "jump", "start", "coverage"]
    assert [type(value) for value in field["size"] + field["coverage"]] == [int] * 2 * dims
    assert len(field["jump"]) == len(field["start"]) == dims
    assert {type(value) for value in field["jump"]} <= {int, float}
    assert {type(value) for value in field["start"]} <= {int, type(None)}


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_json_is_one_whole_object_for_every_case_and_question(case: Case, command: str, output: Run) -> None:
    report = json.loads(output(command, *as_arguments(case), "--json"))
    assert_report(report)
    assert report == json.loads(json.dumps(analyze(case.type, **case.options).to_dict()))


def test_json_of_the_worked_example_separable(output: Run) -> None:
    """Numbers of Howard et al. 2017, section 3.1; additions: one less than the products of each output."""
    report = json.loads(output("cost", "-t", "depthwise-separable", "--json"))
    expected = {
        "schema": 1, "type": "depthwise-separable", "batch": 1, "input": [3, 7, 7], "output": [128, 5, 5],
        "parameters": 411, "weights": 411, "biases": 0, "multiplications": 10275, "multiplications_effective": 10275,
        "additions": 75 * 8 + 3200 * 2, "macs": 10275, "flops": 20550, "activations": 3275,
        "receptive_field": {"size": [3, 3], "jump": [1, 1], "start": [0, 0], "coverage": [3, 3]},
    }  # fmt: skip
    assert {key: report[key] for key in expected} == expected
    stage = {
        "name": "depthwise", "op": "conv", "input": [3, 7, 7], "output": [3, 5, 5], "in_channels": 3,
        "out_channels": 3, "kernel": [3, 3], "stride": [1, 1], "padding": [[0, 0], [0, 0]], "dilation": [1, 1],
        "groups": 3, "output_padding": [0, 0], "parameters": 27, "weights": 27, "biases": 0, "multiplications": 675,
    }  # fmt: skip
    assert {key: report["stages"][0][key] for key in stage} == stage


def test_json_of_a_chain(output: Run) -> None:
    chain = json.loads(output("rf", "k3", "k3d2", "k3d4", "--json"))
    assert chain["schema"] == 1
    assert [layer["layer"] for layer in chain["layers"]] == ["k3", "k3d2", "k3d4"]
    assert [layer["output"] for layer in chain["layers"]] == [None] * 3
    assert [layer["receptive_field"]["size"] for layer in chain["layers"]] == [[3, 3], [7, 7], [15, 15]]
    assert chain["receptive_field"] == chain["layers"][-1]["receptive_field"]
    assert_field(chain["receptive_field"], 2)
    sized = json.loads(output("rf", "k7s2p3f64", "max:k3s2p1", "-i", "3x224x224", "--json"))
    assert [layer["output"] for layer in sized["layers"]] == [[64, 112, 112], [64, 56, 56]]


def test_json_of_a_comparison(output: Run) -> None:
    comparison = json.loads(output("cost", "--compare", "depthwise", "--json"))
    assert set(comparison) >= {"schema", "base", "compared"}
    assert_report(comparison["base"])
    [row] = comparison["compared"]
    assert_report({key: value for key, value in row.items() if not key.startswith("ratio_")})
    assert (round(row["ratio_multiplications"], 5), round(row["ratio_parameters"], 5)) == (0.11892, 0.11892)
    assert row["ratio_formula"] == "1/128 + 1/9"


def test_json_of_the_types(output: Run) -> None:
    types = json.loads(output("types", "--json"))["types"]
    assert [entry["name"] for entry in types] == [recipe.name for recipe in RECIPES]


def test_json_has_exact_integers_of_any_size(output: Run) -> None:
    n = 8192
    layer = ["-i", f"4096x{n}x{n}x{n}", "-k", "7", "-p", "3", "-f", "4096"]
    report = json.loads(output("cost", *layer, "--json"))
    assert report["multiplications"] == n**3 * 4096 * 4096 * 343
    assert report["multiplications_effective"] == (7 * n - 12) ** 3 * 4096 * 4096


@pytest.mark.parametrize("command", ASKING)
def test_explanations_come_with_the_json(command: str, output: Run) -> None:
    report = json.loads(output(command, "-t", "ds", "--json", "--explain"))
    explanations = report.pop("explanations")
    assert_report(report)
    assert explanations
    for row in explanations:
        assert set(row) == {"where", "quantity", "formula", "numbers", "result", "source"}


@pytest.mark.parametrize("command", ASKING)
def test_channels_last_is_the_same_layer(command: str, output: Run) -> None:
    first = json.loads(output(command, "-i", "3x11x13", "-k", "3x5", "-f", "7", "--json"))
    last = json.loads(output(command, "-i", "11x13x3", "-k", "3x5", "-f", "7", "--layout", "channels-last", "--json"))
    assert first == last
    assert "9x9x7" in output("shape", "-i", "11x13x3", "-k", "3x5", "-f", "7", "--layout", "channels-last")


def test_no_number_is_written_differently_in_two_places(output: Run) -> None:
    """The table that is piped, the JSON and the Python report: one and the same integers."""
    report = analyze("flattened", input=(5, 17, 19), kernel=(3, 7), filters=11, stride=(2, 3), padding=((0, 1), (2, 0)))
    layer = ["-t", "flattened", "-i", "5x17x19", "-k", "3x7", "-f", "11", "-s", "2x3", "-p", "0:1x2:0"]
    whole = json.loads(output("cost", *layer, "--json"))
    last = output("cost", *layer).splitlines()[-1].split("\t")
    written = [str(report.multiplications), str(report.additions), str(report.flops), str(report.parameters)]
    assert set(written) <= set(last)
    assert list(chain(written)) == [str(whole[k]) for k in ("multiplications", "additions", "flops", "parameters")]
