"""Help: examples that run, commands in groups, every option named; the version and the list of types."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from convcalc import __version__
from convcalc.recipes import RECIPES
from tests.commands import ASKING, COMMANDS, Run


def help_of(command: str, output: Run) -> str:
    return output(command, "--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_starts_with_examples(command: str, output: Run) -> None:
    text = help_of(command, output)
    assert text.index("Examples:") < text.index("Usage:")
    assert f"  convcalc {command}" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "run"])
def test_every_example_of_the_help_runs(
    command: str, output: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command == "probe":
        monkeypatch.chdir(tmp_path)  # it writes files
    examples = re.findall(r"^ +(convcalc .*)$", help_of(command, output), re.MULTILINE)
    examples = [example for example in examples if example.startswith(f"convcalc {command}")]
    assert len(examples) >= 2
    for example in examples:
        assert output(*shlex.split(example)[1:])


@pytest.mark.parametrize(
    ("command", "takes"),
    [
        ("shape", "[SIZE] [LAYER]..."), ("tile", "[SIZE] [LAYER]... | MODEL"), ("lint", "[SIZE] [LAYER]... | MODEL"),
        ("stream", "[SIZE] [LAYER]... | MODEL"), ("why", "[MESSAGE] [SIZE] [LAYER]... | MODEL"),
        ("solve", "[LAYER]... | MODEL"), ("net", "[MODEL]..."), ("run", "INPUT KERNEL..."),
    ],
)  # fmt: skip
def test_the_usage_says_what_a_command_takes(command: str, takes: str, output: Run) -> None:
    assert f"Usage: convcalc {command} [OPTIONS] {takes}\n" in help_of(command, output)


def test_the_top_help_groups_the_commands(output: Run) -> None:
    text = output("--help")
    headings = [
        "Ask about a layer or a row of layers:", "Ask about a network:", "Work backwards:", "Prove it:", "Look up:",
    ]  # fmt: skip
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


@pytest.mark.parametrize("words", [("depthwise", "separable"), ("Pointwise", "Grouped"), ("shuffled grouped",)])
def test_a_type_may_be_told_in_two_words(words: tuple[str, ...], output: Run) -> None:
    assert output("types", *words) == output("types", "-".join(words).lower().replace(" ", "-"))


def test_the_types_are_all_listed_with_a_formula(output: Run) -> None:
    _, *rows = (line.split("\t") for line in output("types").splitlines())
    assert [row[0] for row in rows] == [recipe.name for recipe in RECIPES]
    assert all(cell for row in rows for cell in (row[2], row[3]))
