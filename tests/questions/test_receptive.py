"""Receptive fields against sets of input positions followed forwards one by one, and against the literature."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from convcalc import analyze
from convcalc.errors import ConvcalcError, ShapeError
from convcalc.graph.graph import Builder, Graph
from convcalc.graph.primitives import Correlate, Merge, Pad, Pool, Slice, Softmax, TransposedCorrelate, Windowed
from convcalc.questions.chain import chain_fields
from convcalc.questions.models import network
from convcalc.questions.receptive import receptive_fields
from convcalc.readers.words import row_graph
from tests.cases import CASES, Case
from tests.layers import at_most, random_layers
from tests.reference import Field, field, followed, windows_along

SIZE = 10**6
"""The size of every axis, so that any window fits; fields do not depend on it."""


def chain(words: list[str], input: str | None = None) -> dict[str, Any]:
    """What `convcalc rf` writes of a row of layer words."""
    return chain_fields(row_graph(words, input), sized=input is not None).to_dict()


def graph_of(stages: list[Windowed], dims: int) -> Graph:
    builder = Builder()
    last = builder.input((1, 1, *(SIZE,) * dims))
    for number, stage in enumerate(stages):
        last = builder.add(str(number), "stage", stage, [last])
    return builder.graph("chain", last)


def as_dict(stage: Windowed) -> dict[str, Any]:
    """The geometry of a stage as the reference reads it."""
    op = "conv_transpose" if isinstance(stage, TransposedCorrelate) else "conv"
    return {"op": op, **{key: getattr(stage, key) for key in ("kernel", "stride", "padding", "dilation")}}


def random_stage(random: Random, dims: int) -> Windowed:
    def axes(most: int) -> tuple[int, ...]:
        return tuple(random.randint(1, most) for _ in range(dims))

    padding = tuple((random.randint(0, 3), random.randint(0, 3)) for _ in range(dims))
    match random.randrange(5):
        case 0 | 1:
            return Correlate(1, 1, axes(5), axes(3), padding, axes(4))
        case 2 | 3:
            return TransposedCorrelate(1, 1, axes(5), axes(3), padding, axes(3), output_padding=(0,) * dims)
        case _:
            return Pool("max", axes(3), axes(3), padding, axes(2))


def assert_fields_equal(stages: list[Windowed], dims: int) -> list[Field]:
    expected = [field([as_dict(stage) for stage in stages], axis) for axis in range(dims)]
    for axis, (found, wanted) in enumerate(
        zip(receptive_fields(graph_of(stages, dims)).fields[-1], expected, strict=True)
    ):
        assert found.size == wanted.size, (stages, axis)
        assert wanted.jump in (None, found.jump), (stages, axis)
        assert found.start == wanted.start, (stages, axis)
        assert found.coverage == wanted.coverage, (stages, axis)
    return expected


def test_random_chains() -> None:
    random = Random(31)
    holes = fractional = unseen = 0
    for _ in range(400):
        stages = [random_stage(random, 1) for _ in range(random.randint(1, 4))]
        [found] = assert_fields_equal(stages, 1)
        holes += found.coverage < found.size
        fractional += found.jump is not None and found.jump.denominator > 1
        unseen += found.start is None
    assert min(holes, fractional, unseen) > 10


def test_random_chains_with_unequal_axes() -> None:
    random = Random(32)
    for _ in range(60):
        dims = random.randint(2, 3)
        assert_fields_equal([random_stage(random, dims) for _ in range(random.randint(1, 3))], dims)


def test_positions_of_single_outputs() -> None:
    """Not only the widest output: every one of the first dozen sees what the reference says."""
    random = Random(33)
    for _ in range(150):
        stages = [random_stage(random, 1) for _ in range(random.randint(1, 3))]
        seen = followed(windows_along([as_dict(stage) for stage in stages], 0), range(12))
        [along] = receptive_fields(graph_of(stages, 1)).seen[-1]
        for output in range(12):
            assert set(along.field.at(output)) == seen[output], (stages, output)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_cases_agree_with_sets_followed_forwards(case: Case) -> None:
    report = analyze(case.type, **case.options).to_dict()
    for index, stage in enumerate(report["stages"]):
        check(stage["receptive_field"], report["stages"][: index + 1])
    assert report["receptive_field"] == report["stages"][-1]["receptive_field"]


def test_random_layers_agree_with_sets_followed_forwards() -> None:
    for _, _, report in random_layers(seed=34, count=12):
        whole = report.to_dict()
        check(whole["receptive_field"], whole["stages"])


def check(found: dict[str, list[Any]], stages: list[dict[str, Any]]) -> None:
    dims = len(stages[0]["input"]) - 1
    expected = [field(stages, axis) for axis in range(dims)]
    assert found["size"] == [axis.size for axis in expected]
    assert found["jump"] == [float(axis.jump) for axis in expected]
    assert found["start"] == [axis.start for axis in expected]
    assert found["coverage"] == [axis.coverage for axis in expected]


def last(*words: str) -> dict[str, Any]:
    field = chain(list(words))["receptive_field"]
    for values in field.values():
        assert values == [values[0]] * len(values)
    return {name: values[0] for name, values in field.items()}


@pytest.mark.parametrize(
    ("words", "size", "jump", "start", "coverage"),
    [
        # Simonyan & Zisserman 2015, section 2.3: two 3x3 see 5x5, three see 7x7
        (["k3", "k3"], 5, 1, 0, 5),
        (["k3", "k3", "k3"], 7, 1, 0, 7),
        # Yu & Koltun 2016, section 2: dilations 1, 2, 4 see 3, 7, 15, without holes
        (["k3", "k3d2"], 7, 1, 0, 7),
        (["k3", "k3d2", "k3d4"], 15, 1, 0, 15),
        # Wang et al. 2018, section 3.2, gridding: {0, 2, 4} + {0, 4, 8} is every second of 13 pixels
        (["k3d2", "k3d4"], 13, 1, 0, 7),
        (["k3d4p4"], 9, 1, -4, 3),
        # output 2j + 1 of the second layer reads two outputs of the first, which are 2 apart and 3 wide
        (["k3s2p1", "t:k4s2p1"], 5, 1, -3, 5),
        # torchvision's ResNet stem and VGG's first pool, by the recurrence of Araujo, Norris & Sim 2019
        (["k7s2p3", "max:k3s2p1"], 11, 4, -5, 11),
        (["k3p1", "k3p1", "max:k2s2"], 6, 2, -2, 6),
        # Dumoulin & Visin 2016, figure 4.5: an output of a 3x3 on stride 2 reads at most 2 pixels; 0 reads -1 and 0
        (["t:k3s2"], 2, 0.5, -1, 2),
        # kernel 1 on stride 3 up: one output in three reads anything
        (["t:k1s3"], 1, pytest.approx(1 / 3, rel=1e-15), 0, 1),
        (["1x1:"], 1, 1, 0, 1),
        # torch.nn.MaxPool2d: the stride is the kernel unless given; padding up to half of the kernel
        (["max:k2"], 2, 2, 0, 2),
        (["avg:k3", "k3"], 9, 3, 0, 9),
        (["max:k2s1d3p1"], 4, 1, -1, 2),
    ],
)  # fmt: skip
def test_values_of_the_literature(words: list[str], size: int, jump: float, start: int, coverage: int) -> None:
    assert last(*words) == {"size": size, "jump": jump, "start": start, "coverage": coverage}


@pytest.mark.parametrize(
    ("name", "words", "size", "jump"),
    [
        # Araujo, Norris & Sim 2019, Computing Receptive Fields of Convolutional Neural Networks: alexnet_v2 and vgg_16
        ("AlexNet v2", ["k11s4", "max:k3s2", "k5p2", "max:k3s2", "k3p1", "k3p1", "k3p1", "max:k3s2"], 195, 32),
        (
            "VGG-16",
            [*["k3p1"] * 2, "max:k2s2", *["k3p1"] * 2, "max:k2s2", *(["k3p1"] * 3 + ["max:k2s2"]) * 3],
            212,
            32,
        ),
    ],
)
def test_famous_networks(name: str, words: list[str], size: int, jump: int) -> None:
    del name
    found = last(*words)
    assert (found["size"], found["jump"], found["coverage"]) == (size, jump, size)


@pytest.mark.parametrize(("name", "size", "jump"), [("resnet18", 435, 32), ("mobilenet-v2", 491, 32)])
@pytest.mark.parametrize("input", ["3x1x1", "3x16x16", "3x40x224"])
def test_a_field_before_a_global_pool_does_not_depend_on_the_input(name: str, size: int, jump: int, input: str) -> None:
    """Even where the map has one pixel, as many as the pool's output (Araujo, Norris & Sim 2019: sizes and jumps)."""
    answer = network(name, input)
    assert [(axis.size, axis.jump) for axis in answer.receptive_field] == [(size, jump)] * 2


