"""The width of a network: which numbers it scales, and to what."""

from __future__ import annotations

import pytest

from tests.readers.toml.networks import on_2x9x9, refused, report, shapes


def test_widths_go_to_multiples_and_spare_what_is_fixed() -> None:
    text = """
    input = "3x8x8"
    width_divisor = 8
    [[layers]]
    op = "conv"
    filters = 24
    kernel = 1
    [[layers]]
    op = "conv"
    filters = 100
    kernel = 1
    fixed_width = true
    [[layers]]
    op = "global_avg_pool"
    [[layers]]
    op = "linear"
    filters = 10
    """
    # 24 * 0.4 = 9.6 goes to 8, which is less than nine tenths of it, so 16 (Sandler et al. 2018, their code)
    assert [layer.output for layer in report(text, width=0.4).layers][:2] == [(16, 8, 8), (100, 8, 8)]
    assert report(text, width=0.4).output == (10,)
    assert report(text.replace("= true", "= false"), width=0.4).layers[1].output == (40, 8, 8)


def test_a_smallest_width_of_one_layer_holds_below_it() -> None:
    text = """
    input = "3x8x8"
    layers = [
        {op = "conv", filters = 10, kernel = 1, min_width = 1},
        {block = "b", filters = 20, min_width = 0.5},
    ]
    blocks = [{name = "b", layers = [{op = "pointwise", filters = "filters"}]}]
    """
    channels = [[layer.output[0] for layer in report(text, width=w).layers if layer.output] for w in (0.25, 1, 2)]
    assert channels == [[10, 10], [10, 20], [20, 40]]


def test_widths_are_exact() -> None:
    """100 * 0.29 in binary is less than 29."""
    text = 'input = "3x8x8"\n[[layers]]\nop = "conv"\nfilters = 100\nkernel = 1\n'
    assert [report(text, width=width).output for width in (0.29, 0.57)] == [(29, 8, 8), (57, 8, 8)]


def test_the_values_that_scale_may_be_in_a_block_within_another() -> None:
    text = """
    input = "3x8x8"
    width_scales = ["inner", "outer"]
    [[layers]]
    repeat = 2
    [[layers.layers]]
    block = "b"
    inner = 8
    [[blocks]]
    name = "b"
    outer = 6
    [[blocks.layers]]
    op = "pointwise"
    filters = "inner + outer"
    """
    assert report(text, width=0.5).output == (7, 8, 8)


def test_only_numbers_are_scaled_by_width_and_not_what_is_made_of_them() -> None:
    text = """
        width_scales = ["filters", "middle"]
        layers = [{name = "b", block = "b", filters = 8}]
        [[blocks]]
        name = "b"
        middle = "3*filters"
        layers = [
            {name = "in", op = "conv", filters = "middle", kernel = 1},
            {name = "out", op = "conv", filters = "filters", kernel = 1},
        ]
    """
    assert [shape[0] for _, _, shape in shapes(on_2x9x9(text, width=0.5))] == [12, 4]


WRONG = {
    "a fixed width that is text": (
        "[[layers]]\nop = 'conv'\nkernel = 1\nfilters = 3\nfixed_width = 'no'\n",
        "conv1: fixed_width: must be true or false, got 'no'",
    ),
    "a fixed width of a linear layer": (
        "[[layers]]\nop = 'linear'\nfilters = 3\nfixed_width = 'no'\n", "linear1: fixed_width: must be true or false"
    ),
    "a smallest width of 0": (
        "[[layers]]\nop = 'conv'\nkernel = 1\nfilters = 3\nmin_width = 0\n",
        "conv1: min_width: must be a number above 0, got 0$",
    ),
    "a smallest width of what is fixed": (
        "[[layers]]\nop = 'conv'\nkernel = 1\nfilters = 3\nmin_width = 1\nfixed_width = true\n",
        "conv1: min_width: belongs to a layer that scales, got fixed_width too; leave one out$",
    ),
    "a scale that is no value": (
        "width_scales = ['fliters']\n[[layers]]\nblock = 'b'\nwide = 4\n[[blocks]]\nname = 'b'\ndeep = 3\n"
        "[[blocks.layers]]\nop = '1x1'\nfilters = 'wide*deep'\n",
        "width_scales: no block has a value 'fliters'; did you mean filters[?] known: deep, filters, wide$",
    ),
    "a scale that is a number": (
        "width_scales = [3]\n[[layers]]\nop = 'relu'\n", r"width_scales: must be a list of names, got \[3\]$"
    ),
    "scales that are no list": (
        "width_scales = 'filters'\n[[layers]]\nop = 'relu'\n", "width_scales: must be a list of names, got 'filters'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_said_of_a_wrong_file(name: str) -> None:
    refused(*WRONG[name])
