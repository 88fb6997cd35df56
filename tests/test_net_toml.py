"""Networks in TOML: what blocks, branches and expressions mean, and what is said of files that are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convcalc.errors import ConvcalcError
from convcalc.graph.graph import Network
from convcalc.questions.report import NetworkReport, network_report
from convcalc.readers import load_network
from convcalc.readers.toml.document import network_from_toml

CONTRACT = """
name = "tiny"
input = "3x32x32"

[[layers]]
op = "conv"
filters = 16
kernel = 3
padding = 1

[[layers]]
name = "down"
op = "conv"
filters = 16
kernel = 3
padding = 1
bias = true

[[layers]]
op = "add"
from = ["conv1", "down"]
"""


def network(text: str, **options: object) -> Network:
    return network_from_toml(text.encode(), "net.toml", **options)  # type: ignore[arg-type]


def report(text: str, **options: object) -> NetworkReport:
    return network_report(network(text, **options))


def rows(text: str, **options: object) -> list[tuple[object, ...]]:
    return [(layer.name, layer.output, layer.multiplications) for layer in report(text, **options).layers]


def test_the_contract_s_example() -> None:
    answer = report(CONTRACT).to_dict()
    assert [layer["name"] for layer in answer["layers"]] == ["conv1", "down", "add1"]
    assert [layer["parameters"] for layer in answer["layers"]] == [3 * 16 * 9, 16 * 16 * 9 + 16, 0]
    assert [layer["inputs"] for layer in answer["layers"]] == [["input"], ["conv1"], ["conv1", "down"]]
    assert answer["totals"]["multiplications"] == 32 * 32 * (3 * 16 * 9 + 16 * 16 * 9)
    assert answer["output"] == [16, 32, 32]
    assert answer["receptive_field"] == {"size": [5, 5], "jump": [1, 1], "start": [-2, -2], "coverage": [5, 5]}
    assert answer["unsupported"] == []


def test_keys_are_read_as_the_options_are() -> None:
    text = """
    input = [4, 13, 17]
    [[layers]]
    op = "conv"
    filters = 6
    kernel = [3, 5]
    stride = [2, 3]
    padding = [[0, 1], [2, 0]]
    dilation = "1x2"
    groups = 2
    [[layers]]
    op = "transposed"
    out_channels = 5
    kernel = 4
    stride = 2
    padding = "same"
    [[layers]]
    op = "max_pool"
    kernel = 3
    stride = 2
    ceil_mode = true
    """
    # floor((13 + 1 - 3)/2) + 1 = 6 and floor((17 + 2 - 9)/3) + 1 = 4; then twice; then ceil((12 - 3)/2) + 1 = 6, and
    # ceil((8 - 3)/2) + 1 = 4
    assert rows(text) == [
        ("conv1", (6, 6, 4), 6 * 6 * 4 * 2 * 15),
        ("transposed1", (5, 12, 8), 6 * 4 * 6 * 5 * 16),
        ("max_pool1", (5, 6, 4), 0),
    ]


def test_a_type_of_several_stages_is_one_layer() -> None:
    [layer] = report('input = "5x9x9"\n[[layers]]\nop = "ds"\nfilters = 7\nkernel = 3\n').to_dict()["layers"]
    assert layer["op"] == "ds"
    assert layer["multiplications"] == 49 * (5 * 9 + 5 * 7)
    assert [stage["name"] for stage in layer["stages"]] == ["depthwise", "pointwise"]


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


def test_blocks_in_place_stand_between_the_layers_around_them() -> None:
    """A TOML parser gives the layers and the blocks apart; the order is that of the file."""
    text = """
    input = "3x32x32"
    notes = '''
    [[no table]]
    '''
    [[layers]]
    name = "stem"
    op = "conv"
    filters = 16
    kernel = 3
    padding = 1
    [[blocks]]
    repeat = 3
    [[blocks.layers]]
    op = "conv"
    filters = 16
    kernel = 3
    padding = 1
    [[blocks]]
    name = "apart"
    [[blocks.layers]]
    op = "relu"
    [[ "layers" ]]
    name = "head"
    op = "conv"
    filters = 64
    kernel = 1
    stride = 2
    [[layers]]
    block = "apart"
    """
    assert [name for name, *_ in rows(text)] == [
        "stem", "block1/1/conv1", "block1/2/conv1", "block1/3/conv1", "head", "apart1/relu1",
    ]  # fmt: skip
    assert report(text).parameters == 3 * 9 * 16 + 3 * 16 * 9 * 16 + 16 * 64
    assert report(text).output == (64, 16, 16)


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


def test_splits_shuffles_and_gates() -> None:
    text = """
    input = "6x10x8"
    [[layers]]
    name = "halves"
    op = "split"
    parts = 2
    [[layers]]
    op = "conv"
    filters = 3
    kernel = 3
    padding = 1
    [[layers]]
    op = "concat"
    from = ["halves/1", "conv1"]
    [[layers]]
    op = "channel_shuffle"
    groups = 2
    [[layers]]
    op = "global_avg_pool"
    [[layers]]
    op = "sigmoid"
    [[layers]]
    op = "multiply"
    from = ["channel_shuffle1", "sigmoid1"]
    [[layers]]
    op = "linear"
    filters = 4
    """
    answer = report(text)
    assert [(layer.name, layer.output) for layer in answer.layers] == [
        ("halves/1", (3, 10, 8)),
        ("halves/2", (3, 10, 8)),
        ("conv1", (3, 10, 8)),
        ("concat1", (6, 10, 8)),
        ("channel_shuffle1", (6, 10, 8)),
        ("global_avg_pool1", (6, 1, 1)),
        ("sigmoid1", (6, 1, 1)),
        ("multiply1", (6, 10, 8)),
        ("linear1", (4,)),
    ]
    sizes = {layer.name: [axis.size for axis in layer.receptive_field] for layer in answer.layers}
    assert sizes["concat1"] == [3, 3]
    assert sizes["global_avg_pool1"] == sizes["multiply1"] == sizes["linear1"] == [10, 8]


def test_crops_and_pads() -> None:
    text = """
    input = "1x12x12"
    [[layers]]
    name = "valid"
    op = "conv"
    filters = 2
    kernel = [4, 3]
    [[layers]]
    op = "crop"
    from = ["input", "valid"]
    [[layers]]
    op = "concat"
    from = ["valid", "crop1"]
    [[layers]]
    op = "pad"
    padding = "1:2x0"
    [[layers]]
    op = "crop"
    padding = 1
    """
    answer = report(text)
    assert [layer.output for layer in answer.layers] == [(2, 9, 10), (1, 9, 10), (3, 9, 10), (3, 12, 10), (3, 10, 8)]
    assert [axis.start for axis in answer.layers[1].receptive_field] == [1, 1]
    assert any("crop1" in note and "not aligned" in note for note in answer.notes)  # 3 pixels less leave no middle


def test_misaligned_arms_are_told() -> None:
    text = """
    input = "1x16x16"
    [[layers]]
    op = "conv"
    filters = 1
    kernel = 3
    padding = "0:2x1"
    [[layers]]
    op = "add"
    from = ["conv1", "input"]
    [[layers]]
    op = "conv"
    filters = 1
    kernel = 1
    """
    told = [note for note in report(text).notes if "aligned" in note]
    assert told == ["add1: its arms are not aligned along the height: output 0 is centred on 0 (input) and 1 (conv1)"]


def test_another_input_batch_and_width() -> None:
    assert report(CONTRACT, input=(3, 20, 24)).output == (16, 20, 24)
    assert report(CONTRACT, batch=3).multiplications == 3 * report(CONTRACT).multiplications
    half = report(CONTRACT, width=0.5)
    assert [layer.parameters for layer in half.layers] == [3 * 8 * 9, 8 * 8 * 9 + 8, 0]


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


def test_widths_are_exact() -> None:
    """100 * 0.29 in binary is less than 29."""
    text = 'input = "3x8x8"\n[[layers]]\nop = "conv"\nfilters = 100\nkernel = 1\n'
    assert [report(text, width=width).output for width in (0.29, 0.57)] == [(29, 8, 8), (57, 8, 8)]


def test_layers_without_spatial_axes() -> None:
    text = 'input = 784\n[[layers]]\nop = "linear"\nfilters = 10\nbias = true\n'
    answer = report(text).to_dict()
    assert (answer["output"], answer["totals"]["parameters"]) == ([10], 7850)
    assert answer["receptive_field"] == {"size": [], "jump": [], "start": [], "coverage": []}


WRONG = {
    "not toml": ("input = ", "net.toml: must be TOML"),
    "no input": ("[[layers]]\nop = 'relu'", "net.toml: input: must be given"),
    "no layers": ("input = '3x8x8'", "net.toml: layers: must have at least one layer"),
    "a key of the file": ("inputs = '3x8x8'", "net.toml: inputs: is not a key of the file; did you mean input?"),
    "layers as text": ("input = '3x8x8'\nlayers = 'conv'", r"layers: must be tables, written \[\[layers\]\]"),
    "a layer's key of a block": (
        "[[blocks]]\nname = 'b'\nwhen = false\n[[blocks.layers]]\nop = 'relu'\n[[layers]]\nblock = 'b'\n",
        "blocks/b: when: belongs to a layer, such as the one that uses the block",
    ),
    "corners of nearest": (
        "[[layers]]\nop = 'upsample'\nfactor = 2\nalign_corners = true\n",
        "upsample1: align_corners: is for the modes linear and cubic, got nearest",
    ),
    "an op": ("[[layers]]\nop = 'conf'\n", "net.toml: conf1: op: unknown op 'conf'; did you mean conv"),
    "no op": ("[[layers]]\nfilters = 3\n", "net.toml: layers 1: op: must be given, or block; docs/networks"),
    "a key for op": ("[[layers]]\nop = 'relu'\n[[layers]]\nopp = 'relu'\n", "net.toml: layers 2: op: must be given"),
    "an empty op": ("[[layers]]\nop = ''\n", "net.toml: layers 1: op: must be text, got ''"),
    "an op that is no text": ("[[layers]]\nop = 3\n", "net.toml: layers 1: op: must be text, got 3"),
    "an empty op with a name": ("[[layers]]\nname = 'a'\nop = ''\n", "net.toml: a: op: must be text, got ''"),
    "an empty name": ("[[layers]]\nname = ''\nop = 'relu'\n", "net.toml: layers 1: name: must be text, got ''"),
    "no op in a block": (
        "[[layers]]\nname = 'b'\n[[layers.layers]]\nop = 'relu'\n[[layers.layers]]\nfilters = 3\n",
        "net.toml: b/layers 2: op: must be given",
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
    "another network's elements": (
        "[[layers]]\nop = 'reshape'\nsize = '3x7x7'\n", "reshape1: size: must keep the elements, got 3x7x7 of 3x8x8$"
    ),
    "a crop of everything": (
        "[[layers]]\nop = 'crop'\npadding = 4\n",
        r"crop1: padding: what is cut off must leave at least one pixel, got 4 \+ 4 of 8$",
    ),
    "a crop to another number of axes": (
        "[[layers]]\nop = 'reshape'\nsize = '3x64'\n[[layers]]\nop = 'crop'\nfrom = ['input', 'reshape1']\n",
        "crop1: its inputs must have as many spatial axes, got 3x8x8 and 3x64$",
    ),
    "an upsampling to another number of axes": (
        "[[layers]]\nop = 'reshape'\nsize = '3x64'\n[[layers]]\nop = 'upsample'\nfrom = ['input', 'reshape1']\n",
        "upsample1: its inputs must have as many spatial axes, got 3x8x8 and 3x64$",
    ),
    "a factor that leaves nothing": (
        "[[layers]]\nop = 'upsample'\nfactor = [0.5, 0.1]\n",
        "upsample1: factor: must leave at least one pixel an axis, got 0.5x0.1 of 3x8x8$",
    ),
    "factors of other axes": (
        "[[layers]]\nop = 'upsample'\nfactor = [1.5, 2, 2]\n",
        r"upsample1: factor: takes one number for all axes or 2, above 0 and below 1000000, got \[1.5, 2, 2\]$",
    ),
    "a factor below 0": ("[[layers]]\nop = 'upsample'\nfactor = -1.5\n", "factor: takes one number .* above 0"),
    "a long name": (
        f"[[layers]]\nname = '{'n' * 100_000}'\nop = 'max_pool'\n", r"net.toml: n{77}\.\.\.: kernel: must be given"
    ),
    "a long expression": (
        f"[[layers]]\nop = 'relu'\nwhen = '{'1 + ' * 30_000}1'\n",
        r"relu1: cannot read '(1 \+ ){19}\.\.\.; an expression has whole numbers",
    ),
    "a key of a layer": (
        "[[layers]]\nop = 'conv'\nfilter = 3\n",
        "net.toml: conv1: filter: is not a key of conv; did you mean filters[?] known: .*kernel",
    ),
    "no kernel": ("[[layers]]\nop = 'conv'\nfilters = 3\n", "net.toml: conv1: kernel: must be given"),
    "no filters": ("[[layers]]\nop = 'conv'\nkernel = 3\n", "net.toml: conv1: filters: must be given"),
    "a value": ("[[layers]]\nop = 'conv'\nkernel = 3.5\nfilters = 2\n", "net.toml: conv1: kernel: must be a whole"),
    "groups": (
        "[[layers]]\nname = 'one'\nop = 'conv'\nkernel = 3\nfilters = 4\ngroups = 2\n",
        "net.toml: one: groups must divide in_channels, got groups=2 and in_channels=3",
    ),
    "a window too large": (
        "[[layers]]\nop = 'conv'\nkernel = 11\nfilters = 4\n",
        "net.toml: conv1: height: the window must fit the padded input",
    ),
    "a layer not there": (
        "[[layers]]\nop = 'relu'\nfrom = 'conf1'\n",
        "net.toml: relu1: from: no layer 'conf1' before this one; known: input",
    ),
    "one arm": ("[[layers]]\nop = 'add'\n", "net.toml: add1: from: add reads 2 or more layers, got 1"),
    "arms that disagree": (
        "[[layers]]\nop = 'conv'\nkernel = 3\nfilters = 4\n[[layers]]\nop = 'add'\nfrom = ['conv1', 'input']\n",
        "net.toml: add1: its inputs must have one shape, got 4x6x6 from conv1 and 3x8x8 from input",
    ),
    "arms that cannot be side by side": (
        "[[layers]]\nop = 'max_pool'\nkernel = 2\n[[layers]]\nop = 'concat'\nfrom = ['input', 'max_pool1']\n",
        "net.toml: concat1: its inputs may differ along one axis only, got 3x8x8 from input and 3x4x4 from max_pool1",
    ),
    "a name twice": (
        "[[layers]]\nname = 'a'\nop = 'relu'\n[[layers]]\nname = 'a'\nop = 'relu'\n",
        "net.toml: a: name: must be different from others here",
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
    "an expression that is a program": (
        "[[layers]]\nblock = 'b'\n[[blocks]]\nname = 'b'\n[[blocks.layers]]\nop = 'relu'\nwhen = 'open(channels)'\n",
        r"net.toml: b1/relu1: cannot work out 'open\(channels\)'",
    ),
    "a block of itself": (
        "[[layers]]\nblock = 'b'\n[[blocks]]\nname = 'b'\n[[blocks.layers]]\nblock = 'b'\n",
        "block: blocks may use one another 16 deep, got more",
    ),
    "too many layers": (
        "[[layers]]\nrepeat = 1000\n[[layers.layers]]\nrepeat = 1000\n[[layers.layers.layers]]\nop = 'relu'\n",
        "layers: a network may have 20000 layers",
    ),
    "a name outside of blocks": (
        "[[layers]]\nop = 'conv'\nkernel = 1\nfilters = '2*filters'\n",
        "conv1: filters: has no value for 'filters'; known here: none",
    ),
    "a condition that is a number": (
        "[[layers]]\nop = 'relu'\nwhen = 1\n", "relu1: when: must be true, false or an expression, got 1"
    ),
    "too many parts": (
        f"[[layers]]\nop = 'conv'\nkernel = 1\nfilters = {10**9}\n[[layers]]\nop = 'split'\nparts = {10**9}\n",
        "split1: parts: a network may have 20000 layers, got 1000000000 parts",
    ),
    "too many layers left out": (
        "[[layers]]\nrepeat = 1000\n[[layers.layers]]\nrepeat = 1000\n"
        "[[layers.layers.layers]]\nop = 'relu'\nwhen = '1 == 2'\n",
        "layers: a file may ask for 40000 layers, got more",
    ),
    "a fixed width that is text": (
        "[[layers]]\nop = 'conv'\nkernel = 1\nfilters = 3\nfixed_width = 'no'\n",
        "conv1: fixed_width: must be true or false, got 'no'",
    ),
    "a block's fixed width that is a number": (
        "[[layers]]\nname = 'b1'\nfixed_width = 1\n[[layers.layers]]\nop = 'relu'\n",
        "b1: fixed_width: must be true or false, got 1",
    ),
    "a fixed width of a linear layer": (
        "[[layers]]\nop = 'linear'\nfilters = 3\nfixed_width = 'no'\n", "linear1: fixed_width: must be true or false"
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
    "too many repetitions": (
        "[[layers]]\nrepeat = 1000000\n[[layers.layers]]\nop = 'relu'\n", "repeat: must be at most 20000, got 1000000"
    ),
    "text calculated with": (
        "[[layers]]\nblock = 'b'\nskip = 'input'\n[[blocks]]\nname = 'b'\n[[blocks.layers]]\nop = 'pointwise'\n"
        "filters = '9999999999*skip'\n",
        "only whole numbers can be calculated with",
    ),
    "an axis that there is not": (
        "[[layers]]\nop = 'concat'\nfrom = ['input', 'input']\naxis = 3\n",
        "concat1: axis: must be from 0, the channels, to 2",
    ),
    "a number beyond floats": (
        f"[[layers]]\nop = 'elu'\nalpha = {10**400}\n", "elu1: alpha: must be a number that a float holds, got 1000"
    ),
    "alpha that is none": ("[[layers]]\nop = 'elu'\nalpha = nan\n", "elu1: alpha: must be a number that a float"),
    "one layer too many": (
        "[[layers]]\nop = 'relu'\nfrom = ['input', 'input']\n",
        "relu1: from: relu reads 1 layer, got 2; leave the others",
    ),
    "the input's name": ("[[layers]]\nname = 'input'\nop = 'relu'\n", "input: name: must be another than input"),
    "a name that is no text": ("name = 3\n[[layers]]\nop = 'relu'\n", "net.toml: name: must be text, got 3"),
    "a split of a remainder": ("[[layers]]\nop = 'split'\nparts = 2\n", "split1: parts: must divide the channels"),
    "a pool's padding": (
        "[[layers]]\nop = 'max_pool'\nkernel = 3\npadding = 2\n", "max_pool1: padding of a pool is at most half"
    ),
    "a truth value": (
        "[[layers]]\nop = 'conv'\nkernel = 1\nfilters = 1\nbias = 1\n", "conv1: bias: must be true or false, got 1"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_said_of_a_wrong_file(name: str) -> None:
    text, message = WRONG[name]
    if "layers]]" in text and "input = '" not in text and name != "no input":
        text = f"input = '3x8x8'\n{text}"
    with pytest.raises(ConvcalcError, match=message) as error:
        network(text)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, message in [("missing.toml", "no such file"), ("", "a directory"), ("empty.toml", "from 1 to")]:
        (tmp_path / "empty.toml").touch()
        (tmp_path / "folder.toml").mkdir(exist_ok=True)
        with pytest.raises(ConvcalcError, match=message):
            load_network(str(tmp_path / (path or "folder.toml")))
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    with pytest.raises(ConvcalcError, match="must have from 1 to 1048576 bytes, got more"):
        load_network(str(tmp_path / "endless.toml"))
    (tmp_path / "dots.toml").write_text("a" + 50_000 * ".a" + " = 1")
    with pytest.raises(ConvcalcError, match="a key may have 1000 dots, got 50000"):
        load_network(str(tmp_path / "dots.toml"))
    with pytest.raises(ConvcalcError, match=r"must be a \.toml or \.onnx file or a network of the zoo"):
        load_network("resnet5000")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ReLU", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("Conv2d", "conv"),
        ("ConvTranspose2d", "transposed"),
        ("MaxPool", "max_pool"),
        ("AdaptiveAvgPool3d", "adaptive_avg_pool"),
        ("BatchNorm", "batch_norm"),
        ("GroupNorm", "group_norm"),
        ("HardSwish", "hard_swish"),
        ("Linear", "linear"),
        ("Flaten", "flatten"),
    ],
)
def test_another_library_s_name_of_an_op(written: str, meant: str) -> None:
    with pytest.raises(ConvcalcError) as error:
        network(f'input = "3x8x8"\n[[layers]]\nop = "{written}"\n')
    told = str(error.value)
    assert told.startswith(f"net.toml: {written}1: op: unknown op '{written}'; did you mean {meant}? docs/networks.md")
    assert len(told) < 220


def test_a_byte_order_mark_says_nothing() -> None:
    assert network_from_toml(b"\xef\xbb\xbf" + CONTRACT.encode(), "net.toml").name == "tiny"


def test_the_ending_of_a_name_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "T.TOML").write_text(CONTRACT)
    assert load_network(str(tmp_path / "T.TOML")).name == "tiny"
    with pytest.raises(ConvcalcError, match="width: scales the filters of a TOML file"):
        load_network("M.Onnx", width=2)


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


def test_a_layer_is_left_out_by_false_or_a_false_expression() -> None:
    text = 'input = "3x8x8"\n' + "".join(
        f'[[layers]]\nop = "relu"\nwhen = {when}\n' for when in ("false", "true", '"1 == 2"', '"2 > 1"')
    )
    assert [row[0] for row in rows(text)] == ["relu2", "relu4"]


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


def test_a_note_does_not_list_thousands_of_layers() -> None:
    [note, *_] = network('input = "99x4x4"\n[[layers]]\nop = "split"\nparts = 99\n').notes
    assert note == f"unused outputs: {', '.join(f'split1/{i}' for i in range(1, 21))} and 78 more"


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


def test_default_names_are_those_that_nobody_has() -> None:
    text = (
        'input = "3x8x8"\n' + '[[layers]]\nop = "relu"\n' * 60 + '[[layers]]\nop = "relu6"\n[[layers]]\nop = "relu"\n'
    )
    assert [row[0] for row in rows(text)][-3:] == ["relu60", "relu61", "relu62"]
    text = (
        'input = "3x8x8"\n[[layers]]\nop = "relu"\n[[layers]]\nop = "relu"\n[[layers]]\nname = "relu2"\nop = "relu"\n'
    )
    assert [row[0] for row in rows(text)] == ["relu1", "relu3", "relu2"]


@pytest.mark.parametrize(("size", "batch"), [("64x64x64", 1), ("64x64x64", 2), ("6x5x7", 3)])
def test_features_gate_the_channels_of_a_map(size: str, batch: int) -> None:
    channels = int(size.split("x")[0])
    text = f"""
    input = "{size}"
    [[layers]]
    op = "global_avg_pool"
    [[layers]]
    op = "linear"
    filters = {channels}
    [[layers]]
    op = "multiply"
    from = ["input", "linear1"]
    """
    gated = report(text, batch=batch).layers[-1]
    assert "x".join(map(str, gated.output or ())) == size
    assert [axis.size for axis in gated.receptive_field] == [int(n) for n in size.split("x")[1:]]


def test_features_of_another_number_are_no_gate() -> None:
    """Seven features on a map of five channels and seven pixels a row."""
    text = (
        'input = "5x4x7"\n[[layers]]\nop = "linear"\nfilters = 7\n[[layers]]\nop = "add"\nfrom = ["input", "linear1"]\n'
    )
    with pytest.raises(ConvcalcError, match="must have one shape, got 5x4x7 from input and 7x1x1 from linear1"):
        network(text)
