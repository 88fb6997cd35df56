"""`convcalc cost --compare`: how types are asked for, and the table that they are shown in."""

from __future__ import annotations

import json

import pytest

from tests.commands import Run


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


@pytest.mark.parametrize("command", ["shape", "params", "cost"])
def test_a_type_alone_is_refused_with_what_would_work(command: str, refusal: Run) -> None:
    answered = (
        f"{command}: a type alone is no layer word, got 'flattened'; use -t flattened, or flattened:k3 after the input"
    )
    assert refusal(command, "flattened").startswith(answered)