def test_every_layer_of_a_chain_is_reported() -> None:
    fields = chain(["k3", "k3d2", "k3d4"])
    assert [layer["receptive_field"]["size"] for layer in fields["layers"]] == [[3, 3], [7, 7], [15, 15]]
    assert [layer["output"] for layer in fields["layers"]] == [None, None, None]


def test_a_chain_with_an_input_has_sizes() -> None:
    """He et al. 2016, table 1: 224 -> 112 -> 56."""
    fields = chain(["k7s2p3f64", "max:k3s2p1", "k3p1f128"], input="3x224x224")
    assert [layer["output"] for layer in fields["layers"]] == [[64, 112, 112], [64, 56, 56], [128, 56, 56]]


def test_same_padding_in_a_chain_depends_on_the_size() -> None:
    """Stride 2, kernel 2: on 7 pixels 4 outputs read 8, so one is padded; on 8 pixels none is."""
    row = chain(["k2s2psame-lowerf1"], input="1x7")
    assert (row["layers"][0]["output"], row["receptive_field"]["start"]) == ([1, 4], [-1])
    row = chain(["k2s2psame-lowerf1"], input="1x8")
    assert (row["layers"][0]["output"], row["receptive_field"]["start"]) == ([1, 4], [0])


@pytest.mark.parametrize(
    ("words", "input", "dims"),
    [(["k3"], None, 2), (["k3x5x7"], None, 3), (["1d:k3"], None, 1), (["3d:k3", "k3"], None, 3), (["k3"], "1x9", 1)],
)
def test_axes_of_a_chain(words: list[str], input: str | None, dims: int) -> None:
    assert len(chain(words, input)["receptive_field"]["size"]) == dims


