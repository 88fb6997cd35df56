"""The command line from outside: what is printed where, in which form, and with which exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import pytest

from convcalc import __version__, analyze
from convcalc.cli import main
from convcalc.recipes import BY_NAME, RECIPES
from tests.cases import CASES, Case

ASKING = ("shape", "params", "cost", "rf")
COMMANDS = (*ASKING, "run", "types")
CONVCALC = [sys.executable, "-m", "convcalc"]
HUGE = ["-i", f"4096x{10**20 + 7}x{10**21 + 9}x{10**22 + 11}", "-k", "7", "-p", "3", "-f", "4096"]

DEFECT = "please report the command"
"""How the last resort ends that turns a crash into one line; no request should get there."""

Run = Callable[..., str]


def exit_code(arguments: list[str]) -> int:
    """Runs convcalc on these arguments in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["convcalc", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
    code = stop.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs convcalc on its arguments in this process, expects an answer, returns stdout."""

    def run(*arguments: str) -> str:
        code = exit_code(list(arguments))
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return run


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs convcalc, expects exit 2, nothing on stdout and one line on stderr, returns the line after `error: `."""

    def run(*arguments: str) -> str:
        code = exit_code(list(arguments))
        printed = capsys.readouterr()
        assert (code, printed.out) == (2, "")
        assert printed.err.startswith("error: ")
        assert printed.err.endswith("\n")
        assert printed.err.count("\n") == 1
        assert DEFECT not in printed.err
        return printed.err.removeprefix("error: ").strip()

    return run


def as_arguments(case: Case) -> list[str]:
    """A case as one would type it."""
    arguments = ["-t", case.type]
    for name, value in case.options.items():
        option = "--" + name.replace("_", "-")
        if name == "bias":
            arguments += [option] if value else []
        elif name == "padding" and isinstance(value, tuple):
            pairs = [v if isinstance(v, tuple) else (v, v) for v in value]
            arguments += [option, "x".join(f"{before}:{after}" for before, after in pairs)]
        elif isinstance(value, tuple):
            arguments += [option, "x".join(map(str, value))]
        else:
            arguments += [option, str(value)]
    return arguments


# JSON

COUNTS = {
    "parameters": int, "weights": int, "biases": int, "multiplications": int, "multiplications_effective": int,
    "additions": int, "macs": int, "flops": int, "activations": int, "parameter_bytes": int,
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


# Tables


TABLES = [
    *(["shape", "-t", recipe.name] for recipe in RECIPES),
    *(["cost", "-t", recipe.name, "--bias"] for recipe in RECIPES),
    ["params", "-t", "flattened", "--batch", "3"],
    ["rf", "-t", "transposed", "-s", "3"],
    ["rf", "k7s2p3f64", "max:k3s2p1", "t:k3s2", "-i", "3x224x224"],
    ["cost", "--compare", "all"],
    ["cost", "-i", "64x56x56", "-f", "64", "-p", "same", "-k", "5x3", "--compare", "all"],
    ["cost", *HUGE],
    ["cost", *HUGE, "--compare", "ds", "flattened"],
    ["shape", *HUGE],
    ["params", "-t", "flattened", *HUGE],
    ["types"],
]
EVERY_TABLE = pytest.mark.parametrize("arguments", TABLES, ids=lambda words: " ".join(words)[:40])


@EVERY_TABLE
def test_a_piped_table_is_tab_separated_with_one_header(arguments: list[str], output: Run) -> None:
    header, *rows = output(*arguments).splitlines()
    assert rows
    assert "\x1b" not in header
    for row in rows:
        assert row.count("\t") == header.count("\t") > 0
        assert row.split("\t")[0].strip()


@pytest.mark.parametrize("command", ASKING)
def test_piped_explanations_are_tab_separated_too(command: str, output: Run) -> None:
    header, *rows = output(command, "-t", "ds", "--explain").splitlines()
    assert header.split("\t") == ["where", "quantity", "formula", "numbers", "result", "source"]
    assert {row.count("\t") for row in rows} == {5}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_piped_table_has_the_numbers_of_the_json(case: Case, output: Run) -> None:
    arguments = as_arguments(case)
    report = json.loads(output("cost", *arguments, "--json"))
    header, *rows = (line.split("\t") for line in output("cost", *arguments).splitlines())
    parts = [*report["stages"], *([report] if len(report["stages"]) > 1 else [])]
    for part, row in zip(parts, rows, strict=True):
        shown = dict(zip(header, row, strict=True))
        assert shown["multiplications"] == str(part["multiplications"])
        assert shown["effective"] == str(part["multiplications_effective"])
        for name in ("parameters", "additions", "macs", "flops", "activations"):
            assert shown[name] == str(part[name])
    sizes = output("shape", *arguments).splitlines()[-1].split("\t")
    assert sizes[-1] == "x".join(map(str, case.output))
    _, *counted = (line.split("\t") for line in output("params", *arguments).splitlines())
    assert counted[-1][1:] == [str(report[name]) for name in ("weights", "biases", "parameters")]


@pytest.fixture(params=[80, 120])
def on_terminal(request: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs convcalc as on a terminal of so many columns; checks that no line is longer, unless left to be wrapped."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(*arguments: str, wrapped: bool = False) -> str:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        code = exit_code(list(arguments))
        printed = capsys.readouterr()
        assert code == 0, printed.err
        assert wrapped or max(map(len, printed.out.splitlines())) <= request.param
        return str(printed.out)

    return run


@EVERY_TABLE
def test_a_table_on_a_terminal_cuts_no_number(arguments: list[str], on_terminal: Run, output: Run) -> None:
    header, *rows = (line.split("\t") for line in output(*arguments).splitlines())
    shown = on_terminal(*arguments)
    assert "…" not in shown
    squeezed = re.sub(r"\s", "", shown)
    [dropped] = re.findall(r"no room here for ([^;]*);", " ".join(shown.split())) or [""]
    for row in rows:
        for column, cell in zip(header, row, strict=True):
            written = f"{int(cell):,}" if cell.isdigit() else re.sub(r"\s", "", cell)
            if re.fullmatch(r"\d+\.\d+(e-?\d+)?", cell):
                written = f"{float(cell):.5g}"
            if "." not in cell and written and not any(column in name for name in dropped.split(", ")):
                assert written in squeezed, (column, cell)


@pytest.mark.parametrize("command", ASKING)
def test_explanations_on_a_terminal_cut_no_number(command: str, on_terminal: Run, output: Run) -> None:
    rows = json.loads(output(command, "-t", "ds", *HUGE, "--explain", "--json"))["explanations"]
    squeezed = re.sub(r"\s", "", on_terminal(command, "-t", "ds", *HUGE, "--explain", wrapped=True))
    for row in rows:
        if isinstance(row["result"], int):
            assert f"{row['result']:,}" in squeezed, row


def test_wide_tables_use_the_room_they_have(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert exit_code(["cost", "-t", "ds"]) == 0
    assert re.search(r"total.*411.*10,275", capsys.readouterr().out)


@pytest.mark.parametrize(("no_color", "coloured"), [("1", False), ("", True)])
def test_colour_is_by_the_rule_of_no_color(
    no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """https://no-color.org: any value that is not empty turns colour off."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for arguments in (["cost", "-t", "ds"], ["cost", "--explain"], ["types"]):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        assert exit_code(arguments) == 0
        assert ("\x1b[" in capsys.readouterr().out) == coloured


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"])
def test_a_pipe_is_never_coloured(variable: str, monkeypatch: pytest.MonkeyPatch, output: Run) -> None:
    monkeypatch.setenv(variable, "1")
    assert "\x1b" not in output("cost", "--compare", "all")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_on_a_real_terminal(encoding: str) -> None:
    """Through a pseudo-terminal of 80 columns: thousands separators, nothing longer than the line, any encoding."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "xterm", "PYTHONIOENCODING": encoding}
    arguments = [*CONVCALC, "cost", "--compare", "depthwise"]
    with subprocess.Popen(arguments, stdout=slave, stderr=subprocess.PIPE, env=environment) as process:
        os.close(slave)
        shown = b"".join(_read(master))
        assert process.wait(30) == 0
    os.close(master)
    assert b"86,400" in shown
    assert max(len(line.decode(encoding)) for line in shown.splitlines()) <= 80


def _read(master: int) -> Iterator[bytes]:
    while select.select([master], [], [], 30)[0]:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # Linux's way of saying that the other side has closed
            return
        if not chunk:
            return
        yield chunk


# Comparing


@pytest.mark.parametrize(
    ("words", "types"),
    [
        (["--compare", "depthwise"], ["depthwise-separable"]),
        (["--compare", "depthwise", "flattened"], ["depthwise-separable", "flattened"]),
        (["--compare", "ds", "--compare", "flattened"], ["depthwise-separable", "flattened"]),
        (["--compare", "ds,flattened", "spatial"], ["depthwise-separable", "flattened", "spatially-separable"]),
        (["--compare=flattened"], ["flattened"]),
        (["--compare", "all"], ["dilated", "depthwise-separable", "spatially-separable", "flattened"]),
        (["--compare", "depthwise", "--bias", "flattened"], ["depthwise-separable", "flattened"]),
        (["--compare", "separable", "ds", "dw"], ["depthwise-separable"]),
    ],
)
def test_ways_of_comparing(words: list[str], types: list[str], output: Run) -> None:
    comparison = json.loads(output("cost", *words, "--json"))
    assert [row["type"] for row in comparison["compared"]] == types


def test_a_comparison_as_a_table(output: Run) -> None:
    table = output("cost", "--compare", "depthwise").splitlines()
    assert table[1].split("\t")[0] == "standard"
    assert "86400" in table[1].split("\t")
    assert "1/N + 1/k² = 1/128 + 1/9" in table[2]
    assert [line.split("\t")[0].strip() for line in table[3:]] == ["depthwise", "pointwise"]
    assert {"675", "9600"} <= {cell for line in table[3:] for cell in line.split("\t")}


def test_types_without_compare_are_refused(refusal: Run) -> None:
    assert refusal("cost", "flattened") == "cost: takes types only after --compare, got 'flattened'; use -t flattened"


# Refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shap"], "convcalc: no such command 'shap'; did you mean shape?"),
        (["frobnicate"], "convcalc: no such command 'frobnicate'; the commands: shape, params, cost, rf"),
        (["shape", "--stirde", "2"], "shape: no such option: --stirde"),
        (["shape", "-z"], "shape: no such option: -z"),
        (["shape", "-t", "depthwse"], "type: unknown convolution type 'depthwse'; did you mean depthwise?"),
        (["cost", "--compare", "flatened"], "type: unknown convolution type 'flatened'; did you mean flattened?"),
        (["shape", "-k"], "shape: option '-k' requires an argument"),
        (["shape", "-k", "-3"], "kernel: must be a whole number of at least 1, got '-3'"),
        (["shape", "-k", ""], "kernel: must be a whole number of at least 1, got ''"),
        (["shape", "-k", "3.5"], "kernel: must be a whole number of at least 1, got '3.5'"),
        (["shape", "-k", "٣"], "kernel: must be a whole number of at least 1, got '٣'"),
        (["shape", "-p", "some"], "padding: must be numbers like 1, 1x2, 0:1x2:2 or a word, got 'some'"),
        (["shape", "-i", "3x7x7", "-k", "3x3x3"], "kernel: takes one value for all axes or 2, one per spatial axis"),
        (["shape", "-i", "3x2x2"], "conv: height: the window must fit the padded input"),
        (["shape", "foo"], "shape: got unexpected extra argument"),
        (["shape", "--json=yes"], "shape: "),
        (["shape", "--batch", ""], "batch: "),
        (["shape", "-t", ""], "type: "),
        (["shape", "--layout", ""], "layout: "),
        (["shape", "--layout", "NHW"], "layout: must be channels-first or channels-last, got 'NHW'"),
        (["cost", "--dtype", ""], "dtype: "),
        (["cost", "--dtype", "float8"], "dtype: unknown element type 'float8'; use one of float64"),
        (["rf", "k3", "-k", "3"], "rf: takes layer words or the options of one layer, got both"),
        (["rf", "k3", "-t", "dilated"], "rf: takes layer words or the options of one layer, got both"),
        (["rf", "k3q"], "k3q: cannot read 'q'"),
        (["rf", ""], ""),
        (["types", "depthwise"], "types: got unexpected extra argument"),
        (["--json"], "convcalc: no such option: --json"),
        (["rf", "k3\nk5"], "k3"),
        (["shape", "-t", "a\x1b[31mb\nc"], "type: unknown convolution type"),
        (["shape", "-i", "3x7x7\x00"], "input: "),
        (["shape", "-i", "\udcff"], "input: "),
    ],
)
def test_refusals_are_one_line(arguments: list[str], message: str, refusal: Run) -> None:
    line = refusal(*arguments)
    assert line.startswith(message)
    assert line.isprintable()


@pytest.mark.parametrize("flags", [[], ["--json"], ["--explain"], ["--json", "--explain"]])
@pytest.mark.parametrize("command", ASKING)
def test_stdout_stays_empty_on_an_error(command: str, flags: list[str], refusal: Run) -> None:
    assert "the smallest input that fits is 5" in refusal(command, "-t", "ds", "-i", "3x4x9", "-k", "5", *flags)


@pytest.mark.parametrize(
    ("arguments", "length"),
    [
        (["shape", "-k", "3." * 50_000], 200),
        (["shape", "-p", "s" * 100_000], 250),
        (["cost", "--dtype", "f" * 100_000], 400),
        (["net", "resnet18", "--only", "a" * 100_000], 400),
        (["s" * 100_000], 250),
        (["shape", f"--{'s' * 100_000}"], 1100),
        (["rf", "k" * 100_000], 1100),
    ],
    ids=lambda words: " ".join(words)[:20] if isinstance(words, list) else "",
)
def test_what_was_received_is_shown_cut(arguments: list[str], length: int, refusal: Run) -> None:
    """A value at 80 characters, and a line that has it elsewhere in its middle."""
    line = refusal(*arguments)
    assert "..." in line
    assert len(line) < length


def test_an_enormous_number_is_refused_in_one_line(refusal: Run) -> None:
    assert refusal("shape", "-k", "9" * 5000) == "kernel: a number may have 100 digits, got 5000"


@pytest.mark.parametrize(
    "arguments",
    [
        ["rf", *[f"k1s{10**99}"] * 4, f"k1s{10**4}", "t:k5s3"],
        ["rf", *[f"k1s{10**99}"] * 50],
        ["rf", "t:k1s2", "k1s2p1"],
        ["rf", "t:k1s2", "k1s2p1", "--explain"],
        ["rf", "t:k1s2", "k1s2p1", "k3d2", "--explain", "--json"],
        ["cost", "-i", "x".join(["9" * 100] * 4), "-f", "9" * 100, "-k", "3", "--compare", "all", "--explain"],
        ["cost", "-t", "transposed", "-i", f"1x{10**99}", "-k", f"{10**99 - 1}", "-f", "1", "-s", "3"],
        ["shape", "-d", "9" * 100, "-p", "9" * 100],
        ["cost", "-p", "9" * 100, "--batch", "9" * 100, "--explain", "--json"],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_whatever_is_asked_is_answered_or_refused(arguments: list[str], capsys: Any) -> None:
    code = exit_code(arguments)
    printed = capsys.readouterr()
    if code:
        assert (code, printed.out, printed.err.count("\n")) == (2, "", 1)
        assert DEFECT not in printed.err
    else:
        assert printed.out


def test_nothing_is_written_into_the_error_stream_but_notes(capsys: Any) -> None:
    assert exit_code(["shape", "--json"]) == 0
    assert capsys.readouterr().err == ""


# Help


def help_of(command: str, output: Run) -> str:
    return output(command, "--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_starts_with_examples(command: str, output: Run) -> None:
    text = help_of(command, output)
    assert text.index("Examples:") < text.index("Usage:")
    assert f"  convcalc {command}" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "run"])
def test_every_example_of_the_help_runs(command: str, output: Run) -> None:
    examples = re.findall(r"^ +(convcalc .*)$", help_of(command, output), re.MULTILINE)
    examples = [example for example in examples if example.startswith(f"convcalc {command}")]
    assert len(examples) >= 2
    for example in examples:
        assert output(*shlex.split(example)[1:])


def test_the_top_help_groups_the_commands(output: Run) -> None:
    text = output("--help")
    headings = ["Ask about a layer:", "Prove it:", "Look up:"]
    assert [line for line in text.splitlines() if line in headings] == headings
    for command in COMMANDS:
        assert re.search(rf"^  {command}  +\w", text, re.MULTILINE), command
    assert output() == text
    assert output("-h") == text


@pytest.mark.parametrize("command", ASKING)
def test_help_names_every_shared_option(command: str, output: Run) -> None:
    text = help_of(command, output)
    for option in (
        "-t, --type", "-i, --input", "-k, --kernel", "-f, --filters, --out-channels", "-s, --stride", "-p, --padding",
        "-d, --dilation", "-g, --groups", "-m, --multiplier", "--mid-channels", "--output-padding", "--output-size",
        "--bias", "--batch", "--layout", "--explain", "--json",
    ):  # fmt: skip
        assert option in text, option


def test_both_names_of_the_filters(output: Run) -> None:
    assert output("shape", "--out-channels", "5", "--json") == output("shape", "-f", "5", "--json")


def test_the_version(output: Run) -> None:
    assert output("--version") == f"convcalc {__version__}\n"


def test_the_types_are_all_listed_with_a_formula(output: Run) -> None:
    _, *rows = (line.split("\t") for line in output("types").splitlines())
    assert [row[0] for row in rows] == [recipe.name for recipe in RECIPES]
    assert all(cell for row in rows for cell in (row[2], row[3]))


# As a process of its own


def process(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CONVCALC, *arguments], capture_output=True, text=True, timeout=60, check=False, **settings)


def test_exit_codes_and_streams_of_a_process() -> None:
    answered = process("shape", "--json")
    assert answered.returncode == 0
    assert json.loads(answered.stdout)["output"] == [128, 5, 5]
    refused = process("shape", "-i", "3x2x2")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(r"error: conv: height: .*; the smallest input that fits is 3\n", refused.stderr)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["shape"], ["cost", "--json"], ["--help"]])
def test_a_full_disk_is_exit_2(arguments: list[str]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*CONVCALC, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("error: output: could not be written, got No space left on device")
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_exit_141() -> None:
    with subprocess.Popen([*CONVCALC, "types"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as gone:
        assert gone.stdout is not None
        assert gone.stderr is not None
        gone.stdout.close()
        assert gone.wait(30) == 141
        assert "Traceback" not in gone.stderr.read()


def test_an_interrupt_is_exit_130(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt(arguments)

    monkeypatch.setattr("convcalc.cli.app.invoke", interrupted)
    assert exit_code(["shape"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_an_interrupted_process_is_exit_130() -> None:
    """Interrupted while it waits for a reader that does not read: the pipe is full long before the output ends."""
    layer = ["-i", f"64x{10**99}x{10**99}x{10**99}", "-f", "64"]
    with subprocess.Popen(
        [*CONVCALC, "cost", *layer, "--compare", "all", "--explain", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # Tests that a shell runs in the background ignore SIGINT, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as stuck:  # fmt: skip
        assert stuck.stdout is not None
        assert stuck.stderr is not None
        assert stuck.stdout.read(1) == b"{"
        stuck.send_signal(signal.SIGINT)
        assert stuck.wait(30) == 130
        assert stuck.stderr.read() == b"interrupted\n"


def test_closed_streams_leave_no_traceback() -> None:
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&-"):
        command = f"{shlex.join([*CONVCALC, 'shape'])} {closed}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr, closed
        assert DEFECT not in done.stderr, closed
        assert done.returncode in (0, 2), closed


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("arguments", [["cost", "--compare", "ds"], ["types"], ["shape", "-i", "3×", "-t", "√"]])
def test_any_encoding_of_the_terminal_will_do(encoding: str, arguments: list[str]) -> None:
    done = process(*arguments, env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}, encoding=encoding)
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if arguments[0] == "shape" else 0)


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["shape", "--json"], {"numpy", "rich", "pydantic"}),
        (["cost", "-t", "ds", "--json"], {"numpy", "rich", "pydantic"}),
        (["rf", "k3", "t:k4s2p1", "--json"], {"numpy", "rich", "pydantic"}),
        (["--version"], {"numpy", "rich", "pydantic"}),
        (["--help"], {"numpy", "rich", "pydantic"}),
        (["shape"], {"numpy", "rich", "pydantic"}),
    ],
)
def test_an_answer_imports_no_more_than_it_needs(arguments: list[str], unwanted: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "convcalc", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "convcalc" in imported
    assert not imported & unwanted


def completed(words: str, index: int) -> list[str]:
    environment = {
        **os.environ, "_CONVCALC_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(index),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "from convcalc.cli import main; main()"],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "index", "expected"),
    [
        ("convcalc shape -t de", 3, {"deconv", "depthwise", "depthwise-separable"}),
        ("convcalc cost --compare fl", 3, {"flattened"}),
        ("convcalc shape -t ", 3, set(BY_NAME)),
        ("convcalc s", 1, {"shape"}),
        ("convcalc shape -p s", 3, {"same", "same-lower"}),
    ],
)
def test_the_shell_completes_types_and_commands(words: str, index: int, expected: set[str]) -> None:
    assert set(completed(words, index)) == expected


def test_the_module_and_the_command_are_the_same() -> None:
    """`python -m convcalc` and the entry point answer alike."""
    by_entry = subprocess.run(
        [sys.executable, "-c", "from convcalc.cli import main; main()", "--version"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (by_entry.returncode, by_entry.stdout) == (0, process("--version").stdout)


def test_no_number_is_written_differently_in_two_places(output: Run) -> None:
    """The table that is piped, the JSON and the Python report: one and the same integers."""
    report = analyze("flattened", input=(5, 17, 19), kernel=(3, 7), filters=11, stride=(2, 3), padding=((0, 1), (2, 0)))
    layer = ["-t", "flattened", "-i", "5x17x19", "-k", "3x7", "-f", "11", "-s", "2x3", "-p", "0:1x2:0"]
    whole = json.loads(output("cost", *layer, "--json"))
    last = output("cost", *layer).splitlines()[-1].split("\t")
    written = [str(report.multiplications), str(report.additions), str(report.flops), str(report.parameters)]
    assert set(written) <= set(last)
    assert list(chain(written)) == [str(whole[k]) for k in ("multiplications", "additions", "flops", "parameters")]
