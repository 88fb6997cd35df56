"""Values against the definition: whatever is wrong with an output is noticed, and what rounding explains is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from convcalc import Report, analyze
from convcalc.engine.primitive import run_primitive
from convcalc.graph.primitives import ShuffleChannels
from convcalc.proof import values
from convcalc.proof.executed import Check, Executed, convolved
from convcalc.proof.values import check_values
from convcalc.proof.walk import executed
from tests.proof.examples import EXAMPLES, LAYER
from tests.proof.running import INF, NAN, disagreeing, ran, run_nodes


@pytest.fixture(params=EXAMPLES)
def report(request: pytest.FixtureRequest) -> Report:
    return EXAMPLES[request.param]


def values_after(nodes: list[Executed], which: int, change: Callable[[np.ndarray], np.ndarray]) -> Check:
    """The check of values if one node's output is changed after the fact, before the next one uses it."""
    altered, [x] = [], nodes[0].inputs
    for index, node in enumerate(nodes):
        out = run_primitive(node.node.primitive, [x], node.arrays, padding_mode=node.padding_mode)
        if index == which:
            out = np.ascontiguousarray(change(out.copy()))
        altered.append(replace(node, inputs=(x,), out=out))
        x = out
    return check_values(altered)[0]


def corners(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return product(*({0, size - 1} for size in shape))


@pytest.mark.parametrize("dtype", ["int16", "float16", "float32", "float64", "complex64"])
def test_values_notices_any_corner(dtype: str, report: Report) -> None:
    nodes = run_nodes(report, dtype)
    assert check_values(nodes)[0].ok
    largest = float(np.abs(nodes[-1].out).max())
    off = 1 if dtype == "int16" else 64 * float(np.finfo(dtype).eps) * largest
    for corner in corners(nodes[-1].out.shape):

        def change(out: np.ndarray, corner: tuple[int, ...] = corner) -> np.ndarray:
            out[corner] += off
            return out

        assert not values_after(nodes, len(nodes) - 1, change).ok


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "shifted": lambda out: np.roll(out, 1, -1),
    "shifted down": lambda out: np.roll(out, 1, 2),
    "mirrored": lambda out: out[..., ::-1],
    "filters exchanged": lambda out: out[:, ::-1],
    "negative": lambda out: -out,
    "nothing": lambda out: out * 0,
    "one NaN": lambda out: np.where(np.arange(out.size).reshape(out.shape) == out.size // 2, np.nan, out).astype(
        out.dtype
    ),
    "one Inf": lambda out: np.where(np.arange(out.size).reshape(out.shape) == 0, np.inf, out).astype(out.dtype),
    "a permille too large": lambda out: out * out.dtype.type(1.001),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stage", [0, -1])
def test_values_notices_changes_in_every_stage(change: str, stage: int, report: Report) -> None:
    nodes = run_nodes(report)
    assert not values_after(nodes, stage % len(nodes), CHANGES[change]).ok


@pytest.mark.parametrize("stage", [0, 1])
def test_values_notices_a_wrong_shuffle(stage: int) -> None:
    nodes = run_nodes(analyze("shuffled-grouped", input=(6, 5, 4), kernel=2, filters=12, groups=3))
    assert isinstance(nodes[1].node.primitive, ShuffleChannels)
    assert check_values(nodes)[0].ok
    for change in (lambda out: out[:, ::-1], lambda out: np.roll(out, 1, 1), lambda out: out.swapaxes(-1, -2) * 0):
        assert not values_after(nodes, stage, change).ok
    undone = replace(nodes[1], out=nodes[1].inputs[0])
    assert not check_values([nodes[0], undone])[0].ok


def test_values_notices_a_missing_bias_and_another_mode() -> None:
    [node] = run_nodes(LAYER, mode="reflect")
    assert check_values([node])[0].ok
    weight, bias = node.arrays
    bare = node.node._replace(primitive=node.node.primitive._replace(bias=False))
    assert not check_values([replace(node, node=bare)])[0].ok
    assert not check_values([replace(node, arrays=(weight, bias[::-1].copy()))])[0].ok
    for mode in ("zeros", "replicate", "circular"):
        assert not check_values([replace(node, padding_mode=mode)])[0].ok


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_values_notices_nan_and_inf_that_moved(bad: float) -> None:
    x, w = np.ones((1, 1, 9), np.float32), np.ones((1, 1, 2), np.float32)
    x[0, 0, 4] = bad
    [node] = run_nodes(analyze(input=(1, 9), kernel=2, filters=1))
    right = np.array([[[2, 2, 2, bad, bad, 2, 2, 2]]], np.float32)
    node = replace(node, inputs=(x,), arrays=(w,), out=right)
    assert check_values([node])[0].ok
    others = [other for other in (NAN, INF, -INF, 2, 1e38) if str(other) != str(bad)]
    wrong = [np.roll(right, 1, -1), np.where(np.arange(8) == 0, np.float32(bad), right)]
    wrong += [np.where(np.arange(8) == 3, np.float32(other), right) for other in others]
    for out in wrong:
        assert not check_values([replace(node, out=out)])[0].ok


def test_values_notices_an_overflow_that_is_none() -> None:
    """float16 is computed in float32, where 8*60000 is no overflow: the result must be Inf."""
    x, w = np.full((1, 1, 4), 60000, np.float16), np.full((1, 1, 2), 4, np.float16)
    found = ran("standard", {}, x, [w])
    assert found.ok
    assert np.isinf(found.out).all()
    [node] = run_nodes(analyze(input=(1, 4), kernel=2, filters=1), "float16")
    largest = np.full_like(found.out, 65504)
    assert not check_values([replace(node, inputs=(x,), arrays=(w,), out=largest)])[0].ok


def test_values_of_sums_that_may_overflow_on_their_way() -> None:
    """3e38 + 3e38 - 3e38 is 3e38, or Inf in float32, as the order of the terms decides; nothing else is right."""
    x, w = np.full((1, 1, 4), 3e38, np.float32), np.array([[[1, 1, -1]]], np.float32)
    assert ran("standard", {}, x, [w]).ok
    [node] = run_nodes(analyze(input=(1, 4), kernel=3, filters=1))
    for out, ok, compared in (([3e38, 3e38], True, "2 of 2 outputs"), ([INF, INF], None, "every output may overflow"),
                              ([3e38, INF], True, "1 of 2 outputs"), ([5, INF], False, "1 of 2 outputs")):  # fmt: skip
        check, _ = check_values([replace(node, inputs=(x,), arrays=(w,), out=np.array([[out]], np.float32))])
        assert check.ok is ok
        assert check.how.startswith(compared)
    beyond = replace(node, inputs=(abs(x),), arrays=(abs(w),), out=np.full((1, 1, 2), INF, np.float32))
    assert check_values([beyond])[0].how.startswith("2 of 2 outputs")  # 9e38 is Inf in any order


def test_values_of_a_large_array_are_a_sample_with_every_corner() -> None:
    report = analyze(input=(3, 300, 400), kernel=3, filters=5, padding=1)
    [node] = run_nodes(report)
    agreed, _ = check_values([node])
    assert agreed.ok
    checked, of = (int(n.replace(",", "")) for n in (agreed.how.split()[0], agreed.how.split()[2]))
    assert (checked < of, of) == (True, 5 * 300 * 400)
    assert "corners and edges" in agreed.how
    for n, y, x in product((0, 4), (0, 150, 299), (0, 200, 399)):
        out = node.out.copy()
        out[0, n, y, x] += 0.01
        assert not check_values([replace(node, out=out)])[0].ok
    for change in ("shifted", "mirrored", "filters exchanged", "a permille too large"):
        assert not values_after([node], 0, CHANGES[change]).ok


def test_values_of_a_small_array_are_all_checked() -> None:
    found = ran("standard", {}, np.ones((1, 1, 200, 200)), [np.ones((1, 1, 3, 3))])
    assert found.checks[-1].how.startswith("39,204 of 39,204 outputs")


def test_sampled_channels_are_not_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "SUMMED_PRODUCTS", 1 << 13)
    monkeypatch.setattr(values, "PRODUCTS_AT_ONCE", 64)
    for type, options in (
        ("standard", {"filters": 64, "groups": 2}), ("depthwise", {"multiplier": 3}), ("transposed", {"filters": 64}),
    ):  # fmt: skip
        report = analyze(type, input=(16, 30, 20), kernel=3, **options)
        [node] = run_nodes(report)
        convolution = convolved(node)
        assert convolution is not None
        seen = [filters for _, filters in values.sampled(convolution)]
        assert len(seen[0]) < report.output[0]
        assert len(set(np.concatenate(seen))) > 3 * report.output[0] // 4
        assert check_values([node])[0].ok


