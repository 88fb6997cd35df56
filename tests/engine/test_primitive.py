"""Every primitive run on arrays: against PyTorch on unequal axes, or by hand if PyTorch lacks it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convcalc.engine.counter import Counter
from convcalc.engine.ops.activations import ELEMENTWISE, erf
from convcalc.engine.primitive import obstacle, run_primitive
from convcalc.errors import DataError
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Constant,
    Correlate,
    Elementwise,
    Expand,
    Input,
    Linear,
    MatMul,
    Merge,
    Normalize,
    Pad,
    Pool,
    Primitive,
    Reduce,
    Reshape,
    Resize,
    ShuffleChannels,
    Slice,
    Softmax,
    Take,
    Transpose,
    TransposedCorrelate,
    Unknown,
    WithConstant,
    parameter_shapes,
)
from convcalc.graph.shapes import place
from convcalc.recipes.options import LayerOptions, layer_graph

RNG = np.random.default_rng(5)
SHAPES = {1: (2, 6, 19), 2: (2, 6, 11, 17), 3: (2, 6, 5, 8, 7)}


def data(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def ran(primitive: Primitive, *xs: np.ndarray, arrays: Sequence[np.ndarray] = ()) -> np.ndarray:
    """The output of a primitive, which has the shape predicted and the dtype of its input."""
    placed = place(primitive, [x.shape for x in xs], [f"input {i}" for i in range(len(xs))])
    out = run_primitive(placed.primitive, xs, arrays)
    assert out.shape == placed.shape
    assert out.dtype == xs[0].dtype
    return out


def torch() -> Any:
    return pytest.importorskip("torch")


def expected(result: Any) -> np.ndarray:
    array: np.ndarray = result.numpy()
    return array


TYPES = ("standard", "transposed", "grouped", "depthwise", "dilated")


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("bias", [False, True])
def test_convolutions(type: str, dims: int, bias: bool) -> None:
    functional = torch().nn.functional
    keys: dict[str, Any] = {"kernel": (3, 2, 4)[:dims], "stride": (2, 3, 1)[:dims], "padding": (1, 0, 2)[:dims]}
    x = data(*SHAPES[dims])
    more = {} if type == "depthwise" else {"filters": 10}
    graph = layer_graph(type, LayerOptions(x.shape[1:], **keys, **more, bias=bias), batch=2)
    [node] = [node for node in graph.nodes if node.inputs]
    arrays = [data(*shape) for _, shape in parameter_shapes(node.primitive)]
    weight, *rest = map(torch().from_numpy, arrays)
    groups = {"grouped": 2, "depthwise": 6}.get(type, 1)
    options = {"stride": keys["stride"], "padding": keys["padding"], "groups": groups}
    options |= {"dilation": 2} if type == "dilated" else {}
    function = getattr(functional, f"conv_transpose{dims}d" if type == "transposed" else f"conv{dims}d")
    theirs = function(torch().from_numpy(x), weight, *rest, **options)
    assert_allclose(ran(node.primitive, x, arrays=arrays), expected(theirs), atol=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("padding", [(0, 0, 0), (1, 0, 1), (0, 1, 2)])
@pytest.mark.parametrize("kernel", [(3, 2, 4), (2, 3, 4)])
@pytest.mark.parametrize("stride", [(2, 3, 3), (3, 2, 1), (4, 5, 3)])
def test_pools(
    dims: int, ceil_mode: bool, padding: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    functional = torch().nn.functional
    kernel, stride = kernel[:dims], stride[:dims]
    padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=False))
    x = data(*SHAPES[dims])
    pairs = tuple((p, p) for p in padding)
    for dilation in ((1, 1, 1), (2, 1, 1), (1, 2, 1)):
        stage = Pool("max", kernel, stride, pairs, dilation[:dims], ceil_mode)
        theirs = getattr(functional, f"max_pool{dims}d")(
            torch().from_numpy(x), kernel, stride, padding, dilation[:dims], ceil_mode
        )
        assert_array_equal(ran(stage, x), expected(theirs))
    for counted in (True, False):
        stage = Pool("avg", kernel, stride, pairs, (1,) * dims, ceil_mode, counted)
        theirs = getattr(functional, f"avg_pool{dims}d")(
            torch().from_numpy(x), kernel, stride, padding, ceil_mode, counted
        )
        assert_allclose(ran(stage, x), expected(theirs), atol=1e-14)


def test_pools_with_one_sided_padding() -> None:
    functional = torch().nn.functional
    x = data(2, 3, 7, 10)
    pairs = ((0, 1), (1, 0))
    padded = functional.pad(torch().from_numpy(x), (1, 0, 0, 1), value=-np.inf)
    theirs = functional.max_pool2d(padded, (2, 3), (1, 2))
    assert_array_equal(ran(Pool("max", (2, 3), (1, 2), pairs, (1, 1)), x), expected(theirs))
    theirs = functional.avg_pool2d(functional.pad(torch().from_numpy(x), (1, 0, 0, 1)), (2, 3), (1, 2))
    assert_allclose(ran(Pool("avg", (2, 3), (1, 2), pairs, (1, 1)), x), expected(theirs), atol=1e-14)
    ours = ran(Pool("avg", (2, 3), (1, 2), pairs, (1, 1), count_include_pad=False), x)
    ones = functional.avg_pool2d(functional.pad(torch().ones(x.shape), (1, 0, 0, 1)), (2, 3), (1, 2))
    assert_allclose(ours, expected(theirs / ones), atol=1e-14)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 5, 4), (7, 4, 11), (5, 17, 2)])
def test_adaptive_pools(dims: int, kind: str, sizes: tuple[int, ...]) -> None:
    x = data(*SHAPES[dims])
    theirs = getattr(torch().nn.functional, f"adaptive_{kind}_pool{dims}d")(torch().from_numpy(x), sizes[:dims])
    assert_allclose(ran(AdaptivePool(kind, sizes[:dims]), x), expected(theirs), atol=1e-14)


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 3, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("outputs", [1, 7])
def test_linear(shape: tuple[int, ...], bias: bool, outputs: int) -> None:
    x, weight, shift = data(*shape), data(outputs, 5), data(outputs)
    ours = ran(Linear(5, outputs, bias), x, arrays=[weight, shift][: 1 + bias])
    assert_allclose(ours, x @ weight.T + (shift if bias else 0), atol=1e-13)


@pytest.mark.parametrize(("left", "right"), [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((3, 1, 2, 4), (2, 4, 7))])
def test_matrix_products_are_counted(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b = data(*left), data(*right)
    assert_allclose(ran(MatMul(), a, b), a @ b, atol=1e-14)
    counter = Counter()
    run_primitive(MatMul(), [a, b], counter=counter)
    assert counter.multiplications == (a @ b).size * left[-1]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("affine", [True, False])
def test_normalizations(dims: int, affine: bool) -> None:
    functional, t = torch().nn.functional, torch().from_numpy
    x = data(*SHAPES[dims]) * 3 + 1
    weight, bias, mean = data(6), data(6), data(6)
    variance = data(6) ** 2 + 0.1
    learned = [weight, bias] if affine else []
    w, b = (t(weight), t(bias)) if affine else (None, None)
    shape = (6,) if affine else ()
    spatial = tuple(range(2, 2 + dims))
    theirs = functional.batch_norm(t(x), t(mean), t(variance), w, b, eps=1e-3)
    ours = ran(Normalize("batch_norm", shape, (), epsilon=1e-3), x, arrays=[*learned, mean, variance])
    assert_allclose(ours, expected(theirs), atol=1e-12)
    theirs = functional.group_norm(t(x), 3, w, b, 1e-2)
    ours = ran(Normalize("group_norm", shape, (1, *spatial), 3, 1e-2), x, arrays=learned)
    assert_allclose(ours, expected(theirs), atol=1e-12)
    theirs = functional.instance_norm(t(x), weight=w, bias=b, eps=1e-5)
    assert_allclose(ran(Normalize("instance_norm", shape, spatial), x, arrays=learned), expected(theirs), atol=1e-12)
    theirs = functional.layer_norm(t(x).movedim(1, -1), (6,), w, b, 1e-6).movedim(-1, 1)
    ours = ran(Normalize("layer_norm", shape, (1,), epsilon=1e-6), x, arrays=learned)
    assert_allclose(ours, expected(theirs), atol=1e-12)
    last = SHAPES[dims][-2:]
    weight, bias = data(*last), data(*last)
    theirs = functional.layer_norm(t(x), last, t(weight), t(bias))
    ours = ran(Normalize("layer_norm", last, (dims, dims + 1)), x, arrays=[weight, bias])
    assert_allclose(ours, expected(theirs), atol=1e-12)
    theirs = functional.layer_norm(t(x), last, t(weight))
    ours = ran(Normalize("layer_norm", last, (dims, dims + 1), bias=False), x, arrays=[weight])
    assert_allclose(ours, expected(theirs), atol=1e-12)
    shift = data(6)
    theirs = functional.batch_norm(t(x), t(mean), t(variance), None, t(shift), eps=1e-3)
    ours = ran(Normalize("batch_norm", (6,), (), epsilon=1e-3, scale=False), x, arrays=[shift, mean, variance])
    assert_allclose(ours, expected(theirs), atol=1e-12)


NOT_IN_TORCH = ("thresholded_relu", "clip", "float16", "float32", "float64", "negative", "shrink", "gelu_tanh")
"""Functions that PyTorch does not have by that name; all others are compared."""

TORCH_NAMES = {
    "hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish", "hard_tanh": "hardtanh", "log_sigmoid": "logsigmoid",
    "dropout": None, "identity": None,
}  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in ELEMENTWISE if kind not in NOT_IN_TORCH])
def test_activations(kind: str) -> None:
    functional = torch().nn.functional
    x = np.concatenate([np.linspace(-9, 9, 601), [-800.0, 800.0, 0.0, -0.0, np.inf, -np.inf, np.nan]])
    name = TORCH_NAMES.get(kind, kind)
    function = getattr(functional, name or "", None) or getattr(torch(), name or "", lambda x: x)
    theirs = expected(function(torch().from_numpy(x)))
    ours = ran(Elementwise(kind), x.reshape(1, -1))[0]
    finite = np.isfinite(x)
    assert_allclose(ours[finite], theirs[finite], rtol=1e-11, atol=1e-14)
    assert np.isnan(ours[-1])
    if kind in ("leaky_relu", "elu", "celu"):
        settings = {"leaky_relu": "negative_slope"}.get(kind, "alpha")
        theirs = expected(function(torch().from_numpy(x), **{settings: 0.3}))
        assert_allclose(ran(Elementwise(kind, (("alpha", 0.3),)), x.reshape(1, -1))[0][finite], theirs[finite])


@pytest.mark.parametrize("kind", list(ELEMENTWISE))
def test_nan_passes_through_every_function(kind: str) -> None:
    x = np.array([[1.0, np.nan, 2.0]], np.float32)
    assert_array_equal(np.isnan(ran(Elementwise(kind), x)), [[False, True, False]])


def test_functions_that_pytorch_calls_otherwise() -> None:
    functional = torch().nn.functional
    x = np.linspace(-9, 9, 601)
    t = torch().from_numpy(x)
    theirs = {
        Elementwise("gelu_tanh"): functional.gelu(t, approximate="tanh"),
        Elementwise("negative"): -t,
        Elementwise("clip", (("min", -1.5), ("max", 2.0))): torch().clamp(t, -1.5, 2.0),
        Elementwise("thresholded_relu", (("alpha", 0.3),)): functional.threshold(t, 0.3, 0.0),
        Elementwise("shrink", (("bias", 0.7), ("lambd", 0.7))): functional.softshrink(t, 0.7),
        Elementwise("float16"): t.half().double(),
    }
    for primitive, values in theirs.items():
        assert_allclose(ran(primitive, x.reshape(1, -1))[0], expected(values), rtol=1e-11, atol=1e-14)


def test_erf() -> None:
    x = np.linspace(-7, 7, 3001)
    theirs = expected(torch().erf(torch().from_numpy(x)))
    assert_allclose(erf(x), theirs, rtol=0, atol=3e-14)


def test_nan_passes_through_windows_and_merges() -> None:
    x = data(1, 2, 7, 6)
    x[0, 1, 3, 2] = np.nan
    held = ran(Pool("max", (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1)), x)
    where = np.argwhere(np.isnan(held[0]))
    assert {tuple(map(int, place)) for place in where} == {(1, r, c) for r in range(1, 4) for c in range(3)}
    for kind in ("maximum", "add", "multiply"):
        assert np.isnan(ran(Merge(kind), x, np.zeros_like(x))).sum() == 1
    assert np.isnan(ran(AdaptivePool("max", (1, 1)), x)).sum() == 1


def test_merges_and_constants_broadcast() -> None:
    x, y, scale = data(2, 3, 4), data(2, 3, 1), data(3, 1)
    assert_array_equal(ran(Merge("add"), x, y, x), x + y + x)
    assert_array_equal(ran(Merge("subtract"), x, y), x - y)
    assert_array_equal(ran(Merge("multiply"), x, y), x * y)
    assert_array_equal(ran(Merge("maximum"), x, y), np.maximum(x, y))
    assert_array_equal(ran(WithConstant("multiply", (3, 1), True), x, arrays=[scale]), x * scale)
    assert_array_equal(ran(WithConstant("subtract", (3, 1), False, first=True), x, arrays=[scale]), scale - x)
    theirs = torch().nn.functional.prelu(torch().from_numpy(x), torch().from_numpy(scale[:, 0]))
    assert_array_equal(ran(WithConstant("prelu", (3, 1), True), x, arrays=[scale]), expected(theirs))


def test_features_are_merged_with_the_channels_of_a_map() -> None:
    features, image = data(2, 4), data(2, 4, 4, 4)
    np.testing.assert_array_equal(
        ran(Merge("multiply", flat=True), image, features), np.einsum("bcyx,bc->bcyx", image, features)
    )


def test_softmax() -> None:
    functional = torch().nn.functional
    x = data(2, 3, 5) * 100
    for axis in range(3):
        theirs = functional.softmax(torch().from_numpy(x), axis)
        assert_allclose(ran(Softmax(axis), x), expected(theirs), atol=1e-14)
        theirs = functional.log_softmax(torch().from_numpy(x), axis)
        assert_allclose(ran(Softmax(axis, log=True), x), expected(theirs), atol=1e-12)


@pytest.mark.parametrize("keep", [True, False])
def test_reductions(keep: bool) -> None:
    x = np.abs(data(2, 3, 5, 7))
    for kind, function in {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum, "prod": np.prod}.items():
        assert_allclose(ran(Reduce(kind, (2, 3), keep), x), function(x, (2, 3), keepdims=keep))  # type: ignore[operator]
    assert_allclose(ran(Reduce("l2", (1,), keep), x), np.linalg.norm(x, axis=1, keepdims=keep))
    assert_allclose(ran(Reduce("l1", (1,), keep), x), x.sum(1, keepdims=keep))
    assert_allclose(ran(Reduce("sum_square", (1,), keep), x), (x**2).sum(1, keepdims=keep))
    assert_allclose(ran(Reduce("log_sum_exp", (1,), keep), x), np.log(np.exp(x).sum(1, keepdims=keep)))


@pytest.mark.parametrize(
    ("first", "count", "step", "kept"),
    [(1, 3, 1, [1, 2, 3]), (0, 3, 3, [0, 3, 6]), (6, 7, -1, [6, 5, 4, 3, 2, 1, 0]), (5, 2, -3, [5, 2])],
)
def test_slices(first: int, count: int, step: int, kept: list[int]) -> None:
    x = data(2, 7, 3)
    assert_array_equal(ran(Slice(1, first, count, step), x), x[:, kept])


def test_shapes_move_as_in_numpy() -> None:
    x, y = data(2, 3, 4), data(2, 5, 4)
    assert_array_equal(ran(Concat(1), x, y), np.concatenate([x, y], 1))
    assert_array_equal(ran(Reshape((2, 12)), x), x.reshape(2, 12))
    assert_array_equal(ran(Transpose((0, 2, 1)), x), x.transpose(0, 2, 1))
    assert_array_equal(ran(Expand((5, 2, 3, 4)), x), np.broadcast_to(x, (5, 2, 3, 4)))
    assert_array_equal(ran(Expand((7, 1)), data(2, 1, 1) * 0), np.zeros((2, 7, 1)))


@pytest.mark.parametrize(("mode", "theirs"), [("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")])
def test_padding_modes(mode: str, theirs: str) -> None:
    x = data(2, 3, 5, 6)
    padded = torch().nn.functional.pad(torch().from_numpy(x), (3, 1, 0, 2), mode=theirs)
    assert_array_equal(ran(Pad(((0, 0), (0, 0), (0, 2), (3, 1)), mode), x), expected(padded))


def test_padding_with_numbers_and_cropping() -> None:
    x = data(2, 3, 5, 6)
    padded = torch().nn.functional.pad(torch().from_numpy(x), (3, -1, -2, 2), value=0.5)
    ours = ran(Pad(((0, 0), (0, 0), (-2, 2), (3, -1)), "constant", 0.5), x)
    assert_array_equal(ours, expected(padded))


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(9, 13, 10), (4, 22, 3), (1, 5, 16)])
def test_resizing(dims: int, sizes: tuple[int, ...]) -> None:
    functional = torch().nn.functional
    x, sizes = data(*SHAPES[dims]), sizes[:dims]
    t = torch().from_numpy(x)
    assert_array_equal(ran(Resize(sizes), x), expected(functional.interpolate(t, sizes)))
    mode = ("linear", "bilinear", "trilinear")[dims - 1]
    modes = [("linear", mode)] + ([("cubic", "bicubic")] if dims == 2 else [])
    for ours, theirs in modes:
        for corners, coordinates in ((False, "half_pixel"), (True, "align_corners")):
            wanted = functional.interpolate(t, sizes, mode=theirs, align_corners=corners)
            assert_allclose(ran(Resize(sizes, ours, coordinates), x), expected(wanted), atol=1e-12)
    wanted = functional.interpolate(t, sizes, mode="nearest-exact")
    assert_array_equal(ran(Resize(sizes, "nearest", "half_pixel", "round_prefer_ceil"), x), expected(wanted))


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("factors", [(1.5, 1.7, 2.3), (0.6, 2.0, 0.35), (3, 1.9, 1)])
def test_upsampling_by_fractions(dims: int, factors: tuple[float, ...]) -> None:
    """The size is rounded down, and pixels lie by the factor and not by the ratio of the sizes."""
    x, factors = data(*SHAPES[dims]), factors[:dims]
    linear = ("linear", "bilinear", "trilinear")[dims - 1]
    modes = [("nearest", "nearest", None), ("linear", linear, False), ("linear", linear, True)]
    modes += [("cubic", "bicubic", False)] if dims == 2 else []
    for ours, theirs, corners in modes:
        sizes = tuple(floor(n * factor) for n, factor in zip(x.shape[2:], factors, strict=True))
        coordinates = "align_corners" if corners else "asymmetric" if ours == "nearest" else "half_pixel"
        resized = Resize(sizes, ours, coordinates, scales=tuple(Fraction(str(factor)) for factor in factors))
        wanted = torch().nn.functional.interpolate(
            torch().from_numpy(x), scale_factor=tuple(map(float, factors)), mode=theirs, align_corners=corners
        )
        assert_allclose(ran(resized, x), expected(wanted), atol=1e-12)


@pytest.mark.parametrize(
    ("rounding", "kept"), [("floor", [0, 1, 3]), ("ceil", [0, 2, 4]), ("round_prefer_floor", [0, 2, 3]),
                           ("round_prefer_ceil", [0, 2, 3])]
)  # fmt: skip
def test_nearest_by_rounding(rounding: str, kept: list[int]) -> None:
    """Outputs 0, 1, 2 of 3 lie at 0, 5/3 and 10/3 of 5 inputs."""
    x = np.arange(5.0).reshape(1, 1, 5)
    assert_array_equal(ran(Resize((3,), "nearest", "asymmetric", rounding), x)[0, 0], kept)


def test_resizing_reads_only_what_has_weight() -> None:
    x = np.array([[[1.0, np.nan, 3.0]]])
    assert_array_equal(ran(Resize((5,), "linear", "align_corners"), x), [[[1, np.nan, np.nan, np.nan, 3]]])


def test_channel_shuffle() -> None:
    x = data(2, 6, 5, 4)
    theirs = torch().nn.functional.channel_shuffle(torch().from_numpy(x), 3)
    assert_array_equal(ran(ShuffleChannels(3), x), expected(theirs))


def test_takes_positions_in_any_order() -> None:
    x = data(2, 5, 3)
    assert_array_equal(ran(Take(1, (4, 0, 0, 2), (2, 2)), x), x[:, [[4, 0], [0, 2]]])
    assert_array_equal(ran(Take(1, (3,), ()), x), x[:, 3])


def test_inputs_and_constants_are_what_they_are_given() -> None:
    x = data(2, 3)
    assert run_primitive(Input((2, 3)), [x]) is x
    assert run_primitive(Constant((2, 3), learned=True), [], [x]) is x


OBSTACLES: list[tuple[Primitive, str]] = [
    (Unknown("no such thing", (1, 2)), "no such thing"),
    (Elementwise("what"), "no definition of what"),
    (Merge("what"), "no definition of what"),
    (WithConstant("what", (1,), learned=True), "no definition of what"),
    (Normalize("what", ()), "no definition of what"),
    (Reduce("what", (1,)), "no definition of reducing by what"),
    (Pool("what", (1,), (1,), ((0, 0),), (1,)), "no definition of pooling by what"),
    (Resize((3,), "nearest", "what"), "no definition of coordinates what"),
]


@pytest.mark.parametrize(("primitive", "reason"), OBSTACLES)
def test_why_a_primitive_cannot_be_run(primitive: Primitive, reason: str) -> None:
    assert obstacle(primitive) == reason


def test_what_can_be_run_has_no_obstacle() -> None:
    for primitive in (Merge("mean"), Elementwise("relu"), MatMul(), Softmax(1), Linear(2, 3, bias=True), Input((1,))):
        assert obstacle(primitive) is None
    with pytest.raises(DataError, match="cannot be run: no such thing"):
        run_primitive(Unknown("no such thing"), [])


PLACED = Correlate(1, 1, (2,), (1,), ((1, 0),), (1,))
SPREAD = TransposedCorrelate(1, 1, (2,), (1,), ((1, 0),), (1,), 1, (0,))


@pytest.mark.parametrize(
    ("primitive", "options", "message"),
    [
        (PLACED, {"padding_mode": "mirror"}, "padding-mode: must be one of zeros, .*got 'mirror'"),
        (PLACED, {"algorithm": "magic"}, "algorithm: must be one of auto, direct, .*got 'magic'"),
        (SPREAD, {"padding_mode": "reflect"}, "a transposed convolution has zeros only, got reflect"),
        (Correlate(1, 1, (2,), (1 << 48,), ((1, 0),), (1,)), {}, "must be below 2.48 to be run, got 281474976710656"),
    ],
)
def test_options_that_a_convolution_cannot_take(primitive: Primitive, options: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        run_primitive(primitive, [np.ones((1, 1, 5))], [np.ones((1, 1, 2))], **options)  # type: ignore[arg-type]


def test_a_bias_is_added_if_the_primitive_has_one() -> None:
    x, weight, bias = np.ones((1, 1, 4)), np.ones((1, 1, 2)), np.array([10.0])
    biased = Correlate(1, 1, (2,), (1,), ((1, 0),), (1,), bias=True)
    assert_array_equal(run_primitive(biased, [x], [weight, bias]), [[[11, 12, 12, 12]]])
    assert_array_equal(run_primitive(PLACED, [x], [weight, bias]), [[[1, 2, 2, 2]]])
