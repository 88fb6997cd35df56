"""Counts against their sources, against plain loops, and against a number type that counts what is done with it."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

from convcalc import Report, analyze
from convcalc.errors import NotationError
from convcalc.graph import primitives as p
from convcalc.graph.graph import Builder, Node
from convcalc.questions.cost import BYTES, Cost, buffers, cost, total
from convcalc.questions.report import layer_report
from convcalc.readers.words import row_graph
from tests.cases import CASES, Case
from tests.layers import at_most, random_layers
from tests.reference import counts, executed

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=str)
TOTALS = ("parameters", "weights", "biases", "multiplications", "multiplications_effective", "additions", "activations")


def analyzed(case: Case) -> Report:
    return analyze(case.type, **case.options)


def test_every_dtype_has_the_bytes_of_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    of_numpy = {name: numpy.dtype(name).itemsize for name in BYTES if name != "bfloat16"}
    assert {**of_numpy, "bfloat16": 2} == BYTES  # the upper half of a float32


@EVERY_CASE
def test_cases_have_the_numbers_of_their_source(case: Case) -> None:
    report = analyzed(case)
    assert report.output == case.output
    assert report.weights == case.weights
    assert report.multiplications == case.multiplications
    assert report.multiplications_effective == case.effective


@pytest.mark.parametrize("case", [case for case in CASES if case.word is not None], ids=str)
def test_cases_as_layer_words_have_the_same_numbers(case: Case) -> None:
    assert case.word is not None
    [layer] = layer_report(row_graph([case.word], case.size, batch=case.options.get("batch", 1))).layers
    assert layer.output == case.output
    assert (layer.weights, layer.multiplications, layer.multiplications_effective) == (
        case.weights, case.multiplications, case.effective,
    )  # fmt: skip
    assert layer.biases == analyzed(case).biases


def check_against_loops(report: Report, *, bias: bool, batch: int) -> None:
    for stage in report.to_dict()["stages"]:
        loop = counts(stage, bias=bias, batch=batch)
        assert stage["output"] == loop.output
        assert stage["weights"] == loop.weights
        assert stage["biases"] == loop.biases
        assert stage["parameters"] == loop.weights + loop.biases
        assert stage["multiplications"] == stage["macs"] == loop.multiplications
        assert stage["flops"] == 2 * loop.multiplications
        assert stage["multiplications_effective"] == loop.effective
        assert stage["additions"] == loop.additions
        assert stage["activations"] == batch * prod(loop.output)
        if stage["op"] == "conv_transpose":
            assert stage["multiplications_zero_inserted"] == loop.zero_inserted
        else:
            assert "multiplications_zero_inserted" not in stage


@EVERY_CASE
def test_cases_agree_with_plain_loops(case: Case) -> None:
    check_against_loops(analyzed(case), bias=case.options.get("bias", False), batch=case.options.get("batch", 1))


@EVERY_CASE
def test_cases_agree_with_a_number_that_counts(case: Case) -> None:
    """Nothing is counted on paper here: the convolution is carried out and its numbers keep the tally."""
    bias, batch = case.options.get("bias", False), case.options.get("batch", 1)
    for stage in analyzed(case).to_dict()["stages"]:
        if stage["op"] == "channel_shuffle":
            assert (stage["multiplications"], stage["additions"], stage["parameters"]) == (0, 0, 0)
            continue
        tally, _ = executed(stage, bias=bias)
        sparse, sums = executed(stage, bias=bias, padding_counts=False)
        assert stage["multiplications"] == batch * tally.multiplications
        assert stage["multiplications_effective"] == batch * sparse.multiplications
        assert stage["additions"] == batch * tally.additions
        assert sum(sums.values()) == sparse.multiplications + bias * prod(stage["output"])


def test_random_layers_agree_with_plain_loops() -> None:
    for type, options, report in random_layers(seed=21, count=150):
        try:
            check_against_loops(report, bias=options["bias"], batch=options["batch"])
        except AssertionError as error:
            raise AssertionError(f"{type} {options}: {error}") from error


@EVERY_CASE
def test_totals_are_sums_over_the_stages(case: Case) -> None:
    report = analyzed(case)
    whole, stages = report.to_dict(), report.to_dict()["stages"]
    for name in TOTALS:
        assert whole[name] == sum(stage[name] for stage in stages) == getattr(report, name), name
    assert whole["macs"] == whole["multiplications"]
    assert whole["flops"] == 2 * whole["macs"]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8", "complex128"])
def test_bytes_are_those_of_numpy(dtype: str) -> None:
    numpy = pytest.importorskip("numpy")
    report = analyze("depthwise-separable", input=(3, 7, 7), filters=5, bias=True, batch=2, dtype=dtype).to_dict()
    size = numpy.dtype(dtype).itemsize
    for part in (report, *report["stages"]):
        assert part["input_bytes"] == size * 2 * numpy.prod(part["input"])
        assert part["parameter_bytes"] == size * part["parameters"]
        assert part["activation_bytes"] == size * part["activations"]
        assert part["bytes"] == part["parameter_bytes"] + part["activation_bytes"]


@pytest.mark.parametrize("dtype", ["float8", "", "Flout32", None, 32, ["float32"]])
def test_an_unknown_dtype_is_refused(dtype: Any) -> None:
    with pytest.raises(NotationError, match=r"^dtype: unknown element type .*; use one of float64, float32"):
        analyze(dtype=dtype)


# Numbers of the literature and of frameworks.


def test_the_worked_example() -> None:
    """Howard et al. 2017, MobileNets, section 3.1: the ratio is 1/N + 1/k^2."""
    standard = analyze("standard", input=(3, 7, 7), kernel=3, filters=128)
    assert (standard.multiplications, standard.weights) == (86_400, 3_456)
    separable = analyze("depthwise-separable", input=(3, 7, 7), kernel=3, filters=128)
    assert [stage.multiplications for stage in separable.stages] == [675, 9_600]
    assert [stage.weights for stage in separable.stages] == [27, 384]
    assert (separable.multiplications, separable.weights) == (10_275, 411)
    assert [stage.additions for stage in separable.stages] == [75 * (9 - 1), 3200 * (3 - 1)]


def test_a_spatially_separable_filter() -> None:
    """5x5 and one 3x3 filter: 9 positions of 9 taps; in two passes 15 positions of 3 taps and 9 of 3."""
    whole = analyze("standard", input=(1, 5, 5), kernel=3, filters=1)
    parts = analyze("spatially-separable", input=(1, 5, 5), kernel=3, filters=1)
    assert (whole.multiplications, whole.weights) == (81, 9)
    assert [stage.multiplications for stage in parts.stages] == [45, 27]
    assert (parts.multiplications, parts.weights) == (72, 6)


def test_a_transposed_convolution_that_doubles() -> None:
    """Radford et al. 2016, the layer shape of DCGAN's generator: 8*8 inputs meet 16*8*4*4 weights."""
    report = analyze("transposed", input=(16, 8, 8), kernel=4, stride=2, padding=1, filters=8)
    stage = report.to_dict()["stages"][0]
    assert report.output == (8, 16, 16)
    assert report.multiplications == 64 * 16 * 8 * 16 == 131_072
    assert stage["multiplications_zero_inserted"] == 256 * 8 * 16 * 16 == 524_288
    assert report.multiplications_effective < report.multiplications < stage["multiplications_zero_inserted"]


