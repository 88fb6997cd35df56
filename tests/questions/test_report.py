"""Rows and totals of networks: the sums, counts by hand, and the working-out behind them."""

from __future__ import annotations

import json

import pytest

from convcalc import network
from convcalc.errors import ShapeError
from convcalc.explain.whole import explain_network
from convcalc.questions.report import network_report
from convcalc.readers.toml.document import network_from_toml
from tests import formula
from tests.words import SEPARABLE, graph, report


def test_totals_are_the_sums_of_the_rows() -> None:
    answer = report(SEPARABLE, batch=2).to_dict()
    for key in ("parameters", "weights", "biases", "multiplications", "multiplications_effective", "additions", "macs",
                "flops", "activations", "parameter_bytes", "activation_bytes", "bytes"):  # fmt: skip
        assert answer["totals"][key] == sum(layer[key] for layer in answer["layers"]), key
    assert sum(layer["share"] for layer in answer["layers"]) == pytest.approx(1)
    for kind, part in answer["totals"]["by_kind"].items():
        rows = [layer for layer in answer["layers"] if layer["kind"] == kind]
        assert part["layers"] == len(rows)
        assert part["multiplications"] == sum(layer["multiplications"] for layer in rows)
    json.dumps(answer, allow_nan=False)


def test_counts_by_hand() -> None:
    rows = report(SEPARABLE, batch=2).to_dict()["layers"]
    stem, deep, _, _, point, norm, _, linear = rows
    assert stem["multiplications"] == 2 * (10 * 14) * 6 * 3 * 9
    assert deep["multiplications"] == 2 * (5 * 7) * 6 * 25
    assert point["parameters"] == 6 * 11 + 11
    assert norm["parameters"] == 2 * 11
    assert (linear["multiplications"], linear["additions"]) == (2 * 77, 2 * 7 * 10)
    assert deep["groups"] == 6
    assert stem["input"] == [3, 20, 28]
    # read 6*10*14, write 6*5*7, and 150 weights, at four bytes, for a batch of two
    assert deep["bytes_moved"] == 4 * (2 * 6 * 10 * 14 + 2 * 6 * 5 * 7 + 150)
    assert deep["intensity"] == pytest.approx(2 * deep["macs"] / deep["bytes_moved"])
    assert [row["inputs"] for row in rows] == [["input"], ["1"], ["2"], ["3"], ["4"], ["5"], ["6"], ["7"]]
    assert [row["op"] for row in rows] == SEPARABLE.split()[1:]
    kinds = ["conv", "conv", "norm", "activation", "conv", "norm", "pool", "linear"]
    assert [row["kind"] for row in rows] == kinds


@pytest.mark.parametrize("words", ["3x9x11 t:k3s2p1f4", "3x9x11 k3f4 t:k4x3s2f5 relu"])
def test_a_row_of_a_network_has_what_a_zero_inserting_convolution_would_cost(words: str) -> None:
    """Every output with every tap and every channel, zeros between the inputs and at the border included."""
    [row] = [row for row in report(words, batch=2).to_dict()["layers"] if row["op"].startswith("t:")]
    taps = row["kernel"][0] * row["kernel"][1]
    outputs = row["output"][1] * row["output"][2]
    assert row["multiplications_zero_inserted"] == 2 * outputs * taps * row["in_channels"] * row["out_channels"]
    others = [other for other in report(words).to_dict()["layers"] if other["op"] != row["op"]]
    assert not [other for other in others if "multiplications_zero_inserted" in other]


def test_a_thousand_layers_with_branches() -> None:
    """Every residual block adds four pixels, whatever the depth."""
    text = """
    input = "4x32x32"
    [[blocks]]
    name = "residual"
    [[blocks.layers]]
    op = "conv"
    kernel = 3
    padding = 1
    filters = 4
    [[blocks.layers]]
    op = "conv"
    kernel = 3
    padding = 1
    filters = 4
    [[blocks.layers]]
    op = "add"
    from = ["conv2", "input"]
    [[layers]]
    block = "residual"
    repeat = 400
    """
    answer = network_report(network_from_toml(text.encode(), "net.toml"))
    assert len(answer.layers) == 1200
    assert [axis.size for axis in answer.receptive_field] == [1601, 1601]


def test_the_working_out_evaluates_to_its_numbers() -> None:
    """As it stands with the numbers put in; what each symbol stands for is the formulas' own tests' business."""
    answer = report(f"{SEPARABLE} fc3b", batch=2)
    rows = explain_network(answer, answer.layers)
    assert {row.where for row in rows} == {layer.name for layer in answer.layers} | {"total"}
    for row in rows:
        if isinstance(row.result, int) and row.formula != "input":
            assert formula.value(row.numbers) == row.result, row
    answered = {(row.where, row.quantity): row.result for row in rows}
    for layer in answer.layers:
        for name in ("multiplications", "additions", "parameters"):
            assert answered.get((layer.name, name), getattr(layer, name)) == getattr(layer, name), layer.name
    [moved] = [row for row in rows if (row.where, row.quantity) == ("2", "float32 bytes moved")]
    assert moved.numbers == "(1680 + 150 + 420) * 4"
    assert answered["2", "receptive field along height and width"] == 11


def test_bytes_of_stages_are_of_the_type_asked_for() -> None:
    [layer] = network_report(graph("4x8x8 ds:k3f6"), dtype="float64").to_dict()["layers"]
    assert [stage["parameter_bytes"] for stage in layer["stages"]] == [8 * 4 * 9, 8 * 4 * 6]


def test_a_row_given_channels_last_is_told_its_smallest_input_so() -> None:
    """From the last layer back: 3, and (3 - 1)*1 + 3 = 5."""
    for size in ({"input": "4x9x2"}, {"input": (4, 9, 2)}):
        with pytest.raises(ShapeError, match=r"the whole chain accepts is 5x5x2$"):
            network(["k3", "k3"], **size, layout="NHWC")
    with pytest.raises(ShapeError, match=r"the whole chain accepts is 5x5x2$"):
        network("4x9x2 k3 k3", layout="channels-last")
    assert network("5x5x2 k3 k3", layout="channels-last").output == (2, 1, 1)
