"""Rows of layer words on the command line: every question about a row, and rows that are refused."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from convcalc import analyze
from tests import formula
from tests.commands import ASKING, OnTerminal, Run
from tests.reference import counts

LENET = ["1x28x28", "k5f6", "max:k2", "k5f16", "max:k2", "fc120", "fc84", "fc10"]
SIZES = ["6x24x24", "6x12x12", "16x8x8", "16x4x4", "120", "84", "10"]
PRODUCTS = [24 * 24 * 6 * 25, 0, 8 * 8 * 16 * 6 * 25, 0, 256 * 120, 120 * 84, 84 * 10]
SUMS = [24 * 24 * 6 * 24, 0, 8 * 8 * 16 * 149, 0, 120 * 255, 84 * 119, 10 * 83]
WEIGHTS = [6 * 25, 0, 16 * 6 * 25, 0, 256 * 120, 120 * 84, 84 * 10]
BIASES = [6, 0, 16, 0, 120, 84, 10]
"""LeNet-5 as taught with ReLU, without padding, layer by layer: every output has so many products, a sum one less."""
NAMES = ["1/conv", "2/max", "3/conv", "4/max", "5/linear", "6/linear", "7/linear"]
WAV2VEC = ["k10s5", "k8s4", "k4s2", "k4s2", "k4s2"]


def rows(printed: str) -> list[dict[str, str]]:
    header, *lines = (line.split("\t") for line in printed.splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


def answer(output: Run, *arguments: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(output(*arguments, "--json"))
    return value


def test_shapes_of_a_row(output: Run) -> None:
    shown = rows(output("shape", *LENET))
    assert [row["stage"] for row in shown] == NAMES
    assert [row["output"] for row in shown] == SIZES
    assert [row["input"] for row in shown] == ["1x28x28", *SIZES[:-1]]
    assert [row["kernel"] for row in shown] == ["5", "2", "5", "2", "", "", ""]


def test_parameters_of_a_row(output: Run) -> None:
    *shown, total = rows(output("params", *LENET, "--bias"))
    assert [int(row["weights"]) for row in shown] == WEIGHTS
    assert [int(row["biases"]) for row in shown] == BIASES
    assert (total["stage"], int(total["parameters"])) == ("total", sum(WEIGHTS) + sum(BIASES))
    assert int(rows(output("params", *LENET))[-1]["parameters"]) == sum(WEIGHTS)


def test_costs_of_a_row(output: Run) -> None:
    *shown, total = rows(output("cost", *LENET))
    assert [int(row["multiplications"]) for row in shown] == PRODUCTS
    assert [int(row["additions"]) for row in shown] == SUMS
    assert int(total["flops"]) == 2 * sum(PRODUCTS)


def test_receptive_fields_of_a_row(output: Run) -> None:
    """Araujo, Norris & Sim 2019: size + (k - 1)*jump, jump * stride; a linear layer reads all 28 pixels."""
    shown = rows(output("rf", *LENET))
    assert [row["layer"] for row in shown] == LENET[1:]
    assert [int(row["size"]) for row in shown] == [5, 6, 14, 16, 28, 28, 28]
    assert [int(row["jump"]) for row in shown][:4] == [1, 2, 2, 4]
    assert [row["output"] for row in shown] == SIZES
    unsized = rows(output("rf", *LENET[1:5]))
    assert [row["size"] for row in unsized] == ["5", "6", "14", "16"]
    assert {row["output"] for row in unsized} == {""}


@pytest.mark.parametrize("command", ["shape", "params", "cost"])
def test_the_json_of_a_row_has_the_keys_of_a_layer(command: str, output: Run) -> None:
    row, layer = answer(output, command, *LENET), analyze().to_dict()
    assert row.keys() == layer.keys()
    assert all(stage.keys() == layer["stages"][0].keys() for stage in row["stages"])
    assert (row["type"], row["input"], row["output"]) == ("chain", [1, 28, 28], [10])
    assert [stage["name"] for stage in row["stages"]] == NAMES
    assert [stage["op"] for stage in row["stages"]] == ["conv", "pool", "conv", "pool", "linear", "linear", "linear"]
    assert [stage["multiplications"] for stage in row["stages"]] == PRODUCTS
    assert row["multiplications"] == sum(PRODUCTS)
    assert row["additions"] == sum(SUMS)
    assert row["activations"] == 6 * 24**2 + 6 * 12**2 + 16 * 8**2 + 16 * 4**2 + 120 + 84 + 10


def test_a_transposed_layer_of_a_row_has_its_zero_inserted_count(output: Run) -> None:
    """t:k4s2p1 on 5x7: 35 positions of 16 taps; with zeros inserted 10*14 outputs of 16."""
    up, _ = answer(output, "cost", "2x5x7", "t:k4s2p1f3", "relu")["stages"]
    assert (up["multiplications"], up["multiplications_zero_inserted"]) == (35 * 16 * 6, 140 * 16 * 6)
    header = output("cost", "2x5x7", "t:k4s2p1f3", "relu").splitlines()[0]
    assert "zero-inserted" in header.split("\t")


@pytest.mark.parametrize("command", ASKING)
def test_the_working_out_of_a_row_evaluates_to_its_numbers(command: str, output: Run) -> None:
    answered = answer(output, command, *LENET, "--bias", "--explain")["explanations"]
    assert {row["where"] for row in answered} >= set(LENET[1:] if command == "rf" else NAMES)
    for row in answered:
        if isinstance(row["result"], int) and row["formula"] != "input" and row["numbers"]:
            assert formula.value(row["numbers"]) == row["result"], row
    results = {(row["where"], row["quantity"]): row["result"] for row in answered}
    if command in ("params", "cost"):
        assert results["total", "parameters"] == sum(WEIGHTS) + sum(BIASES)
    if command == "cost":
        assert results["total", "multiplications"] == sum(PRODUCTS)
        assert results["3/conv", "multiplications"] == PRODUCTS[2]
    header, *lines = output(command, *LENET, "--explain").splitlines()
    assert header.split("\t") == ["where", "quantity", "formula", "numbers", "result", "source"]
    assert {line.count("\t") for line in lines} == {5}


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("command", ASKING)
def test_a_row_on_a_terminal(command: str, width: int, on_terminal: OnTerminal) -> None:
    shown = "\n".join(on_terminal(width, command, *LENET))
    for name in LENET[1:] if command == "rf" else NAMES:
        assert name in shown


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"multiplications": 2 * 3 * 5 * 2 * 9 + 5 * 3, "parameters": 5 * 2 * 9 + 5 * 3, "activations": 38}),
        (["--bias"], {"biases": 5 + 3, "parameters": 5 * 2 * 9 + 5 + 5 * 3 + 3, "multiplications": 555}),
        (["--batch", "7"], {"batch": 7, "multiplications": 7 * 555, "activations": 7 * 38, "parameters": 105}),
        (["--dtype", "float16"], {"dtype": "float16", "parameter_bytes": 210, "activation_bytes": 76, "bytes": 286}),
    ],
)
def test_options_are_for_the_whole_row(options: list[str], expected: dict[str, Any], output: Run) -> None:
    """3x3 on 4x5: 2x3 positions of 5 filters; their mean 5; a matrix of 5x3."""
    value = answer(output, "cost", "2x4x5", "k3f5", "gap", "fc3", *options)
    assert {key: value[key] for key in expected} == expected


@pytest.mark.parametrize("command", ASKING)
def test_a_row_channels_last_is_the_same_row(command: str, output: Run) -> None:
    row = ["k3x5f7", "max:k2"]
    first = answer(output, command, "3x11x13", *row)
    assert first == answer(output, command, "11x13x3", *row, "--layout", "channels-last")
    assert first == answer(output, command, *row, "-i", "11x13x3", "--layout", "NHWC")
    assert output("shape", "11x13x3", *row, "--layout", "channels-last").splitlines()[-1].endswith("\t4x4x7")


@pytest.mark.parametrize("command", ASKING)
def test_a_bare_size_is_the_input(command: str, output: Run) -> None:
    """Before words or alone, as a size or as pasted from code."""
    assert answer(output, command, *LENET) == answer(output, command, *LENET[1:], "-i", "1x28x28")
    assert answer(output, command, *LENET) == answer(output, command, "(1, 28, 28)", *LENET[1:])
    layer = ["-k", "3x5", "-f", "7"]
    assert answer(output, command, "3x11x13", *layer) == answer(output, command, "-i", "3x11x13", *layer)


def test_a_row_beside_itself_with_depthwise_separable_layers(output: Run) -> None:
    """Howard et al. 2017, section 3.1, layer by layer: C*k*k + C*N weights instead of N*C*k*k."""
    row = ["64x16x16", "k3p1f128", "relu", "max:k2", "k3p1f256", "gap", "fc10"]
    base = 256 * 64 * 128 * 9 + 64 * 128 * 256 * 9 + 2560, 64 * 128 * 9 + 128 * 256 * 9 + 2560
    other = (
        256 * (64 * 9 + 64 * 128) + 64 * (128 * 9 + 128 * 256) + 2560,
        64 * 9 + 64 * 128 + 128 * 9 + 128 * 256 + 2560,
    )
    value = answer(output, "cost", *row, "--compare", "depthwise")
    [compared] = value["compared"]
    assert (value["base"]["multiplications"], value["base"]["parameters"]) == base
    assert (compared["multiplications"], compared["parameters"]) == other
    assert compared["ratio_multiplications"] == pytest.approx(other[0] / base[0])
    assert compared["ratio_parameters"] == pytest.approx(other[1] / base[1])
    assert (compared["type"], compared["compared_type"]) == ("chain", "depthwise-separable")
    assert value == answer(output, "cost", "--compare", "depthwise", *row)
    shown = rows(output("cost", *row, "--compare", "depthwise"))
    assert [cells["type"] for cells in shown] == ["chain", "depthwise-separable"]
    assert [int(cells["multiplications"]) for cells in shown] == [base[0], other[0]]


@pytest.mark.parametrize(
    ("option", "end"),
    [
        (["--padding-mode", "reflect"], "leave --padding-mode out"),
        (["--in-channels", "4"], "leave --in-channels out"),
        (["-s", "2"], "leave --stride out and write it into the words, as k3s2p1"),
        (["-t", "ds"], "leave --type out and write it into the words, as ds:k3"),
    ],
)
def test_what_words_cannot_say_is_not_to_be_written_into_them(option: list[str], end: str, refusal: Run) -> None:
    for command in ("shape", "tile", "lint"):
        assert refusal(command, "3x9x9", "k3", *option).endswith(end)


def test_the_example_of_an_input_has_the_channels_of_pasted_code(output: Run, refusal: Run) -> None:
    code = "nn.Conv2d(1, 8, 3)"
    assert refusal("shape", code).endswith(f"use convcalc shape 1x224x224 '{code}'")
    assert refusal("stream", code).endswith(f"use convcalc stream 1x224x224 '{code}'")
    assert output("shape", "1x224x224", code)


def test_a_row_beside_all_types(output: Run) -> None:
    """Every convolution of every row counted one by one; linear layers are a matrix each."""
    row = ["4x9x11", "k3p1f8", "max:k2", "k3x5p1x2s2f12b", "fc3"]
    value = answer(output, "cost", *row, "--compare", "all")
    types = [compared["compared_type"] for compared in value["compared"]]
    assert {"pointwise", "dilated", "grouped", "depthwise-separable", "flattened", "shuffled-grouped"} < set(types)
    [note] = value["notes"]
    assert note.startswith("transposed is left out: ")
    for report in (value["base"], *value["compared"]):
        assert report["output"] == [3]
        convolutions = [stage for stage in report["stages"] if stage["op"] in ("conv", "channel_shuffle")]
        counted = [counts(stage) for stage in convolutions]
        assert report["multiplications"] == sum(stage.multiplications for stage in counted) + 12 * 2 * 3 * 3
        assert report["weights"] == sum(stage.weights for stage in counted) + 12 * 2 * 3 * 3
        biased = [stage for stage in convolutions if stage["name"].startswith("3/") and stage["op"] == "conv"]
        assert report["biases"] == sum(stage["out_channels"] for stage in biased), "one per filter, in every stage"
        assert report.get("ratio_multiplications", 1) == pytest.approx(
            report["multiplications"] / value["base"]["multiplications"]
        )


def test_the_working_out_of_a_comparison_of_rows(output: Run) -> None:
    answered = answer(output, "cost", "4x9x9", "k3p1f8", "k3f5", "--compare", "ds", "--explain")["explanations"]
    ratios = {row["quantity"]: row["result"] for row in answered if row["where"] == "depthwise-separable"}
    base, other = 81 * 8 * 36 + 49 * 5 * 72, 81 * (36 + 32) + 49 * (72 + 40)
    assert ratios["ratio of multiplications"] == pytest.approx(other / base)


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["3x9x9", "k3", "-i", "3x9x9"], "COMMAND: the input is given twice, got 3x9x9 and --input; give one of"),
        (["3x9x9", "-i", "3x9x9"], "COMMAND: the input is given twice, got 3x9x9 and --input; give one of"),
        (["3x9x9", "k3", "-k", "3"], "COMMAND: takes layer words or the options of one layer, got both, --kernel"),
        (["3x9x9", "k3", "-t", "ds"], "COMMAND: takes layer words or the options of one layer, got both, --type"),
        (["3x9x9", "k3", "-g", "3"], "COMMAND: takes layer words or the options of one layer, got both, --groups"),
        (
            ["3x9x9", "k3", "--mid-channels", "3"],
            "COMMAND: takes layer words or the options of one layer, got both, --mid-channels",
        ),
        (["3x9x9", "k3", "k3q"], "k3q: cannot read 'q', which is no letter here; a layer is written like k3s2p1f64"),
        (["3x9x9", "k3", "k9"], "layer 2 of 2, k9: height: the window must fit the padded input, got extent 9"),
        (["3x9x9", "k3", "ds:k9"], "layer 2 of 2, ds:k9: depthwise: height: the window must fit the padded input"),
        (["3x9x9", "k3", "--batch", "0"], "batch: must be at least 1, got 0"),
        (["k3", "3x9x9"], "3x9x9: is a size, not a layer"),
        ([*WAV2VEC, "-i", "1x400"], "layer 5 of 5, k4s2: length: the window must fit the padded input"),
    ],
)  # fmt: skip
def test_rows_that_are_refused(command: str, arguments: list[str], message: str, refusal: Run) -> None:
    assert refusal(command, *arguments).startswith(message.replace("COMMAND", command))


@pytest.mark.parametrize("command", ["shape", "params", "cost"])
def test_a_row_without_a_size_says_where_to_write_it(command: str, refusal: Run) -> None:
    answered = f"{command}: must have the size of the input before layer words, got none; use"
    assert refusal(command, "k3s2", "k3") == f"{answered} convcalc {command} 3x224x224 k3s2 k3"
    code = "Conv1d(6, 8, 3)"
    assert refusal(command, code, "bn") == f"{answered} convcalc {command} 6x224 '{code}' bn"


@pytest.mark.parametrize(
    "row",
    [
        ("params", "nn.Conv2d(256, 256, 3, padding=1, groups=32)", "relu"),
        ("cost", "nn.Linear(4096, 1000)"),
        ("shape", "nn.Conv3d(3, 4, 3)"),
        ("shape", "grouped:k3g4f8", "max:k2"),
        ("draw", "rf", "k3", "max:k2s2*2"),
    ],
)
def test_the_row_named_with_a_size_works_when_typed(row: tuple[str, ...], output: Run, refusal: Run) -> None:
    typed = shlex.split(refusal(*row).partition("use convcalc ")[2])
    assert [word for word in typed if not word[0].isdigit()] == [*row]
    assert output(*typed)


def test_a_type_beside_options_is_told_where_it_goes(output: Run, refusal: Run) -> None:
    options = ("-i", "1x2x2", "-k", "3", "-s", "2", "-f", "1")
    told = "shape: a type alone is no layer word, got 'transposed' and --kernel; use -t transposed"
    assert refusal("shape", "transposed", *options) == told
    assert answer(output, "shape", "-t", "transposed", *options)["output"] == [1, 5, 5]


@pytest.mark.parametrize(("command", "net"), [("rf", "net"), ("cost", "net"), ("draw", "draw net")])
def test_a_network_has_its_own_command(command: str, net: str, output: Run, refusal: Run) -> None:
    assert refusal(command, "ResNet_18") == f"{command}: takes layers, got a network; use convcalc {net} resnet18"
    assert output(*net.split(), "resnet18")


@pytest.mark.parametrize(("name", "word"), [("ds", "ds:k3"), ("pointwise", "pointwise")])
def test_a_type_alone_is_told_the_word_that_works(name: str, word: str, output: Run, refusal: Run) -> None:
    told = f"shape: a type alone is no layer word, got '{name}'; use -t {name}, or {word} after the input's size"
    assert refusal("shape", name) == told
    assert answer(output, "shape", "3x9x9", word)["output"]


def test_the_smallest_input_of_a_row_is_named(output: Run, refusal: Run) -> None:
    """From the last layer back, (n - 1)*stride + kernel: 4, 10, 22, 92, 465."""
    assert refusal("rf", *WAV2VEC, "-i", "1x400").endswith("; the smallest input that the whole chain accepts is 1x465")
    assert answer(output, "rf", *WAV2VEC, "-i", "1x465")["layers"][-1]["output"] == [1, 1]
    assert "the whole chain accepts is 465x1" in refusal("rf", *WAV2VEC, "-i", "400x1", "--layout", "channels-last")


def test_what_reads_the_whole_input_needs_its_size(output: Run, refusal: Run) -> None:
    assert refusal("rf", "k3", "gap").startswith("layer 2 of 2, gap: reads the whole input, whose size is not given")
    assert answer(output, "rf", "3x9x9", "k3", "gap")["layers"][-1]["receptive_field"]["size"] == [9, 9]


def test_an_unknown_dtype_for_a_row(refusal: Run) -> None:
    assert refusal("cost", *LENET, "--dtype", "float8").startswith("dtype: unknown element type 'float8'")
