"""Blocks: the values that they are given, work out and pass on, and the names that their layers see."""

from __future__ import annotations

import re
from time import process_time

import pytest

from convcalc.errors import ConvcalcError, NotationError
from tests.readers.toml.networks import network, on_2x9x9, refused, rows, shapes

BLOCK = """
input = "8x16x16"

[[blocks]]
name = "residual"
expand = 3
[[blocks.layers]]
name = "wide"
op = "pointwise"
filters = "expand*channels"
[[blocks.layers]]
op = "dw"
kernel = 3
stride = "stride"
padding = 1
[[blocks.layers]]
name = "narrow"
op = "pointwise"
filters = "filters"
[[blocks.layers]]
op = "add"
from = ["narrow", "input"]
when = "stride == 1 and channels == filters"

[[layers]]
block = "residual"
name = "stage"
filters = 12
stride = 2
repeat = 2

[[layers]]
block = "residual"
filters = 12
expand = 2

[[layers]]
op = "concat"
from = ["stage", "residual2", "stage/1"]
"""


def test_blocks_take_values_and_stride_belongs_to_the_first_repetition() -> None:
    assert rows(BLOCK) == [
        ("stage/1/wide", (24, 16, 16), 256 * 8 * 24),
        ("stage/1/dw1", (24, 8, 8), 64 * 24 * 9),
        ("stage/1/narrow", (12, 8, 8), 64 * 24 * 12),
        ("stage/2/wide", (36, 8, 8), 64 * 12 * 36),
        ("stage/2/dw1", (36, 8, 8), 64 * 36 * 9),
        ("stage/2/narrow", (12, 8, 8), 64 * 36 * 12),
        ("stage/2/add1", (12, 8, 8), 0),
        ("residual2/wide", (24, 8, 8), 64 * 12 * 24),
        ("residual2/dw1", (24, 8, 8), 64 * 24 * 9),
        ("residual2/narrow", (12, 8, 8), 64 * 24 * 12),
        ("residual2/add1", (12, 8, 8), 0),
        ("concat1", (36, 8, 8), 0),
    ]


def test_a_block_without_expressions_takes_filters_and_stride_from_its_use() -> None:
    text = """
    input = "3x12x12"
    [[blocks]]
    name = "basic"
    repeat = 2
    [[blocks.layers]]
    op = "conv"
    kernel = 3
    padding = 1
    [[blocks.layers]]
    op = "relu"
    [[blocks.layers]]
    op = "conv"
    kernel = 1
    [[layers]]
    block = "basic"
    filters = 5
    stride = 2
    """
    assert [row[1] for row in rows(text)] == [(5, 6, 6)] * 6


def test_a_block_in_place_needs_no_name() -> None:
    text = """
    input = "2x8x8"
    [[blocks]]
    repeat = 3
    [[blocks.layers]]
    op = "conv"
    filters = 2
    kernel = 3
    [[layers]]
    repeat = 2
    [[layers.layers]]
    op = "avg_pool"
    kernel = 2
    stride = 1
    padding = 1
    """
    assert [row[:2] for row in rows(text)] == [
        ("block1/1/conv1", (2, 6, 6)),
        ("block1/2/conv1", (2, 4, 4)),
        ("block1/3/conv1", (2, 2, 2)),
        ("block2/1/avg_pool1", (2, 3, 3)),
        ("block2/2/avg_pool1", (2, 4, 4)),
    ]


def test_a_block_may_read_a_layer_outside_by_a_value() -> None:
    text = """
    input = "4x8x8"
    [[blocks]]
    name = "up"
    [[blocks.layers]]
    op = "upsample"
    factor = 2
    [[blocks.layers]]
    op = "concat"
    from = ["upsample1", "skip"]
    [[layers]]
    name = "first"
    op = "conv"
    filters = 3
    kernel = 1
    [[layers]]
    op = "max_pool"
    kernel = 2
    [[layers]]
    block = "up"
    skip = "first"
    """
    assert rows(text)[-1][:2] == ("up1/concat1", (6, 8, 8))


def test_a_blocks_own_values_are_worked_out_anew_in_every_repetition_in_their_order() -> None:
    net = on_2x9x9("""
        layers = [{name = "b", block = "grow", repeat = 3}]
        [[blocks]]
        name = "grow"
        half = "channels + index"
        whole = "2*half"
        layers = [{name = "c", op = "conv", filters = "whole", kernel = 1}]
    """)
    assert [shape[0] for _, _, shape in shapes(net)] == [2 * (2 + 1), 2 * (6 + 2), 2 * (16 + 3)]