def test_unequal_axes_of_a_chain() -> None:
    field = chain(["k3x5s2x1p1:0x2", "k2x3d1x4"])["receptive_field"]
    assert field == {"size": [5, 13], "jump": [2, 1], "start": [-1, -2], "coverage": [5, 13]}


@pytest.mark.parametrize(
    ("words", "input", "message"),
    [
        (["k3", "k5q"], None, "k5q: cannot read 'q'"),
        (["k3s2psame"], None, "layer 1 of 1, k3s2psame: padding 'same' with stride 2 depends on the input size"),
        (
            ["k3", "k9"], "1x5x5",
            "layer 2 of 2, k9: height: the window must fit the padded input, got extent 9 .*fits is 9; "
            "the smallest input that the whole chain accepts is 1x11x11$",
        ),
        (["k3", "ds:k9"], "1x11x5", "layer 2 of 2, ds:k9: depthwise: width: .*the whole chain accepts is 1x11x11$"),
        (["s2"], None, "layer 1 of 1, s2: a layer needs its kernel, got none; write for example k3"),
        (["max:s2"], None, "layer 1 of 1, max:s2: a pool needs its kernel, got none; write for example max:k2"),
        (["k3", "max:k3f8"], None, "max:k3f8: a pool has no filters, got 8; leave f8 out"),
        (["max:k2d3p2"], None, "layer 1 of 1, max:k2d3p2: padding of a pool is at most half its kernel, got 2 for 2"),
        (["max:k3p2"], None, "layer 1 of 1, max:k3p2: padding of a pool is .*got 2 for 3; use up to 1"),
        (["k3a1"], None, "layer 1 of 1, k3a1: output-padding: is not an option of standard; use transposed:"),
        (["k3f6g4"], "4x9x9", "layer 1 of 1, k3f6g4: groups must divide filters, got groups=4 and filters=6; try"),
        (["1d:k3"], "3x9x9", "layer 1 of 1, 1d:k3: has 1 spatial axes, got a chain with 2"),
        (["k3x3", "k3x3x3"], None, "layer 1 of 2, k3x3: kernel: takes one value for all axes or 3"),
        (["k3x3x3x3"], None, "a layer has 1 to 3 spatial axes, got values for 4"),
        (["t:k3pfull"], None, "layer 1 of 1, t:k3pfull: .*got 'full'; use numbers or valid, same, same-lower"),
        (["k0"], None, "layer 1 of 1, k0: kernel: must be at least 1, got 0"),
    ],
)  # fmt: skip
def test_chains_that_are_refused(words: list[str], input: str | None, message: str) -> None:
    with pytest.raises(ConvcalcError, match=f"^{message}"):
        chain(words, input)


