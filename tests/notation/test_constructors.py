"""Pasted constructors: read as PyTorch and Keras mean them, and never executed."""

from __future__ import annotations

import ast
from pathlib import Path
from random import Random
from typing import Any

import pytest

import convcalc.notation
from convcalc.errors import NotationError, one_line
from convcalc.notation import parse_axes, parse_words
from convcalc.readers.toml.ops import OPS
from convcalc.recipes import BY_NAME

torch_nn: Any
try:
    import torch.nn as torch_nn
except ImportError:
    torch_nn = None


def read(text: str) -> tuple[str, dict[str, Any], int | None]:
    [layer] = parse_words([text], ())
    assert layer.text == text
    return layer.op, dict(layer.values), layer.dims


C = {"bias": True}


@pytest.mark.parametrize(
    ("text", "op", "dims", "values"),
    [
        ("Conv2d(3, 64, 7, stride=2, padding=3)", "standard", 2,
         {"in_channels": 3, "filters": 64, "kernel": 7, "stride": 2, "padding": 3, **C}),
        ("nn.Conv2d(3, 64, (7, 5), (2, 1), (3, 2), 1, 1, False)", "standard", 2,
         {"in_channels": 3, "filters": 64, "kernel": (7, 5), "stride": (2, 1), "padding": (3, 2), "dilation": 1,
          "groups": 1, "bias": False}),
        ("torch.nn.Conv1d(1, 8, 3, padding='same', dilation=2)", "standard", 1,
         {"in_channels": 1, "filters": 8, "kernel": 3, "padding": "same", "dilation": 2, **C}),
        ("Conv3d(1, 8, [3, 3, 5])", "standard", 3, {"in_channels": 1, "filters": 8, "kernel": (3, 3, 5), **C}),
        ("nn.LazyConv2d(64, 3)", "standard", 2, {"filters": 64, "kernel": 3, **C}),
        ("nn.ConvTranspose2d(64, 32, 4, 2, 1)", "transposed", 2,
         {"in_channels": 64, "filters": 32, "kernel": 4, "stride": 2, "padding": 1, **C}),
        ("nn.ConvTranspose2d(64, 32, 3, 2, 1, 1, 2, False, 3)", "transposed", 2,
         {"in_channels": 64, "filters": 32, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1, "groups": 2,
          "bias": False, "dilation": 3}),
        ("MaxPool2d(3, 2, 1, ceil_mode=True)", "max_pool", 2,
         {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
        ("MaxPool2d(3)", "max_pool", 2, {"kernel": 3, "stride": 3}),
        ("MaxPool2d(kernel_size=(3, 2), stride=None)", "max_pool", 2, {"kernel": (3, 2), "stride": (3, 2)}),
        ("MaxPool1d(3, 2, 1, 2, True, True)", "max_pool", 1,
         {"kernel": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}),
        ("AvgPool2d(3, 2, 1, True, False)", "avg_pool", 2,
         {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
        ("AdaptiveAvgPool2d(1)", "global_avg_pool", 2, {}),
        ("AdaptiveAvgPool2d((1, 1))", "global_avg_pool", 2, {}),
        ("AdaptiveAvgPool2d(output_size=(1, 1))", "global_avg_pool", 2, {}),
        ("AdaptiveMaxPool1d(1)", "global_max_pool", 1, {}),
        ("AdaptiveAvgPool2d((7, 1))", "adaptive_avg_pool", 2, {"output_size": (7, 1)}),
        ("Linear(512, 1000)", "linear", None, {"in_features": 512, "filters": 1000, "bias": True}),
        ("Linear(in_features=512, out_features=1000, bias=False)", "linear", None,
         {"in_features": 512, "filters": 1000, "bias": False}),
        ("BatchNorm2d(64)", "batch_norm", 2, {"in_channels": 64}),
        ("BatchNorm1d(64)", "batch_norm", None, {"in_channels": 64}),
        ("BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=False, track_running_stats=True)", "batch_norm", 2,
         {"in_channels": 64, "affine": False}),
        ("GroupNorm(32, 64)", "group_norm", None, {"groups": 32, "in_channels": 64}),
        ("LayerNorm((64,))", "layer_norm", None, {"size": (64,)}),
        ("nn.LayerNorm([3, 8, 9])", "layer_norm", None, {"size": (3, 8, 9)}),
        ("nn.ZeroPad2d(1)", "pad", 2, {"padding": [[1, 1], [1, 1]]}),
        ("nn.ZeroPad2d((1, 2, 3, 4))", "pad", 2, {"padding": [[3, 4], [1, 2]]}),
        ("nn.ReflectionPad1d((3, 1))", "pad", 1, {"padding": [[3, 1]], "mode": "reflect"}),
        ("nn.ConstantPad3d(2, 0.5)", "pad", 3, {"padding": [[2, 2]] * 3}),
        ("ZeroPadding2D(((1, 2), (3, 4)))", "pad", 2, {"padding": [[1, 2], [3, 4]]}),
        ("ZeroPadding2D((1, 2))", "pad", 2, {"padding": [[1, 1], [2, 2]]}),
        ("ZeroPadding1D((1, 2))", "pad", 1, {"padding": [[1, 2]]}),
        ("nn.PixelShuffle(2)", "pixel_shuffle", None, {"factor": 2}),
        ("nn.PixelUnshuffle(downscale_factor=3)", "pixel_unshuffle", None, {"factor": 3}),
        ("nn.Conv2d(3, 64, 3, padding='SAME')", "standard", 2,
         {"in_channels": 3, "filters": 64, "kernel": 3, "padding": "same", **C}),
        ("BatchNormalization(scale=False)", "batch_norm", None, {"scale": False}),
        ("BatchNormalization(center=False)", "batch_norm", None, {"shift": False}),
        ("ReLU()", "relu", None, {}),
        ("nn.ReLU(inplace=True)", "relu", None, {}),
        ("nn.LeakyReLU(0.2)", "leaky_relu", None, {}),
        ("PReLU()", "prelu", None, {}),
        ("PReLU(64)", "prelu", None, {"in_channels": 64, "per_channel": True}),
        ("Dropout(0.5)", "dropout", None, {}),
        ("Dropout2d(p=0.5)", "dropout", None, {}),
        ("Flatten()", "flatten", None, {}),
        ("nn.Softmax(dim=1)", "softmax", None, {}),
        ("nn.Identity()", "identity", None, {}),
        ("Upsample(scale_factor=2)", "upsample", None, {"factor": 2}),
        ("Upsample(scale_factor=(2.0, 1.5), mode='bilinear', align_corners=False)", "upsample", None,
         {"factor": (2, 1.5), "mode": "bilinear"}),
        ("Upsample(size=(8, 8), mode='nearest-exact')", "upsample", None, {"size": (8, 8)}),
        ("UpsamplingBilinear2d(scale_factor=2)", "upsample", None,
         {"factor": 2, "mode": "bilinear", "align_corners": True}),
        ("ChannelShuffle(3)", "channel_shuffle", None, {"groups": 3}),
        # Keras
        ("layers.Conv2D(64, 7, strides=2, padding='same')", "standard", 2,
         {"filters": 64, "kernel": 7, "stride": 2, "padding": "same", **C}),
        ("keras.layers.Conv2D(64, (3, 5), (2, 1), 'VALID', None, (1, 1), 2, 'relu', False)", "standard", 2,
         {"filters": 64, "kernel": (3, 5), "stride": (2, 1), "padding": "valid", "dilation": (1, 1), "groups": 2,
          "bias": False}),
        ("tf.keras.layers.Conv1D(8, 3, padding='causal', dilation_rate=4)", "standard", 1,
         {"filters": 8, "kernel": 3, "padding": "causal", "dilation": 4, **C}),
        ("Conv2DTranspose(32, 4, 2, 'same')", "transposed", 2,
         {"filters": 32, "kernel": 4, "stride": 2, "padding": "same", **C}),
        ("Conv2DTranspose(32, 3, 2)", "transposed", 2,
         {"filters": 32, "kernel": 3, "stride": 2, "padding": "valid", **C}),
        ("Conv1DTranspose(32, 2, 5)", "transposed", 1,
         {"filters": 32, "kernel": 2, "stride": 5, "padding": "valid", "output_padding": (3,), **C}),
        ("Conv2DTranspose(8, (2, 4), (3, 1))", "transposed", 2,
         {"filters": 8, "kernel": (2, 4), "stride": (3, 1), "padding": "valid", "output_padding": (1, 0), **C}),
        ("Conv2DTranspose(32, 3, 2, output_padding=1)", "transposed", 2,
         {"filters": 32, "kernel": 3, "stride": 2, "padding": "valid", "output_padding": (1, 1), **C}),
        ("SeparableConv2D(64, 3, use_bias=False)", "depthwise-separable", 2,
         {"filters": 64, "kernel": 3, "padding": "valid", "bias": False}),
        ("DepthwiseConv2D(3, depth_multiplier=2)", "depthwise", 2,
         {"kernel": 3, "multiplier": 2, "padding": "valid", **C}),
        ("MaxPooling2D()", "max_pool", 2, {"kernel": 2, "stride": 2, "padding": "valid"}),
        ("MaxPooling2D(pool_size=3, strides=2, padding='same')", "max_pool", 2,
         {"kernel": 3, "stride": 2, "padding": "same"}),
        ("MaxPool2D((3, 2))", "max_pool", 2, {"kernel": (3, 2), "stride": (3, 2), "padding": "valid"}),
        ("AveragePooling2D(2)", "avg_pool", 2,
         {"kernel": 2, "stride": 2, "padding": "valid", "count_include_pad": False}),
        ("GlobalAveragePooling2D()", "global_avg_pool", 2, {}),
        ("GlobalMaxPooling1D()", "global_max_pool", 1, {}),
        ("Dense(10, activation='softmax')", "linear", None, {"filters": 10, "bias": True}),
        ("BatchNormalization()", "batch_norm", None, {}),
        ("BatchNormalization(center=False, scale=False)", "batch_norm", None, {"shift": False, "scale": False}),
        ("ReLU(max_value=6)", "relu", None, {}),
        ("UpSampling2D()", "upsample", 2, {"factor": 2}),
        ("UpSampling2D((2, 1), interpolation='bilinear')", "upsample", 2, {"factor": (2, 1), "mode": "bilinear"}),
        ("Activation('relu')", "relu", None, {}),
        ("Activation('hard_sigmoid')", "hard_sigmoid", None, {}),
        ("Activation('linear')", "identity", None, {}),
    ],
)  # fmt: skip
def test_constructors(text: str, op: str, dims: int | None, values: dict[str, Any]) -> None:
    assert read(text) == (op, values, dims)
    assert op in OPS or op in BY_NAME


@pytest.mark.parametrize(
    "text",
    [
        "Conv2d(3, 64, 7, device='cpu', dtype=None, padding_mode='reflect')",
        "Conv2d(3, 64, 7, device=device, dtype=torch.float16)",
        "Conv2d( 3,64,kernel_size = 7 )",
        "self.conv1 = nn.Conv2d(3, 64, 7)",
        "self.layers[0] = nn.Conv2d(3, 64, 7)",
        "(conv1): Conv2d(3, 64, kernel_size=7)",
        "(0): Conv2d(3, 64, kernel_size=7),",
        "Conv2d(3, 64, 7),",
        "  Conv2d(3,\n    64, 7)  # stem",
        "Conv2d(out_channels=64, kernel_size=7, in_channels=3)",
    ],
)
def test_what_changes_no_number_is_passed_over(text: str) -> None:
    assert read(text) == ("standard", {"in_channels": 3, "filters": 64, "kernel": 7, "bias": True}, 2)


def test_keras_code_that_adds_a_layer_is_that_layer() -> None:
    assert read("model.add(layers.Conv2D(8, 3, input_shape=(32, 32, 3)))") == read("Conv2D(8, 3)")
    with pytest.raises(NotationError, match="is not one constructor"):
        parse_words(["model.add(layer)"], ())


def test_keras_options_that_change_no_number_are_passed_over() -> None:
    text = (
        "x = layers.Conv2D(64, 7, data_format='channels_first', activation=tf.nn.relu, name='stem', trainable=False,"
        " kernel_initializer=keras.initializers.HeNormal(), bias_regularizer='l2', input_shape=(224, 224, 3))(x)"
    )
    assert read(text) == ("standard", {"filters": 64, "kernel": 7, "padding": "valid", "bias": True}, 2)


def test_keras_has_one_bias_in_a_separable_convolution() -> None:
    first, second = parse_words(["SeparableConv2D(64, 3, 2, 'same', depth_multiplier=2)"], ())
    assert (first.op, second.op) == ("depthwise", "pointwise")
    assert first.values == {"kernel": 3, "stride": 2, "padding": "same", "multiplier": 2, "bias": False}
    assert second.values == {"filters": 64, "bias": True}
    assert first.text == second.text == "SeparableConv2D(64, 3, 2, 'same', depth_multiplier=2)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Conv2d(3, planes, 3)", r"out_channels must be a literal such as 3 or \(3, 5\), got planes; put its value"),
        ("Conv2d(3, 2*32, 3)", r"out_channels must be a literal .*, got 2 \* 32"),
        ("Conv2d(3, f(64), 3)", r"out_channels must be a literal .*, got f\(64\)"),
        ("Conv2d(3, 64, [k for k in (3,)])", "kernel_size must be a literal"),
        ("Conv2d(*sizes)", r"arguments must be literals, got \*sizes; write them out"),
        ("Conv2d(3, 64, **options)", r"arguments must be literals, got \*\*options; write them out"),
        ("Conv2d(3, 64)", "kernel_size must be given; the order is in_channels, out_channels, kernel_size, stride"),
        ("Conv2d()", "in_channels must be given"),
        ("Conv2d(3, 64, None)", "kernel_size must be given"),
        ("Conv2d(3, 64, 3, kernel_size=3)", "kernel_size is given twice"),
        ("Conv2d(3, 64, 3, 1, 1, 1, 1, True, 'zeros', None, None, 1)", "Conv2d takes 11 arguments by place, got 12"),
        ("Conv2d(3, 64, 3, strides=2)", "Conv2d has no strides; did you mean stride[?] it has in_channels"),
        ("Conv2D(64, 3, stride=2)", "Conv2D has no stride; did you mean strides[?]"),
        ("Conv2d(3, 64, 3.5)", "kernel_size: must be a whole number of at least 1, got 3.5"),
        ("Conv2d(3, 64, 0)", "kernel_size: must be at least 1, got 0"),
        ("Conv2d(3, 64, True)", "kernel_size: must be a whole number"),
        ("Conv2d(3, 64, '3')", "kernel_size: must be numbers, got '3'"),
        ("Conv2d('3', 64, 3)", "in_channels: must be numbers, got '3'"),
        ("Conv2d(3, 64, (3, 3, 3))", r"kernel_size: takes one value for all axes or 2, .*, got \(3, 3, 3\)"),
        ("Conv2d(3, 64, 3, padding=-1)", "padding: must be at least 0, got -1"),
        ("Conv2d(3, 64, 3, padding=((0, 1), (0, 1)))", "padding: must be a whole number"),
        ("Conv2d(3, 64, 3, padding='full')", "numbers here, got 'full'; write for example padding=1 or padding='same'"),
        ("Conv2d(3, 64, 3, 2, 'same')", "PyTorch has padding='same' for stride 1 only, got stride=2"),
        ("Conv2d(3, 64, 3, bias=1)", "bias: must be True or False, got 1"),
        ("ConvTranspose2d(3, 64, 3, padding='same')", "padding must be numbers here, got 'same'"),
        ("MaxPool2d(2, padding='same')", "padding must be numbers here, got 'same'"),
        ("MaxPool2d(2, ceil_mode=None2)", "ceil_mode must be a literal"),
        ("Conv2D(64, 3, padding=1)", "padding must be one of valid, same in Keras, got 1; PyTorch's constructors"),
        ("Conv2D(64, 3, padding='causal')", "padding must be one of valid, same in Keras, got 'causal'"),
        ("Conv2DTranspose(64, 3, 2, 'same', 1)", "data_format must be a string, got 1; write the options by name"),
        ("Conv2DTranspose(64, 3, 2, output_padding=2)", "output_padding must be less than strides in Keras, got 2 "),
        ("nn.ZeroPad2d((1, 2))", "must be one number or 4, not negative, got .1, 2.; the order is left, right, top"),
        ("nn.ZeroPad2d(-1)", "padding must be one number or 4, not negative, got -1"),
        ("nn.PixelShuffle(1.5)", "the factor must be one whole number, got 1.5"),
        ("ConvTranspose2d(3, 64, 3, padding='SAME')", "padding must be numbers here, got 'SAME'; write .* padding=1$"),
        ("Upsample()", "must have one of size and scale_factor"),
        ("Upsample(scale_factor=0)", "scale_factor: must be positive numbers, got 0"),
        ("Upsample(scale_factor=1e999)", "scale_factor: must be positive numbers"),
        ("Upsample(size=1.5)", "size: must be whole numbers"),
        ("Activation('rellu')", "unknown activation 'rellu'; did you mean relu[?]"),
        ("Activation(relu)", "activation must be a literal"),
        ("Conv2dd(3, 64, 3)", "unknown constructor 'Conv2dd'; did you mean Conv2d[?] one layer's constructor"),
        ("F.conv2d(x, w)", "unknown constructor 'conv2d'; did you mean Conv2d[?]"),
        ("nn.Sequential()", "Sequential holds no layer; write for example Sequential.Conv2d"),
        ("nn.Sequential(*layers)", "must hold constructors, got [*]layers; put the layer's constructor there"),
        ("nn.Sequential(nn.ReLU(), block)", "Sequential must hold constructors, got block; put"),
        ("keras.Sequential([keras.Input((8, 8, 3))])", "must hold layers, got .*; leave it out: the size comes"),
        ("__import__('os').system('true')", "unknown constructor 'system'"),
        ("exec('1')", "unknown constructor 'exec'"),
        ("Conv2d(3, 64, 3", "is not a constructor that can be read; write for example Conv2d"),
        ("Conv2d(3, 64, 3).cuda()", "unknown constructor 'cuda'"),
        ("Conv2d(3, 64, 3), ReLU()", "is not one constructor; paste one layer per word"),
        ("Conv2d(3, 64, 3) + ReLU()", "is not one constructor"),
        ("Conv2d(\0)", "is not a constructor that can be read"),
        ("Conv2d(" + "(" * 900, "is not a constructor that can be read"),
        ("Conv2d(" + "-" * 1900 + "1)", "is not a constructor that can be read|in_channels must be"),
        ("Conv2d(" + "-" * 700 + "x, 64, 3)", "is not a constructor that can be read|in_channels must be a literal"),
        ("Conv2d(x" + ".y" * 800 + ", 64, 3)", "is not a constructor that can be read|in_channels must be a literal"),
        ("Conv2d(" + "9" * 30_000 + ")", "a constructor may have 10,000 characters, got 30,008"),
        ("Conv2d(" + "9" * 150 + ", 64, 3)", "in_channels: a number may have 100 digits"),
    ],
)  # fmt: skip
def test_constructors_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(NotationError, match=message) as raised:
        parse_words([text], ())
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(one_line(text[:70].split("\n")[0]))


@pytest.mark.parametrize(
    "text",
    [
        "nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Sequential(nn.MaxPool2d(2), nn.Linear(8, 10)))",
        "self.net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Linear(8, 10))",
        "keras.Sequential(layers=[nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Linear(8, 10)], name='net')",
        "Sequential(OrderedDict([('a', nn.Conv2d(3, 8, 3)), ('b', nn.ReLU()), ('c', nn.MaxPool2d(2)), "
        "('d', nn.Linear(8, 10))]))",
        """Sequential(
          (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
          (act): ReLU(inplace=True)
          (2): Sequential(
            (0): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
          )
          (3): Linear(in_features=8, out_features=10, bias=True)
        )""",
    ],
)
def test_a_whole_sequential_is_a_row_of_words(text: str) -> None:
    layers = parse_words([text], ())
    assert [layer.op for layer in layers] == ["standard", "relu", "max_pool", "linear"]
    assert (layers[0].values["filters"], layers[2].values["kernel"], layers[3].values["filters"]) == (8, 2, 10)
    assert len(parse_words([f"{text}*3"], ())) == 12


def test_a_sequential_as_pytorch_prints_it() -> None:
    if torch_nn is None:
        pytest.skip("needs torch")
    net = torch_nn.Sequential(torch_nn.Conv2d(3, 8, (3, 5), 2, 1), torch_nn.BatchNorm2d(8), torch_nn.ReLU())
    first, norm, last = parse_words([str(net)], ())
    assert (first.values["kernel"], first.values["stride"], first.values["padding"]) == ((3, 5), (2, 2), (1, 1))
    assert (norm.op, last.op) == ("batch_norm", "relu")


def test_pasted_code_is_never_run(tmp_path: Path) -> None:
    file = tmp_path / "made"
    code = f"open({str(file)!r}, 'w')"
    with pytest.raises(NotationError, match="in_channels must be a literal"):
        parse_words([f"Conv2d({code}, 64, 3)"], ())
    parse_words([f"Conv2d(3, 64, 3, device={code})", f"Conv2D(64, 3, activation={code})", f"ReLU({code})"], ())
    assert not file.exists()


def test_no_module_of_the_notation_evaluates_anything() -> None:
    for path in Path(convcalc.notation.__file__).parent.glob("*.py"):
        names = {node.func.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
                 and isinstance(node.func, ast.Name)}  # fmt: skip
        assert not names & {"eval", "exec", "compile", "__import__"}, path.name


KERAS_TRANSPOSED = [
    ("None", "same", 3, 2, 4, 8), ("None", "valid", 2, 3, 3, 9), ("None", "valid", 3, 2, 4, 9),
    ("None", "same", 3, 2, 5, 10), ("0", "same", 3, 2, 5, 9), ("1", "same", 3, 2, 5, 10), ("1", "same", 4, 2, 9, 17),
    ("1", "valid", 3, 2, 5, 12), ("2", "same", 1, 3, 4, 12), ("4", "same", 2, 5, 3, 14),
]  # fmt: skip
"""output_padding, padding, kernel, stride, input and output, as Keras 3 computes them."""


@pytest.mark.parametrize(("more", "padding", "kernel", "stride", "size", "output"), KERAS_TRANSPOSED)
def test_keras_transposed_sizes(more: str, padding: str, kernel: int, stride: int, size: int, output: int) -> None:
    _, values, _ = read(f"Conv1DTranspose(8, {kernel}, {stride}, {padding!r}, output_padding={more})")
    crop = values["padding"]
    longer = values.get("output_padding", (0,))[0]
    if crop == "same":
        assert (longer, output) == (0, size * stride)
        return
    (before, after), *_ = ((0, 0),) if crop == "valid" else crop
    assert (size - 1) * stride + kernel - before - after + longer == output


@pytest.mark.parametrize(("more", "crop"), [(0, (1, 1)), (1, (0, 1))])
def test_keras_crops_the_begin_less_when_the_output_is_longer(more: int, crop: tuple[int, int]) -> None:
    """Five ones through an all-ones kernel of 3 begin 1 2 1 with output_padding 0, and 1 1 2 with 1 (Keras 3)."""
    _, values, _ = read(f"Conv1DTranspose(8, 3, 2, 'same', output_padding={more})")
    assert values["padding"] == (crop,)


@pytest.mark.skipif(torch_nn is None, reason="PyTorch is not installed")
def test_constructors_are_read_as_pytorch_builds_them() -> None:
    random = Random(20261)
    for _ in range(300):
        text = _random_constructor(random)
        op, values, dims = read(text)
        module = _built(text)
        assert dims is not None
        bias = values.get("bias", False)
        if op.endswith("_pool"):
            names = {"kernel": "kernel_size", "stride": "stride", "padding": "padding", "dilation": "dilation"}
            assert values.get("ceil_mode", False) == module.ceil_mode, text
        else:
            names = {"kernel": "kernel_size", "stride": "stride", "padding": "padding", "dilation": "dilation",
                     "output_padding": "output_padding"}  # fmt: skip
            assert bias == (module.bias is not None), text
            stated = [values[n] if n != "groups" else values.get(n, 1) for n in ("in_channels", "filters", "groups")]
            assert stated == [module.in_channels, module.out_channels, module.groups], text
        for ours, theirs in names.items():
            real = getattr(module, theirs, None)
            if real is None:
                continue
            if isinstance(real, str):
                assert values[ours] == real, text
                continue
            least = 0 if "padding" in ours else 1
            value = parse_axes(values.get(ours, least), ours, dims, least)
            assert value == parse_axes(real, ours, dims, least), (text, ours)


def _built(text: str) -> Any:
    """The real module, made from the text's arguments by way of literals."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    given = {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg}
    return getattr(torch_nn, call.func.id)(*map(ast.literal_eval, call.args), **given)


def _random_constructor(random: Random) -> str:
    """A constructor with its arguments by place up to somewhere, and by name in any order from there."""
    name = random.choice(["Conv", "ConvTranspose", "MaxPool", "AvgPool"])
    dims = random.randint(1, 3)

    def axes(least: int, most: int) -> Any:
        several = tuple(random.randint(least, most) for _ in range(dims))
        return random.choice([several[0], several])

    groups, stride = random.choice([1, 2, 4]), axes(2, 4)
    window = {"kernel_size": axes(2, 7), "stride": stride, "padding": axes(0, 1)}
    if name == "Conv":
        word = random.random() < 0.3
        values = {"in_channels": 4 * groups, "out_channels": 8 * groups, **window, "dilation": axes(1, 3),
                  "groups": groups, "bias": random.random() < 0.5}  # fmt: skip
        if word:
            values |= {"stride": 1, "padding": random.choice(["same", "valid"])}
    elif name == "ConvTranspose":
        values = {"in_channels": 4 * groups, "out_channels": 8 * groups, **window, "output_padding": axes(0, 1),
                  "groups": groups, "bias": random.random() < 0.5, "dilation": axes(1, 3)}  # fmt: skip
    elif name == "MaxPool":
        values = {**window, "dilation": axes(1, 3), "return_indices": False, "ceil_mode": random.random() < 0.5}
    else:
        values = {**window, "ceil_mode": random.random() < 0.5, "count_include_pad": random.random() < 0.5}
    required = 3 if name.startswith("Conv") else 1
    by_place = random.randint(0, len(values))
    places = list(values.items())[:by_place]
    named = [
        item for at, item in enumerate(values.items()) if at >= by_place and (at < required or random.random() < 0.7)
    ]
    random.shuffle(named)
    arguments = [repr(value) for _, value in places] + [f"{key}={value!r}" for key, value in named]
    return f"{name}{dims}d({', '.join(arguments)})"
