"""The ops of a file: their keys, and what they become on the shapes that reach them."""

from __future__ import annotations

import pytest

from convcalc.errors import ConvcalcError, NotationError, ShapeError
from convcalc.graph import primitives
from convcalc.readers.toml.ops import lower
from tests.readers.toml.networks import network, refused, report, rows


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
    assert any("crop1" in note and "misaligned" in note for note in answer.notes)  # 3 pixels less leave no middle


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("AdaptiveAvgPool3d", "adaptive_avg_pool"),
        ("GroupNorm", "group_norm"),
        ("Linear", "linear"),
        ("Flaten", "flatten"),
    ],
)
def test_another_library_s_name_of_an_op(written: str, meant: str) -> None:
    with pytest.raises(ConvcalcError) as error:
        network(f'input = "3x8x8"\n[[layers]]\nop = "{written}"\n')
    message = str(error.value)
    assert message.startswith(
        f"net.toml: {written}1: op: unknown op '{written}'; did you mean {meant}? docs/networks.md"
    )
    assert len(message) < 220


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("Conv2d", "filters = 5, kernel_size = 3, padding = 'SAME_UPPER', padding_mode = 'zeros', in_channels = 3"),
        ("Conv2D", "filters = 5, kernel = 3, padding = 'same'"),
        ("ConvTranspose2d", "filters = 5, kernel_size = 3"),
        ("deconvolution", "filters = 5, kernel = 3"),
        ("DepthwiseConv2D", "kernel = 3, padding = 'VALID'"),
        ("MaxPool2d", "kernel_size = 2"),
        ("avgpool", "kernel = 2"),
        ("ReLU", ""),
        ("LeakyReLU", ""),
        ("BatchNorm", ""),
        ("HardSwish", ""),
        ("gap", ""),
    ],
)
def test_everyday_spellings_of_ops_and_keys(written: str, keys: str) -> None:
    ours = {
        "Conv2d": "2d", "Conv2D": "2d", "ConvTranspose2d": "transposed", "deconvolution": "transposed",
        "DepthwiseConv2D": "depthwise", "MaxPool2d": "max_pool", "avgpool": "avg_pool", "ReLU": "relu",
        "LeakyReLU": "leaky_relu", "BatchNorm": "batch_norm", "HardSwish": "hard_swish", "gap": "global_avg_pool",
    }[written]  # fmt: skip
    plain = keys.replace("kernel_size", "kernel").replace("SAME_UPPER", "same").replace("VALID", "valid")
    plain = plain.replace(", padding_mode = 'zeros', in_channels = 3", "")
    first, second = (
        report("\n".join(['input = "3x8x8"', "[[layers]]", f"op = '{op}'", *filter(None, rest.split(", "))])).layers[0]
        for op, rest in ((written, keys), (ours, plain))
    )
    assert first.output == second.output
    assert (first.parameters, first.multiplications) == (second.parameters, second.multiplications)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("kernel = 3, kernel_size = 3", "kernel_size: is another name for kernel, got both"),
        ("kernel = 3, in_channels = 4", "in-channels: must be the input's, got 4 and 3 channels"),
        ("kernel = 3, padding_mode = 'mirror'", "padding-mode: must be one of zeros, reflect, replicate, circular"),
    ],
)
def test_keys_that_contradict(keys: str, message: str) -> None:
    with pytest.raises(ConvcalcError, match=message):
        network("\n".join(['input = "3x8x8"', "[[layers]]", 'op = "Conv2d"', "filters = 5", *keys.split(", ")]))


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
    """Seven features on a map of five channels and seven pixels per row."""
    text = (
        'input = "5x4x7"\n[[layers]]\nop = "linear"\nfilters = 7\n[[layers]]\nop = "add"\nfrom = ["input", "linear1"]\n'
    )
    with pytest.raises(ConvcalcError, match="must have one shape, got 5x4x7 from input and 7x1x1 from linear1"):
        network(text)


