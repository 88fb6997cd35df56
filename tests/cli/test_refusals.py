"""What cannot be answered is refused: exit code 2, one line on stderr, nothing on stdout."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands import ASKING, DEFECT, Run, exit_code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shap"], "convcalc: no such command 'shap'; did you mean shape?"),
        (["receptive_field", "k3"], "convcalc: no such command 'receptive_field'; did you mean rf?"),
        (["FLOPs"], "convcalc: no such command 'FLOPs'; did you mean cost?"),
        (["cost", "--budget", "1M"], "cost: no such option: --budget; see 'convcalc cost --help'"),
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
        (["shape", "foo"], "foo: cannot read 'foo'; a layer is written like k3s2p1f64, max:k2, gap or fc10"),
        (["shape", "--json=yes"], "shape: "),
        (["shape", "--batch", ""], "batch: "),
        (["shape", "-t", ""], "type: "),
        (["shape", "--layout", ""], "layout: "),
        (["shape", "--layout", "NHCW"], "layout: must be channels-first or channels-last, got 'NHCW'"),
        (["cost", "--dtype", ""], "dtype: "),
        (["cost", "--dtype", "float8"], "dtype: unknown element type 'float8'; use one of float64"),
        (["rf", "k3", "-k", "3"], "rf: takes layer words or the options of one layer, got both"),
        (["rf", "k3", "-t", "dilated"], "rf: takes layer words or the options of one layer, got both"),
        (["rf", "k3q"], "k3q: cannot read 'q'"),
        (["rf", ""], ""),
        (
            ["types", "depthwise", "grouped"],
            "types: takes one type, got depthwise grouped; use convcalc types depthwise",
        ),
        (["cost", "-t", "spatially", "separable"], "cost: a type is one word, got 'spatially separable'; use -t spat"),
        (["--json"], "convcalc: no such option: --json"),
        (["rf", "k3\nq5"], "k3"),
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
    code = exit_code(*arguments)
    printed = capsys.readouterr()
    if code:
        assert (code, printed.out, printed.err.count("\n")) == (2, "", 1)
        assert DEFECT not in printed.err
    else:
        assert printed.out


def test_nothing_is_written_into_the_error_stream_but_notes(capsys: Any) -> None:
    assert exit_code("shape", "--json") == 0
    assert capsys.readouterr().err == ""
