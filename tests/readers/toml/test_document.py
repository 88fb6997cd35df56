"""Files in TOML: the order of layers and blocks, names, branches, and what is said of files that are wrong."""

from __future__ import annotations

import pytest

from convcalc.errors import ConvcalcError
from convcalc.readers.toml.document import network_from_toml
from tests.readers.toml.networks import CONTRACT, network, refused, report, rows


def test_the_contract_s_example() -> None:
    answer = report(CONTRACT).to_dict()
    assert [layer["name"] for layer in answer["layers"]] == ["conv1", "down", "add1"]
    assert [layer["parameters"] for layer in answer["layers"]] == [3 * 16 * 9, 16 * 16 * 9 + 16, 0]
    assert [layer["inputs"] for layer in answer["layers"]] == [["input"], ["conv1"], ["conv1", "down"]]
    assert answer["totals"]["multiplications"] == 32 * 32 * (3 * 16 * 9 + 16 * 16 * 9)
    assert answer["output"] == [16, 32, 32]
    assert answer["receptive_field"] == {"size": [5, 5], "jump": [1, 1], "start": [-2, -2], "coverage": [5, 5]}
    assert answer["unsupported"] == []


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


CAUSAL = {
    "a word": '{name = "c", op = "conv", filters = 8, kernel = 3, dilation = 2, padding = "causal"}',
    "cut off": """{op = "conv", filters = 8, kernel = 3, dilation = 2, padding = 4},
                  {name = "c", op = "crop", padding = [[0, 4]]}""",
    "padded before": """{op = "pad", padding = [[4, 0]]},
                        {name = "c", op = "conv", filters = 8, kernel = 3, dilation = 2}""",
}


@pytest.mark.parametrize("case", CAUSAL)
def test_causal_branches_are_aligned_on_their_newest_sample(case: str) -> None:
    """As in WaveNet and TCNs; not beside a branch that looks ahead, nor beside one whose newest sample is another."""
    text = f'input = "8x64"\nlayers = [{CAUSAL[case]}, %s {{name = "add", op = "add", from = ["c", "%s"]}}]'
    ahead = '{name = "d", op = "conv", from = "input", filters = 8, kernel = 3, padding = 1},'
    late = '{op = "pad", from = "input", padding = [[3, 0]]}, {name = "d", op = "crop", padding = [[0, 3]]},'
    answers = [report(text % given) for given in (("", "input"), (ahead, "d"), (late, "d"))]
    notes = [[note for note in answer.notes if "misaligned" in note] for answer in answers]
    assert notes == [
        [],
        ["add: branches misaligned along length: output 0 is centred on 0 for d, -2 for c"],
        ["add: branches misaligned along length: output 0 is centred on -3 for d, -2 for c"],
    ]


def test_strided_causal_branches_are_aligned_too() -> None:
    text = """
    input = "8x64"
    layers = [
        {name = "down", op = "conv", filters = 8, kernel = 4, stride = 2, padding = [[2, 0]]},
        {name = "c", op = "conv", filters = 8, kernel = 3, padding = "causal"},
        {op = "add", from = ["c", "down"]},
    ]
    """
    assert not [note for note in report(text).notes if "misaligned" in note]


def test_a_pool_beside_a_convolution_is_half_a_pixel_off() -> None:
    """Both read pixels 0 and 1 last, but nothing there is causal (He et al. 2019, Bag of Tricks, ResNet-D)."""
    text = """
    input = "8x64x64"
    layers = [
        {name = "c", op = "conv", filters = 8, kernel = 3, stride = 2, padding = 1},
        {name = "d", op = "avg_pool", from = "input", kernel = 2, stride = 2},
        {name = "add", op = "add", from = ["c", "d"]},
    ]
    """
    [note] = [note for note in report(text).notes if "misaligned" in note]
    assert note == "add: branches misaligned along height: output 0 is centred on 0.5 for d, 0 for c"


def test_misaligned_branches_are_told() -> None:
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
    answered = [note for note in report(text).notes if "aligned" in note]
    assert answered == ["add1: branches misaligned along height: output 0 is centred on 0 for input, 1 for conv1"]


def test_another_input_batch_and_width() -> None:
    assert report(CONTRACT, input=(3, 20, 24)).output == (16, 20, 24)
    assert report(CONTRACT, batch=3).multiplications == 3 * report(CONTRACT).multiplications
    half = report(CONTRACT, width=0.5)
    assert [layer.parameters for layer in half.layers] == [3 * 8 * 9, 8 * 8 * 9 + 8, 0]