def test_padding_counts_unless_effective() -> None:
    """3 -> 4 channels, 3x3, padding 1 on 5x5: 25*9*12; of 15 (position, tap) pairs an axis 13 touch data."""
    report = analyze("standard", input=(3, 5, 5), kernel=3, padding=1, filters=4)
    assert report.multiplications == 25 * 9 * 12 == 2_700
    assert report.multiplications_effective == 13 * 13 * 12 == 2_028


@pytest.mark.parametrize(
    ("options", "parameters", "multiplications"),
    [
        # He et al. 2016, ResNet-18: conv1 and a layer of conv2_x, parameters as torchvision.models.resnet18
        ({"input": (3, 224, 224), "kernel": 7, "stride": 2, "padding": 3, "filters": 64}, 9_408, 118_013_952),
        ({"input": (64, 56, 56), "kernel": 3, "padding": 1, "filters": 64}, 36_864, 115_605_504),
        # Simonyan & Zisserman 2015, VGG-16: conv1_1 with bias, as torchvision.models.vgg16
        ({"input": (3, 224, 224), "kernel": 3, "padding": 1, "filters": 64, "bias": True}, 1_792, 86_704_128),
        # Krizhevsky et al. 2012: conv1, 96 filters of 11x11x3 on 55x55, and conv2 in two groups
        ({"input": (3, 227, 227), "kernel": 11, "stride": 4, "filters": 96, "bias": True}, 34_944, 105_415_200),
        (
            {"input": (96, 27, 27), "kernel": 5, "padding": 2, "filters": 256, "groups": 2, "bias": True},
            307_456,
            223_948_800,
        ),
        # LeCun et al. 1998, LeNet-5: C1 has 156 parameters and 122,304 connections (bias counted among them)
        ({"input": (1, 32, 32), "kernel": 5, "filters": 6, "bias": True}, 156, 122_304 - 28 * 28 * 6),
    ],
)
def test_layers_of_famous_networks(options: dict[str, Any], parameters: int, multiplications: int) -> None:
    report = analyze("standard", **options)
    assert (report.parameters, report.multiplications) == (parameters, multiplications)


