"""`convcalc net` from outside: what is printed, in which form, with which exit code; and its page, read and run."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from convcalc.questions.selection import SORTED
from convcalc.readers.toml.document import COMMON_KEYS, network_from_toml
from convcalc.readers.toml.ops import OPS
from convcalc.recipes import BY_NAME
from tests.commands import CONVCALC, Run, exit_code

SEPARABLE = """
input = "3x20x28"
[[layers]]
name = "stem"
op = "conv"
filters = 6
kernel = 3
stride = 2
padding = 1
[[layers]]
name = "deep"
op = "depthwise"
kernel = 5
stride = 2
padding = 2
[[layers]]
op = "batch_norm"
[[layers]]
op = "relu"
[[layers]]
name = "point"
op = "pointwise"
filters = 11
bias = true
[[layers]]
name = "norm"
op = "batch_norm"
[[layers]]
op = "global_avg_pool"
[[layers]]
op = "linear"
filters = 7
"""
PAGE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "net.toml"
    path.write_text(SEPARABLE)
    return str(path)


def test_json_is_one_object_and_rows_are_the_same_numbers(output: Run, model: str) -> None:
    answer = json.loads(output("net", model, "--json"))
    assert answer["schema"] == 1
    header, *rows = [line.split("\t") for line in output("net", model, "--depth", "all").splitlines()]
    assert header == [
        "name", "op", "output", "parameters", "multiplications", "activations", "receptive field", "share"
    ]  # fmt: skip
    for row, layer in zip(rows[:-1], answer["layers"], strict=True):
        size = "x".join(map(str, layer["output"]))
        assert row[:5] == [layer["name"], layer["op"], size, str(layer["parameters"]), str(layer["multiplications"])]
    assert rows[-1][0] == "total"
    assert rows[-1][3] == str(answer["totals"]["parameters"])


def test_csv_has_every_count(output: Run, model: str) -> None:
    rows = list(csv.DictReader(io.StringIO(output("net", model, "--csv"))))
    layers = json.loads(output("net", model, "--json"))["layers"]
    for row, layer in zip(rows, layers, strict=True):
        for key in ("parameters", "multiplications_effective", "additions", "activations", "bytes_moved"):
            assert int(row[key]) == layer[key]
        assert row["input"] == "x".join(map(str, layer["input"]))


def test_sorting_and_choosing(output: Run, model: str) -> None:
    rows = json.loads(output("net", model, "--json", "--only", "conv", "--sort", "multiplications"))["layers"]
    assert [row["name"] for row in rows] == ["stem", "deep", "point"]
    rows = json.loads(output("net", model, "--json", "--only", "batch_norm,p*", "--sort", "parameters"))["layers"]
    assert [row["name"] for row in rows] == ["point", "norm", "batch_norm1"]
    lines = output("net", model, "--only", "linear").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["name", "linear1", "shown", "total"]


def test_a_group_shows_its_layers(output: Run) -> None:
    lines = output("net", "resnet18", "--only", "layer1").splitlines()
    assert len(lines) == 1 + 14 + 2
    assert all(line.startswith("layer1/") for line in lines[1:-2])
    [block, *_] = output("net", "resnet18", "--only", "layer1", "--depth", "2", "--columns", "name,op").splitlines()[1:]
    assert block == "layer1/1\tconv, batch_norm, relu, add"


def test_json_and_csv_hold_every_layer_at_any_depth(output: Run, model: str) -> None:
    answer = output("net", model, "--json")
    assert output("net", model, "--json", "--depth", "1") == answer
    rows = output("net", model, "--csv", "--depth", "1", "--columns", "name,macs").splitlines()
    assert rows == ["name,macs", *(f"{layer['name']},{layer['macs']}" for layer in json.loads(answer)["layers"])]


def test_the_table_is_a_summary_and_says_so(output: Run, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split("\t") for line in output("net", model, "--sort", "parameters").splitlines()]
    assert [line[0] for line in lines] == ["name", "stem", "deep", "point", "linear1", "global_avg_pool1", "total"]
    assert lines[2][1:4] == ["depthwise, batch_norm, relu", "6x5x7", str(6 * 25 + 12)]
    assert exit_code("net", model) == 0
    assert "8 layers in 5 rows; --depth N opens N levels, --depth all shows every layer\n" in capsys.readouterr().err


def test_a_file_s_own_notes_are_for_those_who_ask(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    layers = '[[layers]]\nop = "conv"\nfilters = 2\nkernel = 3\n[[layers]]\nop = "relu"\nfrom = "input"\n'
    path.write_text(f'input = "3x9x9"\nnotes = "as in the paper"\n{layers}')
    for options, shown in (((), False), (("--explain",), True)):
        assert exit_code("net", str(path), *options) == 0
        notes = capsys.readouterr().err
        assert ("as in the paper" in notes, "macs = multiplications" in notes) == (shown, shown)
        assert notes.count("unused outputs: conv1") == 1


def test_only_what_is_shown_is_explained(output: Run, model: str) -> None:
    rows = [line.split("\t") for line in output("net", model, "--only", "point", "--explain").splitlines()[1:]]
    assert {row[0] for row in rows} == {"point", "shown", "total"}
    assert [row[1] for row in rows if row[0] == "total"] == ["parameters", "multiplications", "activations", "share"]
    rows = [line.split("\t") for line in output("net", model, "--explain").splitlines()[1:]]
    [folded] = [row for row in rows if row[:2] == ["deep (3 layers)", "parameters"]]
    assert folded[3:5] == ["150 + 12", "162"]


def test_rows_are_sorted_by_every_number_that_they_have(output: Run, model: str) -> None:
    """By the names that JSON, and CSV with the same, gives to the columns; equal rows stay in their order."""
    machine = ["--peak", "1GOPS", "--bandwidth", "1GB/s"]
    rows = json.loads(output("net", model, "--json", *machine))["layers"]
    numbers = {key for row in rows for key, value in row.items() if isinstance(value, int | float)}
    everywhere = {key for key in numbers if all(key in row for row in rows)}
    assert {*SORTED} == everywhere | {"name", "receptive_field"}
    assert {*SORTED} < {*rows[0]}
    header, *_ = output("net", model, "--csv", *machine).splitlines()
    assert {*header.split(",")} - {"op", "kind", "input", "output", "bound"} < {*SORTED}
    for column in everywhere:
        found = json.loads(output("net", model, "--json", *machine, "--sort", column))["layers"]
        assert found == sorted(rows, key=lambda row: -row[column])
    for heading, column in (("least time", "least_seconds"), ("ops/byte", "intensity"), ("receptive field", None)):
        named = (column or heading.replace(" ", "_"), heading)
        by_column, by_heading = (output("net", model, *machine, "--sort", name) for name in named)
        assert by_column == by_heading
    found = json.loads(output("net", model, "--json", "--sort", "name"))["layers"]
    assert [row["name"] for row in found] == sorted(row["name"] for row in rows)
    found = json.loads(output("net", model, "--json", "--sort", "receptive_field"))["layers"]
    fields = [max(row["receptive_field"]["size"]) for row in found]
    assert fields == sorted(fields, reverse=True)


def test_numbers_beyond_floats_are_shown_and_sorted_too(output: Run, tmp_path: Path) -> None:
    huge = f'input = "{"x".join(["9" * 90] * 4)}"\n' + (
        f'[[layers]]\nop = "pointwise"\nfilters = 1\n[[layers]]\nop = "pointwise"\nfilters = {"9" * 90}\n'
        '[[layers]]\nop = "pointwise"\nfilters = 2\n'
    )
    (tmp_path / "huge.toml").write_text(huge)
    lines = output("net", str(tmp_path / "huge.toml"), "--sort", "multiplications").splitlines()
    assert [line.split("\t")[0] for line in lines[1:4]] == ["pointwise3", "pointwise1", "pointwise2"]


def test_a_check_shows_rows_in_json_alone(output: Run, model: str) -> None:
    asked = ["--only", "conv", "--sort", "name", "--dtype", "int8", "--peak", "1GOPS", "--bandwidth", "1GB/s"]
    answer = json.loads(output("net", model, "--check", "--json", *asked))
    assert [row["name"] for row in answer["layers"]] == ["deep", "point", "stem"]
    assert answer["dtype"] == "int8"
    assert answer["totals"]["least_seconds"] > 0
    assert answer["ok"] is True


def test_changes_and_comparisons(output: Run, model: str) -> None:
    plain = json.loads(output("net", model, "--json"))
    full = json.loads(output("net", model, "--replace", "depthwise-separable=standard", "--json"))
    assert full["before"] == plain["totals"]
    assert "1 depthwise-separable convolution replaced by standard" in full["notes"]
    beside = json.loads(output("net", model, "--replace", "depthwise-separable=standard", "--compare", model, "--json"))
    assert beside["base"]["totals"] == full["totals"]
    [other] = beside["compared"]
    assert other["totals"] == plain["totals"]
    ratio = plain["totals"]["multiplications"] / full["totals"]["multiplications"]
    assert other["ratio_multiplications"] == pytest.approx(ratio)


def test_a_comparison_as_rows(output: Run, model: str) -> None:
    header, *rows = [line.split("\t") for line in output("net", model, "--compare", model).splitlines()]
    assert header == ["total", "network", "network", "ratio"]
    assert rows[1] == [
        "multiplications",
        *[str(json.loads(output("net", model, "--json"))["totals"]["macs"])] * 2,
        "1.0",
    ]


def test_sweeps_over_sizes_and_widths(output: Run, model: str) -> None:
    points = json.loads(output("net", model, "--sweep", "20..40:20", "--json"))["points"]
    assert [point["input"] for point in points] == [[3, 20, 20], [3, 40, 40]]
    points = json.loads(output("net", model, "--sweep-width", "0.5,1", "--json"))["points"]
    assert points[1]["totals"] == json.loads(output("net", model, "--json"))["totals"]
    assert points[0]["totals"]["parameters"] == 3 * 3 * 9 + 3 * 25 + 2 * 3 + 3 * 5 + 5 + 2 * 5 + 5 * 7
    assert output("net", model, "--sweep", "20,40").splitlines()[0].startswith("size\tinput\toutput\tparameters")


@pytest.mark.parametrize(
    ("own", "sizes", "inputs"),
    [
        ([3, 16, 56, 56], "32,56", [[3, 16, 32, 32], [3, 16, 56, 56]]),
        ([3, 16, 56, 56], "8x32x40,32", [[3, 8, 32, 40], [3, 16, 32, 32]]),
        ([3, 16, 56, 48], "32", [[3, 16, 32, 32]]),
        ([1, 24, 24, 24], "16,32", [[1, 16, 16, 16], [1, 32, 32, 32]]),
        ([3, 20, 28], "24,24x30", [[3, 24, 24], [3, 24, 30]]),
        ([2, 100], "50", [[2, 50]]),
    ],
)
def test_a_sweep_keeps_the_frames_of_a_clip(
    output: Run, tmp_path: Path, own: list[int], sizes: str, inputs: list[list[int]]
) -> None:
    (tmp_path / "net.toml").write_text(f'input = {own}\n[[layers]]\nop = "conv"\nfilters = 2\nkernel = 3\n')
    points = json.loads(output("net", str(tmp_path / "net.toml"), "--sweep", sizes, "--json"))["points"]
    assert [point["input"] for point in points] == inputs


def test_a_network_without_an_input_is_swept_from_one(output: Run, refusal: Run, tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text('[[layers]]\nop = "conv"\nfilters = 2\nkernel = 3\n')
    points = json.loads(output("net", str(path), "--input", "5x9x9", "--sweep", "20", "--json"))["points"]
    assert [point["input"] for point in points] == [[5, 20, 20]]
    assert "input: must be given" in refusal("net", str(path), "--sweep", "20")


def test_what_was_changed_is_told(output: Run, model: str) -> None:
    """In JSON and in the heading of a comparison."""
    rule = "depthwise-separable=standard"
    swept = json.loads(output("net", model, "--replace", rule, "--sweep", "20,40", "--json"))
    assert swept["changes"] == [rule]
    assert swept["points"][1]["ratio_multiplications"] == pytest.approx(
        swept["points"][1]["totals"]["macs"] / swept["points"][0]["totals"]["macs"]
    )
    both = ["net", model, "--width", "0.5", "--replace", rule]
    assert json.loads(output(*both, "--json"))["changes"] == ["width 0.5", rule]
    machine = ["--peak", "1GOPS", "--bandwidth", "1GB/s"]
    header, *rows = [line.split("\t") for line in output(*both, "--compare", model, *machine).splitlines()]
    assert header == ["total", f"network (width 0.5, {rule})", "network", "ratio"]
    assert {row[0]: row for row in rows}["least time"][2] == str(
        json.loads(output("net", model, *machine, "--json"))["totals"]["least_seconds"]
    )


def test_machine_dtype_input_and_batch(output: Run, model: str) -> None:
    options = ["--peak", "1GOPS", "--bandwidth", "1GB/s", "--dtype", "int8", "-i", "3x24x24", "--batch", "2"]
    answer = json.loads(output("net", model, *options, "--json"))
    assert (answer["input"], answer["batch"], answer["dtype"]) == ([3, 24, 24], 2, "int8")
    assert answer["totals"]["parameter_bytes"] == answer["totals"]["parameters"]
    assert answer["totals"]["least_seconds"] == sum(layer["least_seconds"] for layer in answer["layers"])
    last = json.loads(output("net", model, "-i", "24x24x3", "--layout", "channels-last", "--json"))
    assert last["input"] == [3, 24, 24]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet5"], "resnet5: must be a .toml or .onnx file or a network of the zoo"),
        (["no/such.toml"], "no/such.toml: must be a file that can be read, got no such file or directory"),
        (
            ["FILE", "--only", "pool2"],
            "only: no layer is 'pool2'; did you mean pool? use a layer's or a group's name",
        ),
        (
            ["FILE", "--only", "conv,pool2"],
            "only: no layer is 'pool2'; did you mean pool? use a layer's or a group's name",
        ),
        (["FILE", "--sort", "price"], "sort: unknown column 'price'"),
        (["FILE", "--sort", "seconds"], "sort: unknown column 'seconds'; did you mean least_seconds? the columns:"),
        (["FILE", "--sort", "least_seconds"], "sort: least_seconds is the time on a machine, got none; add --peak"),
        (["FILE", "--check", "--only", "conv"], "net: --only with --check needs --json, got none; add it"),
        (["FILE", "--check", "--sort", "name"], "net: --sort with --check needs --json, got none; add it"),
        (["FILE", "--check", "--dtype", "int8"], "net: --dtype with --check needs --json, got none"),
        (
            ["FILE", "--check", "--peak", "1GOPS", "--bandwidth", "1GB/s"],
            "net: --peak with --check needs --json, got none; add it",
        ),
        (["--layout", "channels-last"], "net: --layout needs a MODEL, got none; name one"),
        (["FILE", "--json", "--csv"], "net: --json cannot be combined with --csv; leave"),
        (["FILE", "--sweep", "8", "--compare", "FILE"], "net: --compare cannot be combined with --sweep; leave"),
        (["FILE", "--compare", "FILE", "--only", "conv"], "net: --only cannot be combined with --compare; leave"),
        (["FILE", "--sweep", "24", "--sort", "name"], "net: --sort cannot be combined with --sweep; leave"),
        (["FILE", "--sweep-width", "0.5", "--width", "2"], "sweep-width: gives the widths, got a width of 2 too"),
        (["FILE", "--sweep", "24", "--input", "3x9x8"], "sweep: gives the sizes, got an input of 3x9x8 too; give one"),
        (["FILE", "--width", "1e9"], "width: must be a number above 0 and below 1000000, without an exponent, such"),
        (["FILE", "-o", "out.npy"], "net: --output needs --check, got none; add it"),
        (["--check"], "net: --check needs a MODEL, got none; name one, such as resnet50"),
        (["--sort", "name"], "net: --sort needs a MODEL, got none"),
        ([""], "net: must be a .toml or .onnx file"),
        (["FILE", "--dtype", "int3"], "dtype: unknown element type 'int3'"),
        (["FILE", "--width", "wide"], "width: must be a number above 0"),
        (["FILE", "--batch", "0"], "batch: must be at least 1, got 0"),
        (["FILE", "-i", "4x20x28", "--replace", "a=b"], "replace: type: unknown convolution type 'a'"),
        (["FILE", "-i", "20x28"], "FILE: input: must have the axes of the network's 3x20x28, got 20x28"),
        (["FILE", "-i", "3x1x1x1x1"], "input: a size has channels and 1 to 3 spatial axes"),
        (["FILE", "--peak", "1GOPS"], "bandwidth: must be given too"),
    ],
)
def test_refusals(refusal: Run, model: str, arguments: list[str], message: str) -> None:
    answered = refusal("net", *(model if word == "FILE" else word for word in arguments))
    assert answered.startswith(message.replace("FILE", model))


def test_nothing_heavy_is_imported(model: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", *CONVCALC[2:], "net", model, "--json"]
    trace = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in trace.splitlines()}
    assert not modules & {"numpy", "rich", "pydantic", "onnx"}


def test_the_page_s_files_are_read() -> None:
    files = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(files) >= 2
    for text in files:
        network_from_toml(text.encode(), "docs/networks.md")


def test_the_page_lists_every_op_and_key() -> None:
    listed: dict[str, set[str]] = {}
    for line in PAGE.partition("## Ops")[2].partition("## Blocks")[0].splitlines():
        cells = line.strip("|").split("|")
        if len(cells) == 3 and cells[0].strip(" -") not in ("", "op"):
            names = re.findall(r"`([a-z_0-9]+)`", cells[0]) or ["conv"]
            for name in names:
                listed[name] = set(re.findall(r"`([a-z_]+)`", cells[1]))
    for name, op in OPS.items():
        row = listed["conv" if name in BY_NAME else name]
        missing = op.keys - row - {"out_channels"} - COMMON_KEYS
        assert not missing, (name, missing)