def test_layers_without_spatial_axes() -> None:
    text = 'input = 784\n[[layers]]\nop = "linear"\nfilters = 10\nbias = true\n'
    answer = report(text).to_dict()
    assert (answer["output"], answer["totals"]["parameters"]) == ([10], 7850)
    assert answer["receptive_field"] == {"size": [], "jump": [], "start": [], "coverage": []}


WRONG = {
    "not toml": ("input = ", "net.toml: must be TOML"),
    "no layers": ("input = '3x8x8'", "net.toml: layers: must have at least one layer"),
    "a key of the file": ("inputs = '3x8x8'", "net.toml: inputs: is not a key of the file; did you mean input?"),
    "layers as text": ("input = '3x8x8'\nlayers = 'conv'", r"layers: must be tables, written \[\[layers\]\]"),
    "no op": ("[[layers]]\nfilters = 3\n", "net.toml: layers 1: op: must be given, or block; docs/networks"),
    "a key for op": ("[[layers]]\nop = 'relu'\n[[layers]]\nopp = 'relu'\n", "net.toml: layers 2: op: must be given"),
    "an empty op": ("[[layers]]\nop = ''\n", "net.toml: layers 1: op: must be text, got ''"),
    "an op that is no text": ("[[layers]]\nop = 3\n", "net.toml: layers 1: op: must be text, got 3"),
    "an empty op with a name": ("[[layers]]\nname = 'a'\nop = ''\n", "net.toml: a: op: must be text, got ''"),
    "an empty name": ("[[layers]]\nname = ''\nop = 'relu'\n", "net.toml: layers 1: name: must be text, got ''"),
    "a long name": (
        f"[[layers]]\nname = '{'n' * 100_000}'\nop = 'max_pool'\n", r"net.toml: n{77}\.\.\.: kernel: must be given"
    ),
    "a name twice": (
        "[[layers]]\nname = 'a'\nop = 'relu'\n[[layers]]\nname = 'a'\nop = 'relu'\n",
        "net.toml: a: name: must be different from others here",
    ),
    "too many layers": (
        "[[layers]]\nrepeat = 1000\n[[layers.layers]]\nrepeat = 1000\n[[layers.layers.layers]]\nop = 'relu'\n",
        "layers: a network may have 20000 layers",
    ),
    "a condition that is a number": (
        "[[layers]]\nop = 'relu'\nwhen = 1\n", "relu1: when: must be true, false or an expression, got 1"
    ),
    "too many layers left out": (
        "[[layers]]\nrepeat = 1000\n[[layers.layers]]\nrepeat = 1000\n"
        "[[layers.layers.layers]]\nop = 'relu'\nwhen = '1 == 2'\n",
        "layers: a file may ask for 40000 layers, got more",
    ),
    "the input's name": ("[[layers]]\nname = 'input'\nop = 'relu'\n", "input: name: must be another than input"),
    "a name that is no text": ("name = 3\n[[layers]]\nop = 'relu'\n", "net.toml: name: must be text, got 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_said_of_a_wrong_file(name: str) -> None:
    refused(*WRONG[name])


def test_no_input() -> None:
    with pytest.raises(ConvcalcError, match=r"net\.toml: input: must be given"):
        network("[[layers]]\nop = 'relu'")


def test_a_byte_order_mark_says_nothing() -> None:
    assert network_from_toml(b"\xef\xbb\xbf" + CONTRACT.encode(), "net.toml").name == "tiny"


def test_a_layer_is_left_out_by_false_or_a_false_expression() -> None:
    text = 'input = "3x8x8"\n' + "".join(
        f'[[layers]]\nop = "relu"\nwhen = {when}\n' for when in ("false", "true", '"1 == 2"', '"2 > 1"')
    )
    assert [row[0] for row in rows(text)] == ["relu2", "relu4"]


def test_a_note_does_not_list_thousands_of_layers() -> None:
    [note, *_] = network('input = "99x4x4"\n[[layers]]\nop = "split"\nparts = 99\n').notes
    assert note == f"unused outputs: {', '.join(f'split1/{i}' for i in range(1, 21))} and 78 more"


def test_default_names_are_those_that_nobody_has() -> None:
    text = (
        'input = "3x8x8"\n' + '[[layers]]\nop = "relu"\n' * 60 + '[[layers]]\nop = "relu6"\n[[layers]]\nop = "relu"\n'
    )
    assert [row[0] for row in rows(text)][-3:] == ["relu60", "relu61", "relu62"]
    text = (
        'input = "3x8x8"\n[[layers]]\nop = "relu"\n[[layers]]\nop = "relu"\n[[layers]]\nname = "relu2"\nop = "relu"\n'
    )
    assert [row[0] for row in rows(text)] == ["relu1", "relu3", "relu2"]
