"""Rows of layer words: what they become, and what is said of rows that do not fit."""

from __future__ import annotations

import pytest

import convcalc
from convcalc import ConvcalcError
from convcalc.errors import ShapeError
from convcalc.questions.chain import chain_fields
from convcalc.questions.report import Report, layer_report
from convcalc.readers.words import row_graph

LENET = ["k5f6", "max:k2", "k5f16", "max:k2", "fc120", "fc84", "fc10"]


def report(words: str, size: str | None = None, **options: object) -> Report:
    return layer_report(row_graph(words.split(), size, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "words", "output"),
    [
        ("3x224x224", "k7s2p3f64 max:k3s2p1 ds:k3p1f128 gap fc1000", (1000,)),
        ("3x31x17", "k3x5s2x1p1x0f7", (7, 16, 13)),
        ("4x16", "k3pcausalf8*3", (8, 16)),
        ("2x8x9x10", "k3p1f4 max:k2 up2x1x3", (4, 8, 4, 15)),
        ("6x11x11", "max:k2 max:k2c", (6, 3, 3)),
        ("6x11x11", "dw:k3m2 bn relu", (12, 9, 9)),
        ("6x9x9", "grouped:k3g3f9 shuffle3 t:k4s2p1", (9, 14, 14)),
        ("3x12x12", "nn.Conv2d(3,8,(3,5),padding=(1,2));MaxPool2d(3,2,ceil_mode=True)".replace(";", " "), (8, 6, 6)),
        ("3x12x12", "Conv2D(8,3,strides=2,padding='same') GlobalAveragePooling2D() Dense(5)", (5,)),
    ],
)
def test_outputs(size: str, words: str, output: tuple[int, ...]) -> None:
    assert report(words, size).output == output


def test_a_whole_classifier_on_one_line() -> None:
    """LeNet-5 as taught with ReLU and biases, on 28x28 without padding: 44,426 parameters.

    By hand: 6*25 + 6, 16*6*25 + 16, 256*120 + 120, 120*84 + 84, 84*10 + 10.
    """
    lenet = report(" ".join(LENET), "1x28x28", bias=True)
    assert [layer.parameters for layer in lenet.layers] == [156, 0, 2416, 0, 30840, 10164, 850]
    assert lenet.parameters == 44426
    assert [stage.name for stage in lenet.stages][:3] == ["1/conv", "2/max", "3/conv"]


def test_constructors_have_the_defaults_of_their_libraries() -> None:
    """PyTorch's and Keras's convolutions and linear layers have a bias, ours has none unless asked."""
    assert report("k3f4", "2x5x5").biases == 0
    assert report("k3f4b", "2x5x5").biases == 4
    assert report("Conv2d(2,4,3)", "2x5x5").biases == 4
    assert report("Conv2d(2,4,3,bias=False)", "2x5x5").biases == 0
    assert report("Conv2D(4,3)", "2x5x5").biases == 4
    assert report("MaxPool2d(2)", "2x9x9").output == (2, 4, 4)


def test_keras_separable_has_one_bias() -> None:
    """Keras, SeparableConv2D: the bias comes after the pointwise convolution; by hand 3*9, then 3*8 + 8."""
    assert report("SeparableConv2D(8,3)", "3x9x9").parameters == 27 + 24 + 8


def test_repetition_names_every_layer() -> None:
    twice = report("k3p1f4*2 max:k2", "2x8x8")
    assert [stage.name for stage in twice.stages] == ["1/conv", "2/conv", "3/max"]
    assert [stage.parameters for stage in twice.stages] == [2 * 4 * 9, 4 * 4 * 9, 0]


def test_a_row_without_a_size_has_the_fields_of_one_with_a_size() -> None:
    words = "k5x3s2x1p1 t:k3s2d3 max:k2 dw:k3d2m3 up2"
    sized, unsized = report(words, "3x64x71"), report(words)
    assert [row.receptive_field for row in sized.layers] == [row.receptive_field for row in unsized.layers]


