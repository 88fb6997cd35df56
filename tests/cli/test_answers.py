"""An answer can be taken in at once: few notes, about what is shown, and tables that fit a terminal of 80 columns."""

from __future__ import annotations

import pytest

from tests.commands import OnTerminal, Run

ROW = ("3x224x224", "k7s2p3f64", "max:k3s2p1", "ds:k3p1f128", "gap", "fc1000")
LAYER = ("-i", "16x8x8", "-k", "4", "-s", "2", "-p", "1", "-f", "8")
ORDINARY = [
    *((command, *ROW) for command in ("shape", "params", "cost", "rf")),
    *((command, *LAYER, "-t", type) for command in ("shape", "params", "cost", "rf") for type in ("2d", "t")),
    ("cost", *LAYER, "--compare", "dilated"),
    ("rf", "k3", "k3d2"),
]


def notes(lines: list[str]) -> list[str]:
    """The lines from the first note on; no cell of a table has a colon and a space."""
    return lines[next((i for i, line in enumerate(lines) if ": " in line), len(lines)) :]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("arguments", ORDINARY, ids=" ".join)
def test_at_most_three_lines_are_below_an_answer(
    arguments: tuple[str, ...], width: int, on_terminal: OnTerminal
) -> None:
    below = notes(on_terminal(width, *arguments))
    assert len(below) <= 3, below


def test_a_note_on_a_count_is_there_if_the_count_is(on_terminal: OnTerminal) -> None:
    """At 80 columns there is no room for effective; a plain convolution has no zero-inserted multiplications."""
    narrow, wide = ("\n".join(on_terminal(width, "cost", *ROW)) for width in (80, 120))
    assert ("effective: only" in narrow, "effective: only" in wide) == (False, True)
    for text in (narrow, wide):
        assert "zero-inserted" not in text
        assert text.count("padding zeros") == 1
    assert "zero-inserted: as a plain" in "\n".join(on_terminal(80, "cost", "-t", "t", *LAYER))


def test_the_rules_in_full_are_said_once_with_the_working_out(on_terminal: OnTerminal) -> None:
    brief, full = (" ".join(on_terminal(100, "cost", *LAYER, *more)) for more in ([], ["--explain"]))
    assert "one less than its products" not in brief
    assert full.count("one less than its products") == full.count("padding zeros included") == 1


def test_types_left_out_are_named_and_explained_on_request(on_terminal: OnTerminal) -> None:
    """Two groups do not divide three channels; kernel 1 keeps a size of 7."""
    asked = ("cost", "--compare", "all")
    brief = "\n".join(on_terminal(120, *asked))
    assert "left out: pointwise, transposed, grouped, pointwise-grouped, shuffled-grouped" in brief
    assert "groups must divide" not in brief
    full = " ".join(on_terminal(120, *asked, "--explain"))
    assert "grouped is left out: groups must divide in_channels, got groups=2 and in_channels=3" in full
    assert "pointwise is left out: it gives 128x7x7, not 128x5x5" in full


@pytest.mark.parametrize("command", ["shape", "params", "cost", "rf"])
def test_a_row_of_six_stages_is_a_table_at_80_columns(command: str, on_terminal: OnTerminal) -> None:
    shown = on_terminal(80, command, *ROW)
    rule = next(i for i, line in enumerate(shown) if set(line) == {"─"})
    names = [line for line in shown[rule + 1 : len(shown) - len(notes(shown))] if line and line[0] != " "]
    assert len(names) == 5 if command == "rf" else 6 + (command != "shape")


def test_geometry_that_is_everywhere_the_default_is_told_once(on_terminal: OnTerminal, output: Run) -> None:
    shown = on_terminal(80, "shape", "3x9x9", "k3f4", "relu", "k3p1s2f4", "gap")
    heading = next(line for line in shown if line.startswith("stage"))
    assert heading.split() == ["stage", "input", "kernel", "stride", "padding", "output"]
    assert shown[-1] == "at their defaults: dilation 1, groups 1"
    header = output("shape", "3x9x9", "k3f4", "relu", "k3p1s2f4", "gap").splitlines()[0]
    assert header.split("\t")[3:7] == ["stride", "padding", "dilation", "groups"]
    assert not any("defaults" in line for line in on_terminal(80, "shape", "3x9x9", "relu", "gap"))


def test_bytes_are_told_by_name(on_terminal: OnTerminal, output: Run) -> None:
    """16 channels of 8x8, 16·8·4·4 weights and 8 biases, 8 channels of 16x16, two bytes each."""
    asked = ("cost", "-t", "t", *LAYER, "--bias", "--dtype", "fp16")
    expected = {"input bytes": 2048, "weight bytes": 2 * (2048 + 8), "output bytes": 4096}
    header, row = (line.split("\t") for line in output(*asked).splitlines())
    cells = dict(zip(header, row, strict=True))
    assert {name: int(cells[name]) for name in expected} == expected
    shown = on_terminal(80, *asked)
    for name, value in expected.items():
        assert any(line.split() == [*name.split(), f"{value:,}"] for line in shown)
    assert "bytes: float16, weights with biases" in " ".join(shown)
    assert "biases" not in " ".join(on_terminal(80, "cost", *LAYER))


def test_rf_says_what_its_columns_are(on_terminal: OnTerminal) -> None:
    text = " ".join(on_terminal(80, "rf", "k3", "k3d2"))
    for name in ("size", "jump", "start", "coverage"):
        assert f"{name}: " in text
    assert "output" not in next(line for line in on_terminal(80, "rf", "k3") if line.startswith("layer"))


def test_few_stages_show_all_counts_one_below_the_other(on_terminal: OnTerminal) -> None:
    """16·9 and 16·32 weights and 32·16·16 transposed ones, at every one of 8x8 positions."""
    shown = on_terminal(80, "cost", "16x8x8", "ds:k3p1f32", "t:k4s2p1f16")
    weights = (144, 512, 8192)
    expected = ["multiplications", *(f"{64 * count:,}" for count in (*weights, sum(weights)))]
    assert expected in [line.split() for line in shown]
    assert ["activations", "1,024", "2,048", "4,096", "7,168"] in [line.split() for line in shown]
    assert "padding zeros included (transposed: each input value" in " ".join(shown)
    assert not any(line.startswith("hidden") for line in shown)


def test_a_comparison_has_ratios_as_formulas_only_if_there_are_any(on_terminal: OnTerminal, output: Run) -> None:
    layer, row = ("cost", *LAYER, "--compare", "ds"), ("cost", *ROW, "--compare", "ds")
    assert any("1/N + 1/k²" in line for line in on_terminal(80, *layer))
    assert not any("formula" in line for line in on_terminal(80, *row))
    assert output(*row).splitlines()[0].endswith("\tratio as a formula")


@pytest.mark.parametrize("width", [60, 80])
def test_a_source_too_long_for_its_line_is_below_it(width: int, on_terminal: OnTerminal) -> None:
    shown = on_terminal(width, "rf", "t:k4s2p1", "--explain")
    working_out = shown[shown.index("") + 2 :]  # after the name of the layer
    assert all(line.startswith("  ") for line in working_out)
    assert "      the positions that one output reads, one by one" in working_out