def test_what_a_layer_tells_a_block_comes_before_the_blocks_own_value() -> None:
    block = """
        [[blocks]]
        name = "b"
        filters = "3*channels"
        stride = 2
        layers = [{name = "c", op = "conv", filters = "filters", kernel = 1, stride = "stride"}]
    """
    default = on_2x9x9('layers = [{name = "u", block = "b", repeat = 2}]' + block)
    assert shapes(default) == [("u/1/c", "conv", (6, 5, 5)), ("u/2/c", "conv", (18, 5, 5))]  # stride 1 the second time
    answered = on_2x9x9('layers = [{name = "u", block = "b", filters = 7, stride = 3}]' + block)
    assert shapes(answered) == [("u/c", "conv", (7, 3, 3))]


def test_an_op_may_be_a_value_of_the_block() -> None:
    text = """
        layers = [
            {name = "one", block = "b", activation = "relu"},
            {name = "two", block = "b", activation = "hard_swish"},
        ]
        [[blocks]]
        name = "b"
        layers = [{name = "a", op = "activation"}]
    """
    assert [(name, op) for name, op, _ in shapes(on_2x9x9(text))] == [("one/a", "relu"), ("two/a", "hard_swish")]
    with pytest.raises(NotationError, match="two/a: op: unknown op 'hard_swosh'; did you mean hard_swish"):
        on_2x9x9(text.replace("hard_swish", "hard_swosh"))


def used(layers: str, use: str) -> str:
    """A network of one block with these layers, and one use of it."""
    blocks = "".join(f"[[blocks.layers]]\n{layer}\n" for layer in layers.split("|"))
    return f'input = "8x16x16"\n[[layers]]\nblock = "b"\n{use}\n[[blocks]]\nname = "b"\n{blocks}'


CONV = 'op = "conv"\nkernel = 3\npadding = 1\n'


def test_a_use_s_filters_and_stride_take_the_place_of_the_block_s_own() -> None:
    text = used(f"{CONV}filters = 16\nstride = 1|{CONV}out_channels = 16", "filters = 32\nstride = 2\nrepeat = 2")
    assert [row[1] for row in rows(text)] == [(32, 8, 8)] * 4


def test_what_is_written_for_one_layer_stays_where_others_lack_theirs() -> None:
    """A squeeze of a quarter, a layer of four, and one that is left to the use."""
    text = used(f'{CONV}filters = "channels//4"|{CONV}filters = 4|{CONV}', "filters = 32")
    assert [row[1] for row in rows(text)] == [(2, 16, 16), (4, 16, 16), (32, 16, 16)]


def test_the_stride_goes_to_the_first_window_of_every_arm() -> None:
    """The shortcut reads the block's input, after a normalization; the second 3x3 has a window behind it already."""
    shortcut = 'name = "norm"\nfrom = "input"\nop = "batch_norm"|name = "short"\nop = "conv"\nkernel = 1'
    text = used(
        f'{CONV}|{CONV}name = "main"|{shortcut}|op = "add"\nfrom = ["main", "short"]', "filters = 4\nstride = 2"
    )
    assert [row[1][1:] for row in rows(text)] == [(8, 8), (8, 8), (16, 16), (8, 8), (8, 8)]


@pytest.mark.parametrize(
    ("layers", "use", "message"),
    [
        (
            f"{CONV}filters = 4|{CONV}filters = 16",
            "filters = 8",
            "b1: filters: the block's layers have 4 and 16, which",
        ),
        ('op = "relu"', "filters = 8", 'b1: filters: no layer of the block takes it; write filters = "filters" in'),
        ('op = "relu"', "stride = 2", 'b1: stride: no layer of the block takes it; write stride = "stride" in the one'),
    ],
)
def test_values_that_nothing_takes_are_told(layers: str, use: str, message: str) -> None:
    with pytest.raises(ConvcalcError, match=re.escape(message)):
        network(used(layers, use))