@pytest.mark.parametrize(
    ("words", "size", "message"),
    [
        (
            "k10s5 k8s4 k4s2 k4s2 k4s2", "1x400",
            "layer 5 of 5, k4s2: length: the window must fit the padded input, got extent 4 (1*(4 - 1) + 1) on "
            "3 + 0 + 0; the smallest input that fits is 4; the smallest input that the whole chain accepts is 1x465",
        ),
        ("k3 Conv2d(5,6,3)", "4x9x9", "layer 2 of 2, Conv2d(5,6,3): takes in_channels=5, got 4 channels; write 4"),
        ("k3 Linear(99,10)", "4x9x9", "layer 2 of 2, Linear(99,10): takes in_features=99, got 196 from 4x7x7"),
        ("k3 BatchNorm2d(5)", "4x9x9", "layer 2 of 2, BatchNorm2d(5): takes in_channels=5, got 4 from 4x7x7; write 4"),
        ("k3 gap", None, "layer 2 of 2, gap: reads the whole input, whose size is not given; write it before the"),
        ("k3 max:k2p1g2", "4x9x9", "max:k2p1g2: a pool has no groups, got 2; leave g2 out"),
        ("k3 k3c", "4x9x9", "k3c: a convolution has no ceil mode, got c; leave c out"),
        (
            "k3 3d:k3", "4x9x9",
            "layer 2 of 2, 3d:k3: has 3 spatial axes, got a chain with 2; an input for it",
        ),
        ("Conv2d(3,8,7)", "1x3x64x64", "input: a size has no batch, got 1x3x64x64; write 3x64x64"),
        ("k3x3", "1x3x64x64", "input: a size has no batch, got 1x3x64x64; write 3x64x64"),
        ("1d:k3", "1x1x999", "input: a size has no batch, got 1x1x999; write 1x999"),
        ("k3 AdaptiveAvgPool2d(2)", None, "layer 2 of 2, AdaptiveAvgPool2d(2): reads the whole input"),
        ("k3 Upsample(size=9)", None, "layer 2 of 2, Upsample(size=9): reads the whole input, whose size is not given"),
        ("k3 in", None, "layer 2 of 2, in: reads the whole input, whose size is not given; write it before the words"),
        ("k3 gn1", None, "layer 2 of 2, gn1: reads the whole input, whose size is not given"),
        ("gn4", "6x9x9", "layer 1 of 1, gn4: groups: must divide the channels, got 4 and 6; try 2"),
        ("dw:k3f5", "4x9x9", "layer 1 of 1, dw:k3f5: filters: a depthwise convolution has channels*multiplier, got "
         "filters=5, channels=4, multiplier=1; use f4 or leave it out"),
        (
            "k9f5 Linear(20,5)", "4x4x4",
            "layer 1 of 2, k9f5: height: the window must fit the padded input, got extent 9 (1*(9 - 1) + 1) on "
            "4 + 0 + 0; the smallest input that fits is 9",
        ),
        ("k" + "3" * 200, "4x9x9", f"layer 1 of 1, k{'3' * 76}...: kernel: a number may have 100 digits, got 200"),
        ("k3s2psame", None, "layer 1 of 1, k3s2psame: padding 'same' with stride 2 depends on the input size"),
        ("s2", "4x9x9", "layer 1 of 1, s2: a layer needs its kernel, got none; write for example k3s2"),
        ("ds", "4x9x9", "layer 1 of 1, ds: a layer needs its kernel, got none; write for example ds:k3"),
        ("p0:1", "4x9x9", "layer 1 of 1, p0:1: a layer needs its kernel, got none; write for example k3p0:1"),
        ("avg:s2", "4x9x9", "layer 1 of 1, avg:s2: a pool needs its kernel, got none; write for example avg:k2s2"),
        ("k3g3", "4x9x9", "layer 1 of 1, k3g3: groups must divide in_channels, got groups=3 and in_channels=4; try 2"),
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit(words: str, size: str | None, message: str) -> None:
    with pytest.raises(ConvcalcError) as error:
        report(words, size)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "words",
    [
        "k10s5 k8s4 k4s2*3",
        "k3*4",
        "max:k3s2c k5d3",
        "t:k4s2p3 k9",
        "k7s3psame k5",
        "up2 k11",
        "k2s2*5 t:k3s2p2 k3",
        "k2 Upsample(scale_factor=1.5) k9",
        "Upsample(scale_factor=0.3) k3",
        "k3 Upsample(scale_factor=0.25)",
    ],
)  # fmt: skip
def test_the_smallest_input_is_accepted_and_one_less_is_not(words: str) -> None:
    with pytest.raises(ConvcalcError) as error:
        report(words, "1x1")
    smallest = int(str(error.value).rpartition("1x")[2])
    assert report(words, f"1x{smallest}").output
    with pytest.raises(ConvcalcError):
        report(words, f"1x{smallest - 1}")


def test_the_smallest_input_is_the_smallest_along_every_axis() -> None:
    """(3 - 1) + 9 = 11 along both, although 99 was given along one."""
    with pytest.raises(ConvcalcError, match=r"the smallest input that the whole chain accepts is 3x11x11$"):
        report("k3 k9", "3x2x99")
    assert report("k3 k9", "3x11x11").output == (3, 1, 1)


def test_a_shuffle_without_a_size_has_channels_for_its_groups() -> None:
    assert report("k3 shuffle5").output == (5, 1, 1)


def test_network_takes_words_too() -> None:
    by_text = convcalc.network("1x28x28 " + " ".join(LENET), bias=True)
    by_list = convcalc.network(LENET, "1x28x28", bias=True)
    assert by_text.to_dict() == by_list.to_dict()
    assert by_text.to_dict()["totals"]["parameters"] == 44426
    assert [row["op"] for row in by_text.to_dict()["layers"]] == LENET


def test_network_takes_names_and_paths() -> None:
    assert convcalc.network("resnet18").parameters == 11_689_512
    assert convcalc.network("resnet18", (3, 64, 64), 2).batch == 2
    with pytest.raises(ConvcalcError, match="did you mean resnet18"):
        convcalc.network("resnet81")
    with pytest.raises(ConvcalcError, match="needs its size"):
        convcalc.network(["k3"])


@pytest.mark.parametrize("word", ["k3f8", "gap", "fc10", "ds:k3f8", "Conv2d(3, 8, 3)"])
def test_network_takes_one_word(word: str) -> None:
    assert convcalc.network(word, "3x9x9").to_dict() == convcalc.network([word], "3x9x9").to_dict()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (["k3", 3], "model: layer words must be strings, got 3; write for example 'k3'"),
        (None, "model: must be a name, a path or layer words, got None"),
        (b"resnet18", "model: must be a name, a path or layer words, got b'resnet18'"),
        ([], "model: must have layer words, got none; for example 3x224x224"),
        ("3x9x9", "model: must have layer words, got none"),
        ("3x9x9 k3q", "k3q: cannot read 'q'"),
        ("Conv2d(3)", "input: a row of layer words needs its size, got none"),
        ("784 fc10", "input: a size has channels and 1 to 3 spatial axes, got '784'; write 3x784x784 for 2-D, 1x784 "
         "for 1-D, 784x1 for features alone"),
    ],
)  # fmt: skip
def test_models_that_are_none(model: object, message: str) -> None:
    with pytest.raises(ConvcalcError) as error:
        convcalc.network(model)  # type: ignore[arg-type]
    assert str(error.value).startswith(message)