@pytest.mark.parametrize(
    ("options", "separable"),
    [
        # Howard et al. 2017, table 1: two depthwise separable layers of MobileNet
        ({"input": (32, 112, 112), "kernel": 3, "padding": 1, "filters": 64}, 112 * 112 * 32 * (9 + 64)),
        ({"input": (512, 14, 14), "kernel": 3, "padding": 1, "filters": 512}, 14 * 14 * 512 * (9 + 512)),
    ],
)
def test_layers_of_mobilenet(options: dict[str, Any], separable: int) -> None:
    assert analyze("depthwise-separable", **options).multiplications == separable


def test_a_layer_of_shufflenet() -> None:
    """Zhang et al. 2018, table 1, group counts: a pointwise grouped convolution costs 1/g of a pointwise one."""
    whole = analyze("pointwise", input=(240, 28, 28), filters=60)
    grouped = analyze("pointwise-grouped", input=(240, 28, 28), filters=60, groups=3)
    assert whole.multiplications == 28 * 28 * 240 * 60
    assert grouped.multiplications * 3 == whole.multiplications
    assert grouped.parameters * 3 == whole.parameters == 240 * 60


# Integers beyond any machine word.


def test_exact_integers_beyond_64_bits() -> None:
    """Closed form: outputs n^3, taps 7^3, and per axis 7n - 2*(1 + 2 + 3) of the 7n taps touch data."""
    n, channels, filters = 8192, 4096, 4096
    report = analyze("standard", input=(channels, n, n, n), kernel=7, padding=3, filters=filters)
    assert report.output == (filters, n, n, n)
    assert report.weights == 4096 * 4096 * 343
    assert report.multiplications == n**3 * channels * filters * 343
    assert report.multiplications > 2**64
    assert report.multiplications_effective == (7 * n - 12) ** 3 * channels * filters
    assert report.additions == n**3 * filters * (channels * 343 - 1)
    assert report.flops == 2 * n**3 * channels * filters * 343
    assert all(type(getattr(report, name)) is int for name in TOTALS)