def test_a_sample_has_corners_and_edges_and_as_many_positions_as_the_taps_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(values, "SUMMED_PRODUCTS", 1)
    [node] = run_nodes(analyze(input=(1, 40, 30), kernel=9, filters=1))
    run = convolved(node)
    assert run is not None
    marks = {(0, *at) for at in product((0, 16, 31), (0, 11, 21))}
    for products, most in ((1 << 20, values.SAMPLED_POSITIONS + 9), (20 * 81, 20), (1, values.MIN_POSITIONS)):
        monkeypatch.setattr(values, "SAMPLED_PRODUCTS", products)
        positions = {tuple(map(int, at)) for some, _ in values.sampled(run) for at in some}
        assert most * 3 // 4 < len(positions) <= most
        assert {(0, 0, 0), (0, 31, 21), (0, 16, 11), (0, 0, 21), (0, 31, 0)} <= positions
        assert marks <= positions or most < 9


@pytest.mark.parametrize(
    ("products", "among"), [(4 << 20, "corners and edges"), (1, "the first and the last")], ids=["many", "few"]
)
def test_a_sample_says_which_positions_are_in_it(products: int, among: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "SAMPLED_PRODUCTS", products)
    monkeypatch.setattr(values, "EVERYTHING", 0)
    report = analyze(input=(1, 200, 301), kernel=3, filters=1, padding=1)
    [node] = run_nodes(report)
    [run] = filter(None, [convolved(node)])
    seen = {tuple(row) for rows, _ in values.sampled(run) for row in rows.tolist()}
    corners = {(0, y, x) for y in (0, 199) for x in (0, 300)}
    edges = {(0, 0, 150), (0, 199, 150), (0, 100, 0), (0, 100, 300)}
    assert check_values([node])[0].how.endswith(f", {among} among them")
    assert {(0, 0, 0), (0, 199, 300)} <= seen
    assert (corners | edges <= seen) == (among == "corners and edges")