TORCH = [
    ("nn.LayerNorm([3, 8, 6])", (3, 8, 6)),
    ("nn.LayerNorm([8, 6])", (3, 8, 6)),
    ("nn.LayerNorm(6)", (3, 8, 6)),
    ("nn.LayerNorm(6, bias=False)", (3, 8, 6)),
    ("nn.ZeroPad2d((1, 2, 3, 4))", (3, 8, 6)),
    ("nn.ReflectionPad2d(2)", (3, 8, 6)),
    ("nn.PixelShuffle(2)", (12, 8, 6)),
    ("nn.PixelUnshuffle(2)", (3, 8, 6)),
    ("nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 5))",
     (3, 8, 6)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "size"), TORCH, ids=[text for text, _ in TORCH])
def test_pasted_code_has_pytorchs_sizes_and_parameters(text: str, size: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    module = eval(text, {"nn": torch.nn})  # our own text
    ours = layer_report(row_graph([text], size))
    assert ours.output == tuple(module(torch.zeros(1, *size)).shape[1:])
    assert ours.parameters == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("BatchNormalization()", 16),
        ("BatchNormalization(scale=False)", 8),  # one shift per channel
        ("BatchNormalization(center=False)", 8),
        ("BatchNormalization(center=False, scale=False)", 0),
        ("LayerNormalization(scale=False)", 8),
    ],
)
def test_keras_norms_without_scale_or_shift(text: str, parameters: int) -> None:
    assert layer_report(row_graph([text], (8, 5, 4))).parameters == parameters


def test_a_layer_norm_of_other_sizes_is_told_those_that_fit() -> None:
    with pytest.raises(ShapeError, match=r"of 3x8x6, or its channels, got 224; write LayerNorm\(\[3, 8, 6\]\) for all"):
        row_graph(["LayerNorm(224)"], (3, 8, 6))
    for fits in ("LayerNorm([3, 8, 6])", "LayerNorm(3)"):
        assert layer_report(row_graph([fits], (3, 8, 6))).output == (3, 8, 6)
    with pytest.raises(ShapeError, match=r"channels must divide by factor\^2, got 3 and 2; write 1x1:f12 before it"):
        row_graph(["PixelShuffle(2)"], (3, 8, 6))


def test_a_pasted_linear_layer_on_a_map_says_that_it_flattens() -> None:
    note = "Linear(144, 5): 3x8x6 is flattened first; in code, add Flatten()"
    assert layer_report(row_graph(["Linear(144, 5)"], (3, 8, 6))).notes[0] == note
    for words in (["fc5"], ["Flatten()", "Linear(144, 5)"], ["gap", "Linear(3, 5)"]):
        assert not any("flattened" in text for text in layer_report(row_graph(words, (3, 8, 6))).notes)


@pytest.mark.parametrize(("size", "words", "first"), [(None, ["t:k3s3*40"], 1), ("1x960000", ["k3s5f8", "gap"], 3)])
def test_a_field_of_too_many_pieces_is_an_upper_bound(size: str | None, words: list[str], first: int) -> None:
    fields = chain_fields(row_graph(words, size), sized=size is not None)
    assert "upper bound" in fields.notes[-1]
    assert fields.layers[0].receptive_field[0].size == first
