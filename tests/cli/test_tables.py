"""Tables: tab-separated in a pipe, whole numbers on a terminal of any width and encoding, colour by the rules."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from convcalc.recipes import RECIPES
from tests.cases import CASES, Case
from tests.commands import ASKING, CONVCALC, OnTerminal, Run, as_arguments, exit_code

HUGE = ["-i", f"4096x{10**20 + 7}x{10**21 + 9}x{10**22 + 11}", "-k", "7", "-p", "3", "-f", "4096"]
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


@pytest.mark.parametrize("width", [80, 120])
@EVERY_TABLE
def test_a_table_on_a_terminal_cuts_no_number(
    arguments: list[str], width: int, on_terminal: OnTerminal, output: Run
) -> None:
    header, *rows = (line.split("\t") for line in output(*arguments).splitlines())
    shown = "\n".join(on_terminal(width, *arguments))
    assert "…" not in shown
    squeezed = re.sub(r"\s", "", shown)
    [dropped] = re.findall(r"hidden to fit this terminal: ([^(]*) \(all columns", " ".join(shown.split())) or [""]
    for row in rows:
        for column, cell in zip(header, row, strict=True):
            written = f"{int(cell):,}" if cell.isdigit() else re.sub(r"\s", "", cell)
            if re.fullmatch(r"\d+\.\d+(e-?\d+)?", cell):
                written = f"{float(cell):.5g}"
            named = any(column in name for name in dropped.split(", ")) or column == "float32 bytes"  # a sum
            if "." not in cell and written and not named:
                assert written in squeezed, (column, cell)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ASKING)
def test_explanations_on_a_terminal_cut_no_number(
    command: str, width: int, on_terminal: OnTerminal, output: Run
) -> None:
    rows = json.loads(output(command, "-t", "ds", *HUGE, "--explain", "--json"))["explanations"]
    shown = on_terminal(width, command, "-t", "ds", *HUGE, "--explain", wrapped=True)
    squeezed = re.sub(r"\s", "", "".join(shown))
    for row in rows:
        if isinstance(row["result"], int):
            assert f"{row['result']:,}" in squeezed, row


def test_wide_tables_use_the_room_they_have(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert exit_code("cost", "-t", "ds") == 0
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
        assert exit_code(*arguments) == 0
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