WRONG = {
    "a mode that is a list": (
        "[[layers]]\nop = 'pad'\npadding = 1\nmode = ['zeros']\n",
        r"pad1: mode: must be one of zeros, reflect, replicate, circular, got \['zeros'\]$",
    ),
    "corners of nearest": (
        "[[layers]]\nop = 'upsample'\nfactor = 2\nalign_corners = true\n",
        "upsample1: align_corners: is for the modes linear and cubic, got nearest",
    ),
    "an op": ("[[layers]]\nop = 'conf'\n", "net.toml: conf1: op: unknown op 'conf'; did you mean conv"),
    "another network's elements": (
        "[[layers]]\nop = 'reshape'\nsize = '3x7x7'\n", "reshape1: size: must keep the elements, got 3x7x7 of 3x8x8$"
    ),
    "a crop of everything": (
        "[[layers]]\nop = 'crop'\npadding = 4\n",
        r"crop1: padding: what is cut off must leave at least one pixel, got 4 \+ 4 of 8$",
    ),
    "a crop to another number of axes": (
        "[[layers]]\nop = 'reshape'\nsize = '3x64'\n[[layers]]\nop = 'crop'\nfrom = ['input', 'reshape1']\n",
        "crop1: its inputs must have the same number of axes, got 3x8x8 and 3x64$",
    ),
    "an upsampling to another number of axes": (
        "[[layers]]\nop = 'reshape'\nsize = '3x64'\n[[layers]]\nop = 'upsample'\nfrom = ['input', 'reshape1']\n",
        "upsample1: its inputs must have the same number of axes, got 3x8x8 and 3x64$",
    ),
    "a factor that leaves nothing": (
        "[[layers]]\nop = 'upsample'\nfactor = [0.5, 0.1]\n",
        "upsample1: factor: must leave at least one pixel per axis, got 0.5x0.1 of 3x8x8$",
    ),
    "factors of other axes": (
        "[[layers]]\nop = 'upsample'\nfactor = [1.5, 2, 2]\n",
        r"upsample1: factor: takes one number for all axes or 2, above 0 and below 1000000, got \[1.5, 2, 2\]$",
    ),
    "a factor below 0": ("[[layers]]\nop = 'upsample'\nfactor = -1.5\n", "factor: takes one number .* above 0"),
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
    "one branch": ("[[layers]]\nop = 'add'\n", "net.toml: add1: from: add reads 2 or more layers, got 1"),
    "branches that disagree": (
        "[[layers]]\nop = 'conv'\nkernel = 3\nfilters = 4\n[[layers]]\nop = 'add'\nfrom = ['conv1', 'input']\n",
        "net.toml: add1: its inputs must have one shape, got 4x6x6 from conv1 and 3x8x8 from input",
    ),
    "branches that cannot be side by side": (
        "[[layers]]\nop = 'max_pool'\nkernel = 2\n[[layers]]\nop = 'concat'\nfrom = ['input', 'max_pool1']\n",
        "net.toml: concat1: its inputs may differ along one axis only, got 3x8x8 from input and 3x4x4 from max_pool1",
    ),
    "too many parts": (
        f"[[layers]]\nop = 'conv'\nkernel = 1\nfilters = {10**9}\n[[layers]]\nop = 'split'\nparts = {10**9}\n",
        "split1: parts: a network may have 20000 layers, got 1000000000 parts",
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
    refused(*WRONG[name])


def test_ops_are_lowered_without_a_file() -> None:
    assert lower("dense", {"out_features": 5}, [(2, 7)]) == [("", primitives.Linear(7, 5, bias=False))]
    assert lower("split", {"sizes": [2, 3]}, [(1, 5, 4)]) == [
        ("/1", primitives.Slice(1, 0, 2)),
        ("/2", primitives.Slice(1, 2, 3)),
    ]
    assert lower("crop", {}, [(1, 3, 9, 8), (1, 4, 6, 8)]) == [("", primitives.Pad(((0, 0), (0, 0), (-1, -2), (0, 0))))]


@pytest.mark.parametrize(
    ("op", "keys", "shapes", "error", "message"),
    [
        ("conf", {}, [(1, 3, 8)], NotationError, "op: unknown op 'conf'; did you mean conv"),
        ("relu", {"bias": True}, [(1, 3, 8)], NotationError, "bias: is not a key of relu; known: none"),
        ("add", {}, [(1, 3, 8)], NotationError, "from: add reads 2 or more layers, got 1"),
        ("gob", {}, [(1, 3, 8)], NotationError, "op: unknown op 'gob'"),
        ("max_pool", {"kernel": 2}, [(1, 3)], ShapeError, "takes channels and 1 to 3 spatial axes, got 3"),
    ],
)
def test_messages_without_a_file(
    op: str, keys: dict[str, object], shapes: list[tuple[int, ...]], error: type[ConvcalcError], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        lower(op, keys, shapes)