WRONG = {
    "a layer's key of a block": (
        "[[blocks]]\nname = 'b'\nwhen = false\n[[blocks.layers]]\nop = 'relu'\n[[layers]]\nblock = 'b'\n",
        "blocks/b: when: belongs to a layer, such as the one that uses the block",
    ),
    "no op in a block": (
        "[[layers]]\nname = 'b'\n[[layers.layers]]\nop = 'relu'\n[[layers.layers]]\nfilters = 3\n",
        "net.toml: b/layers 2: op: must be given",
    ),
    "a block not there": ("[[layers]]\nblock = 'x'\n", "net.toml: x1: block: unknown block 'x'; known: none"),
    "a block's value": (
        "[[layers]]\nblock = 'b'\nwidth = 2\n[[blocks]]\nname = 'b'\n[[blocks.layers]]\nop = 'relu'\n",
        "net.toml: b1: width: is not a value of this block; its values: filters, stride",
    ),
    "a name without a value": (
        "[[layers]]\nblock = 'b'\n[[blocks]]\nname = 'b'\n[[blocks.layers]]\nop = 'conv'\nkernel = 1\n"
        "filters = '2*width'\n",
        "net.toml: b1/conv1: filters: has no value for 'width'; known here: channels, index, stride",
    ),
    "a block of itself": (
        "[[layers]]\nblock = 'b'\n[[blocks]]\nname = 'b'\n[[blocks.layers]]\nblock = 'b'\n",
        "block: blocks may use one another 16 deep, got more",
    ),
    "a block's fixed width that is a number": (
        "[[layers]]\nname = 'b1'\nfixed_width = 1\n[[layers.layers]]\nop = 'relu'\n",
        "b1: fixed_width: must be true or false, got 1",
    ),
    "too many repetitions": (
        "[[layers]]\nrepeat = 1000000\n[[layers.layers]]\nop = 'relu'\n", "repeat: must be at most 20000, got 1000000"
    ),
    "a split by its name": (
        "[[layers]]\nname = 'a'\nop = 'split'\nparts = 3\n[[layers]]\nop = 'relu'\nfrom = 'a'\n",
        "net.toml: relu1: from: a is a split, of which the parts are read: a/1, a/2, a/3$",
    ),
    "a name among many": (
        "".join(f"[[layers]]\nname = 'n{i}'\nop = 'relu'\n" for i in range(100))
        + "[[layers]]\nop = 'relu'\nfrom = 'n9x'\n",
        r"relu101: from: no layer 'n9x' before this one; did you mean n9\? known: n9(, n9\d){7}, \.\.\.$",
    ),
    "a layer not there": (
        "[[layers]]\nop = 'relu'\nfrom = 'conf1'\n",
        "net.toml: relu1: from: no layer 'conf1' before this one; known: input",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_said_of_a_wrong_file(name: str) -> None:
    refused(*WRONG[name])


def test_what_goes_where_in_the_example_of_implicit_values() -> None:
    """The block in the docstring of ImplicitValues, used twice in a row."""
    layers = (
        'op = "batch_norm"|op = "conv"\nkernel = 3\npadding = 1|name = "main"\nop = "conv"\nkernel = 3\npadding = 1'
        '|name = "short"\nop = "conv"\nkernel = 1\nfrom = "input"'
    )
    assert rows(used(layers, "filters = 32\nstride = 2\nrepeat = 2")) == [
        ("b1/1/batch_norm1", (8, 16, 16), 0),
        ("b1/1/conv1", (32, 8, 8), 64 * 8 * 32 * 9),
        ("b1/1/main", (32, 8, 8), 64 * 32 * 32 * 9),
        ("b1/1/short", (32, 8, 8), 64 * 8 * 32),
        ("b1/2/batch_norm1", (32, 8, 8), 0),
        ("b1/2/conv1", (32, 8, 8), 64 * 32 * 32 * 9),
        ("b1/2/main", (32, 8, 8), 64 * 32 * 32 * 9),
        ("b1/2/short", (32, 8, 8), 64 * 32 * 32),
    ]


def test_a_stride_stays_before_the_first_window_of_the_next_repetition() -> None:
    """Every repetition has a first window of its own, which gets 1 instead of the number that is written there."""
    text = used('op = "conv"\nkernel = 1\nstride = 3|op = "conv"\nkernel = 1', "filters = 4\nstride = 2\nrepeat = 2")
    assert [row[1] for row in rows(text)] == [(4, 8, 8)] * 4


def test_thousands_of_uses_of_a_block_with_thousands_of_values() -> None:
    """Uses that repeat it 0 times cost the same whatever the block has: 100 seconds if every use copied its values."""
    values = "".join(f"v{i} = 1\n" for i in range(15_000))
    text = (
        f'input = "3x8x8"\n[[blocks]]\nname = "b"\n{values}layers = [{{op = "relu"}}]\n[[layers]]\nop = "relu"\n'
        + '[[layers]]\nblock = "b"\nrepeat = 0\n' * 8_000
    )
    before = process_time()
    assert len(network(text).layers) == 1
    assert process_time() - before < 30


def test_layers_in_place_may_be_left_out_by_a_value_of_the_block_around() -> None:
    text = """
        [[blocks]]
        name = "b"
        expand = 1
        layers = [{name = "e", when = "expand > 1", layers = [{op = "relu"}]}, {op = "tanh"}]
        [[layers]]
        block = "b"
        [[layers]]
        block = "b"
        expand = 2
    """
    assert [name for name, _, _ in shapes(on_2x9x9(text))] == ["b1/tanh1", "b2/e/relu1", "b2/tanh1"]


def test_a_value_in_pairs_of_a_padding_is_one_of_the_block() -> None:
    text = """
        [[blocks]]
        name = "b"
        layers = [{op = "depthwise", kernel = 3, padding = [["p", 0], [1, "p"]]}]
        [[layers]]
        block = "b"
        p = 2
    """
    assert shapes(on_2x9x9(text)) == [("b1/depthwise1", "depthwise", (2, 9, 10))]