@pytest.mark.parametrize("word", ["max:k3pfull", "avg:k3pcausal"])
def test_a_pool_has_no_padding_beyond_half_its_kernel(word: str) -> None:
    """PyTorch, torch.nn.MaxPool2d: pad should be at most half of the kernel size; a word changes nothing."""
    with pytest.raises(ConvcalcError, match="pool"):
        chain([word])


def test_enormous_fields_are_exact() -> None:
    """k3 with dilation d = 10^50: 2d + 1 pixels of which 3 are seen; then stride 10^60 and a dense kernel of 10^40."""
    dilation, stride, kernel = 10**50, 10**60, 10**40
    assert last(f"k3d{dilation}") == {"size": 2 * dilation + 1, "jump": 1, "start": 0, "coverage": 3}
    found = last(f"k{kernel}s{stride}p5")
    assert found == {"size": kernel, "jump": stride, "start": -5, "coverage": kernel}


@pytest.mark.parametrize("stride", [1000, 70_000, 10**9])
def test_a_transposed_stride_of_any_size(stride: int) -> None:
    """Kernel s + 1 on stride s: output 0 reads -1 and 0, with its last and its first tap; 1 to s - 1 read 0 alone."""
    with at_most(2):
        found = last(f"t:k{stride + 1}s{stride}")
    assert found == {"size": 2, "jump": 1 / stride, "start": -1, "coverage": 2}


@pytest.mark.parametrize(
    "words",
    [
        ["k1000d3", "k1001d1001", "t:k300s60000d7"],
        ["t:k60000s60000", "t:k60001s60001"],
        ["k1048577d2", "k1048575d3s5"] * 3,
    ],
)
def test_chains_too_large_to_enumerate_are_answered_or_refused_soon(words: list[str]) -> None:
    with at_most(5), suppress(ShapeError):
        assert last(*words)["size"] > 0


def test_jumps_beyond_every_float_are_answered_or_refused() -> None:
    """10^400/3 pixels: no float holds it, so the answer is another exact form or a refusal, not a crash."""
    words = [*[f"k1s{10**99}"] * 4, f"k1s{10**4}", "t:k5s3"]
    try:
        jump = last(*words)["jump"]
    except ConvcalcError:
        return
    assert Fraction(str(jump)) * 3 == 10**400


