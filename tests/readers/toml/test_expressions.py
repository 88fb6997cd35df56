"""Arithmetic in values: what is an expression, and what cannot be worked out."""

from __future__ import annotations

import pytest

from convcalc.errors import NotationError
from tests.readers.toml.networks import on_2x9x9, refused, report, rows, shapes


def test_layers_outside_of_blocks_calculate_too() -> None:
    text = """
    input = "4x9x9"
    [[layers]]
    op = "conv"
    filters = "4*8"
    kernel = ["1 + 2", 5]
    padding = "same-lower"
    [[layers]]
    op = "conv"
    filters = "24"
    kernel = "1x3"
    [[layers]]
    repeat = "3 // 2"
    [[layers.layers]]
    op = "relu"
    """
    assert [row[:2] for row in rows(text)] == [
        ("conv1", (32, 9, 9)),
        ("conv2", (24, 9, 7)),
        ("block1/relu1", (24, 9, 7)),
    ]
    assert [row[1][0] for row in rows(text, width=0.25)] == [8, 6, 6]


def test_words_and_names_of_layers_are_no_expressions() -> None:
    """Also where a block hands them on to another: a padding with a hyphen, a type, a layer with its path."""
    text = """
    input = "6x8x8"
    [[layers]]
    name = "first"
    repeat = 2
    [[layers.layers]]
    op = "pointwise"
    filters = 6
    [[layers]]
    name = "last"
    block = "outer"
    skip = "first/1/pointwise1"
    [[blocks]]
    name = "outer"
    [[blocks.layers]]
    block = "inner"
    pad = "same-lower"
    kind = "depthwise-separable"
    skip = "skip"
    [[blocks]]
    name = "inner"
    [[blocks.layers]]
    op = "kind"
    kernel = 4
    filters = 6
    padding = "pad"
    [[blocks.layers]]
    op = "add"
    from = ["kind1", "skip"]
    """
    answer = report(text).to_dict()["layers"]
    assert answer[-1]["inputs"] == ["last/inner1/kind1", "first/1/pointwise1"]
    assert answer[-1]["output"] == [6, 8, 8]
    assert answer[-2]["stages"][0]["padding"] == [[2, 1], [2, 1]]


@pytest.mark.parametrize(
    ("value", "result"),
    [(18, 24), (30, 32), (120, 120), (168, 168), (1, 8), (12, 16), (13, 16), (19, 24), (20, 24)],
)
def test_divisible_never_loses_more_than_a_tenth(value: int, result: int) -> None:
    text = f"""
        layers = [{{name = "b", block = "b", value = {value}}}]
        [[blocks]]
        name = "b"
        layers = [{{name = "c", op = "conv", filters = "divisible(value, 8)", kernel = 1}}]
    """
    assert shapes(on_2x9x9(text))[0][2][0] == result


def test_divisible_by_nothing_is_refused() -> None:
    text = """
        layers = [{name = "b", block = "b"}]
        [[blocks]]
        name = "b"
        layers = [{name = "c", op = "conv", filters = "divisible(channels, 0)", kernel = 1}]
    """
    with pytest.raises(NotationError, match=r"b/c: filters: cannot work out 'divisible\(channels, 0\)'"):
        on_2x9x9(text)


WRONG = {
    "a long expression": (
        f"[[layers]]\nop = 'relu'\nwhen = '{'1 + ' * 30_000}1'\n",
        r"relu1: cannot read '(1 \+ ){19}\.\.\.; an expression has whole numbers",
    ),
    "an expression that is a program": (
        "[[layers]]\nblock = 'b'\n[[blocks]]\nname = 'b'\n[[blocks.layers]]\nop = 'relu'\nwhen = 'open(channels)'\n",
        r"net.toml: b1/relu1: cannot work out 'open\(channels\)'",
    ),
    "a name outside of blocks": (
        "[[layers]]\nop = 'conv'\nkernel = 1\nfilters = '2*filters'\n",
        "conv1: filters: has no value for 'filters'; known here: none",
    ),
    "text calculated with": (
        "[[layers]]\nblock = 'b'\nskip = 'input'\n[[blocks]]\nname = 'b'\n[[blocks.layers]]\nop = 'pointwise'\n"
        "filters = '9999999999*skip'\n",
        "only whole numbers can be calculated with",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_said_of_a_wrong_file(name: str) -> None:
    refused(*WRONG[name])