def test_exact_integers_of_a_hundred_digits() -> None:
    """Stride and kernel equal: every input meets every weight, all land inside, no two on one output."""
    n, channels, filters = 10**99 + 7, 10**90 + 1, 10**80 + 3
    report = analyze("transposed", input=(channels, n), kernel=3, stride=3, filters=filters)
    assert report.output == (filters, 3 * n)
    assert report.multiplications == report.multiplications_effective == n * channels * filters * 3
    assert report.additions == n * 3 * filters * (channels - 1)


@pytest.mark.parametrize("digits", [4, 5, 9, 40])
def test_transposed_windows_of_any_size_are_answered(digits: int) -> None:
    """Kernel s + 1 on stride s, one channel: n*(s + 1) products on n*s + 1 outputs, so n - 1 additions."""
    n, stride = 3, 10**digits
    with at_most(2):
        report = analyze("transposed", input=(1, n), kernel=stride + 1, stride=stride, filters=1)
    assert report.output == (1, n * stride + 1)
    assert report.multiplications == report.multiplications_effective == n * (stride + 1)
    assert report.additions == n - 1


def test_transposed_windows_of_any_dilation_are_answered() -> None:
    """Dilation a multiple of the stride and wider than the input: n*k products, each on an output of its own."""
    n, kernel = 3, 10**12
    with at_most(1):
        report = analyze("transposed", input=(1, n), kernel=kernel, stride=2, dilation=10, filters=1)
    assert report.output == (1, (n - 1) * 2 + 10 * (kernel - 1) + 1)
    assert report.multiplications == report.multiplications_effective == n * kernel
    assert report.additions == 0


# Primitives that no convolution type has.


def placed(primitive: p.Primitive, *shapes: tuple[int, ...]) -> Node:
    """The node of a primitive on inputs of these whole shapes."""
    builder = Builder()
    builder.add(
        "node", "op", primitive, [builder.add(f"in{n}", "input", p.Input(shape)) for n, shape in enumerate(shapes)]
    )
    return builder.nodes[-1]


def test_linear_layers_and_products_by_hand() -> None:
    """2 rows of 5 features from 7: 70 products, 10 sums of 6 additions, and a bias each."""
    with_bias, without = (cost(placed(p.Linear(7, 5, bias), (2, 7))) for bias in (True, False))
    assert with_bias == Cost(35, 5, 70, 70, None, 70, 10)
    assert without == Cost(35, 0, 70, 70, None, 60, 10)
    assert cost(placed(p.Linear(21, 5, True, flatten=True), (2, 3, 7))) == Cost(105, 5, 210, 210, None, 210, 10)
    assert cost(placed(p.MatMul(), (2, 3, 7), (2, 7, 5))) == Cost(0, 0, 2 * 3 * 5 * 7, 210, None, 2 * 3 * 5 * 6, 30)
    assert cost(placed(p.Elementwise("relu"), (2, 3, 7))) == Cost(0, 0, 0, 0, None, 0, 42)


def test_running_statistics_are_two_numbers_a_channel() -> None:
    """PyTorch: BatchNorm keeps a mean and a variance per channel, InstanceNorm by default nothing."""
    assert buffers(placed(p.Normalize("batch_norm", (5,)), (2, 5, 7))) == 10
    assert buffers(placed(p.Normalize("batch_norm", (5,)), (2, 5))) == 10
    assert buffers(placed(p.Normalize("layer_norm", (7,), (2,)), (2, 5, 7))) == 0
    assert buffers(placed(p.Normalize("instance_norm", (5,), (2,)), (2, 5, 7))) == 0
    assert buffers(placed(p.Elementwise("relu"), (2, 5, 7))) == 0
    assert cost(placed(p.Normalize("batch_norm", (5,)), (2, 5, 7))) == Cost(5, 5, 0, 0, None, 0, 70, 10)


def test_sums_of_costs() -> None:
    summed = total([Cost(1, 2, 3, 4, 5, 6, 7, 8), Cost(10, 20, 30, 40, None, 60, 70, 80)])
    assert summed == Cost(11, 22, 33, 44, None, 66, 77, 88)
    assert (summed.parameters, summed.macs, summed.flops) == (33, 33, 66)