def test_checks_of_very_long_kernels_end() -> None:
    """A signal of 150,000 samples under 60,000 taps: the definition has 5.4 billion products."""
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal((1, 1, size), np.float32) for size in (150_000, 60_000))
    found = ran("standard", {}, x, [w])
    assert disagreeing(found) == []
    _, _, multiplications, field, values = found.checks
    assert multiplications.measured == 90_001 * 60_000
    assert "at 138 of 90,001 positions of long axes" in multiplications.how
    assert "along a long axis, the predicted ends and their neighbours among them" in field.how
    assert values.how == "69 of 90,001 outputs against the direct sum, corners and edges among them"


def test_integers_beyond_float_are_compared_exactly() -> None:
    big = 2**61 + 1
    found = ran("standard", {}, np.full((1, 1, 3), big), [np.ones((1, 1, 2), int)], np.array([2**60 + 1], np.uint64))
    assert disagreeing(found) == []
    assert (found.out == 2 * big + 2**60 + 1).all()
    [node] = run_nodes(analyze(input=(1, 3), kernel=2, filters=1, bias=True), "int64")
    arrays = np.ones((1, 1, 2), int), np.array([2**60 + 1], np.uint64)
    alone = replace(node, inputs=(np.full((1, 1, 3), big),), arrays=arrays, out=found.out)
    assert check_values([alone])[0].ok
    assert not check_values([replace(alone, out=found.out + 1)])[0].ok


def test_values_are_judged_by_their_own_terms() -> None:
    """A huge value leaves far outputs without digits if it is mixed with them, though it alone explains such errors."""
    layer = analyze(input=(1, 90, 100), kernel=31, filters=1)
    for value, ok in ((1.0, True), (1e4, True), (1e10, False), (1e30, False)):
        x, box = np.random.default_rng(0).standard_normal((1, 1, 90, 100)).astype("f4"), np.ones((1, 1, 31, 31), "f4")
        x[..., 5, 5] = value
        found = {}
        for algorithm in ("auto", "fft", "direct"):
            nodes = list(executed(layer.graph, [x], {layer.stages[0].node.name: (box,)}, algorithm=algorithm))
            found[algorithm], _ = check_values(nodes)
        assert (found["auto"].ok, found["fft"].ok, found["direct"].ok) == (True, ok, True)
        assert ok or found["fft"].how.endswith("--algorithm direct does not")
        [node] = executed(layer.graph, [x], {layer.stages[0].node.name: (box,)}, algorithm="fft")
        far = node.out.copy()
        far[..., -1, -1] += 100  # a seventh of sum|products|
        assert not check_values([replace(node, out=far)])[0].ok


def test_values_over_zeros_may_be_rounding_noise() -> None:
    """Of the array's largest value: fft gives 1e-7 where a direct sum of zeros is 0, but not 1e-3."""
    layer = analyze(input=(1, 200, 200), kernel=31, filters=1)
    x, box = np.zeros((1, 1, 200, 200), "f4"), np.full((1, 1, 31, 31), 1 / 961, "f4")
    x[..., :60, :60] = np.random.default_rng(0).standard_normal((60, 60))
    [node] = executed(layer.graph, [x], {layer.stages[0].node.name: (box,)}, algorithm="fft")
    assert check_values([node])[0].ok
    assert node.out[..., 60:, 60:].any()
    node.out[..., -1, -1] = 1e-3
    assert not check_values([node])[0].ok
