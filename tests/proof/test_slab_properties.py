"""A convolution in slabs of any size equals the whole, and every check of it agrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from convcalc.errors import ShapeError
from convcalc.graph.primitives import Correlate
from convcalc.proof.forms import Named
from convcalc.proof.planned import RunOptions
from convcalc.proof.run import prepared, run
from convcalc.proof.slabs import Plan, run_in_slabs
from convcalc.storage.arrays import read_array
from convcalc.storage.regions import begin_array, stored

SHORT = st.integers(1, 3)
PAIR = st.tuples(SHORT, SHORT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("slabs")


@st.composite
def options(draw: st.DrawFn) -> RunOptions:
    pads = st.integers(0, 3)
    numbers = st.tuples(st.tuples(pads, pads), st.just((1, 0)))
    return RunOptions(
        stride=draw(PAIR), dilation=draw(PAIR), groups=draw(st.integers(1, 2)), dims=2,
        padding=draw(st.one_of(st.sampled_from(["same", "full", "causal"]), numbers)),
        padding_mode=draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])), algorithm="direct",
        layout=draw(st.sampled_from(["channels-first", "channels-last"])),
    )  # fmt: skip


@settings(max_examples=25)
@given(options(), PAIR, PAIR, SHORT, st.integers(3, 12), st.integers(1, 9), st.booleans(), st.integers(0, 9))
def test_slabs_equal_the_whole(
    folder: Path, given: RunOptions, kernel: tuple[int, int], channels: tuple[int, int], batch: int, height: int,
    cut: int, floats: bool, seed: int,
) -> None:  # fmt: skip
    each, filters = channels
    groups, rng = int(str(given.groups)), np.random.default_rng(seed)
    x = rng.integers(-9, 9, (batch, groups * each, height, 7))
    w = rng.integers(-9, 9, (groups * filters, each, *kernel))
    if floats:
        x, w = (x / 7).astype("f4"), (w / 3).astype("f4")
    if given.layout == "channels-last":
        x, w = np.moveaxis(x, 1, -1), np.moveaxis(w, (0, 1), (-1, -2))
    np.save(folder / "x.npy", np.ascontiguousarray(x))
    arrays = Named("x.npy", x), [Named("w.npy", w)], []
    try:
        whole, layer = run(*arrays, given), prepared(*arrays, given)
    except ShapeError:
        assume(False)
    node = layer.graph.nodes[-1]
    assert isinstance(node.primitive, Correlate)
    assert node.shape is not None
    rows = min(cut, node.shape[2])
    images = min(cut, batch) if rows == node.shape[2] else 1
    with stored(str(folder / "x.npy")) as source, open(folder / "y.npy", "w+b") as target:
        assert source is not None
        plan = Plan(layer, node, node.primitive, images, rows)
        result = run_in_slabs(plan, source, given, lambda shape, dtype: begin_array(target, "y.npy", shape, dtype))
    assert plan.count == -(-batch // images) * -(-node.shape[2] // rows)
    assert all(check.ok for check in (*result.checks, *whole.checks)), result.checks
    out = read_array(str(folder / "y.npy"))
    assert (out.dtype, out.shape) == (whole.out.dtype, whole.out.shape)
    if floats:
        np.testing.assert_allclose(out, whole.out, rtol=0, atol=1e-4)
    else:
        assert_array_equal(out, whole.out)