def misaligned_after(pads: tuple[int, int], padding: tuple[int, int], kept: int | None) -> bool:
    """Whether 9 pixels that went through a pad layer, a window of 3 taps and a cut meet the 9 pixels out of line."""
    builder = Builder()
    x = last = builder.input((1, 1, 9))
    if any(pads):
        last = builder.add("pad", "pad", Pad(((0, 0), (0, 0), pads)), [last])
    last = builder.add("conv", "conv", Correlate(1, 1, (3,), (1,), (padding,), (1,)), [last])
    if kept is not None:
        last = builder.add("cut", "crop", Slice(2, 0, kept), [last])
    last = builder.add("sum", "add", Merge("add"), [x, last])
    return bool(receptive_fields(builder.graph("causal", last)).misaligned)


@pytest.mark.parametrize(
    ("pads", "padding", "kept", "misaligned"),
    [
        ((0, 0), (1, 1), None, False),  # centred
        ((0, 0), (2, 0), None, False),  # no output reads ahead
        ((0, 0), (0, 2), None, True),  # all outputs do
        ((2, 0), (0, 0), None, False),
        ((0, 2), (0, 0), None, True),
        ((1, 1), (0, 0), None, False),
        ((0, 0), (2, 2), 9, False),  # padded on both sides, and the end cut off
        ((0, 0), (2, 1), 9, False),
        ((3, -1), (0, 0), None, True),  # a pixel late
        ((0, 0), (3, 0), 9, True),
    ],
)
def test_branches_that_read_nothing_ahead_are_in_line(
    pads: tuple[int, int], padding: tuple[int, int], kept: int | None, misaligned: bool
) -> None:
    assert misaligned_after(pads, padding, kept) == misaligned


def test_branches_out_of_line_in_words() -> None:
    """Without a layer that reads the past alone, branches must be centred on each other."""
    builder = Builder()
    x = builder.input((1, 1, 9))
    conv = builder.add("conv", "conv", Correlate(1, 1, (3,), (1,), ((3, 1),), (1,)), [x])
    cut = builder.add("cut", "crop", Slice(2, 1, 9), [conv])  # output p reads p - 2 to p
    graph = builder.graph("late", builder.add("sum", "add", Merge("add"), [x, cut]))
    expected = "sum: branches misaligned along length: output 0 is centred on -1 for cut, 0 for input"
    assert receptive_fields(graph).notes == (expected,)
    pair = builder.add("pair", "conv", Correlate(1, 1, (2,), (1,), ((0, 1),), (1,)), [x])
    graph = builder.graph("ahead", builder.add("both", "add", Merge("add"), [x, pair]))
    expected = "both: branches misaligned along length: output 0 is centred on 0.5 for pair, 0 for input"
    assert receptive_fields(graph).notes[-1] == expected


def test_a_last_layer_that_reads_the_whole_image_is_named() -> None:
    builder = Builder()
    conv = builder.add("conv", "conv", Correlate(1, 1, (3,), (1,), ((1, 1),), (1,)), [builder.input((1, 1, 9))])
    graph = builder.graph("attention", builder.add("soft", "softmax", Softmax(2), [conv]))
    fields = receptive_fields(graph)
    assert fields.notes == ("receptive field: every output of soft depends on the whole image",)
    assert fields.fields[-1][0].size == 9


def test_branches_that_differ_along_one_axis() -> None:
    builder = Builder()
    x = builder.input((1, 1, 9, 9))
    tall = builder.add("tall", "conv", Correlate(1, 1, (3, 1), (1, 1), ((1, 1), (0, 0)), (1, 1)), [x])
    graph = builder.graph("cross", builder.add("sum", "add", Merge("add"), [x, tall]))
    assert [axis.size for axis in receptive_fields(graph).fields[-1]] == [3, 1]
