"""`convcalc.dask.conv` against `convcalc.conv` on the whole: on threads, on a cluster, and with a worker killed."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc

da = pytest.importorskip("dask.array", reason="the extra dask is not installed")
distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
conv = pytest.importorskip("convcalc.dask").conv


def integers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9, 10, shape)


CASES: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 20, 31), (1, 2, 7, 9), (5, 3, 3, 3), {"padding": 1}),
    ((2, 3, 41, 29), (2, 3, 10, 8), (4, 3, 5, 3), {"stride": (2, 3), "padding": ((2, 1), (0, 3))}),
    ((1, 4, 37, 30), (1, 1, 6, 11), (6, 2, 3, 2), {"stride": (3, 2), "dilation": (2, 3), "groups": 2}),
    ((1, 2, 100), (1, 2, 13), (3, 2, 7), {"padding": "causal"}),
    ((1, 2, 64), (1, 2, 16), (3, 2, 4), {"padding": "same", "stride": 3}),
    ((1, 2, 50), (1, 2, 7), (3, 2, 9), {"padding": "full", "stride": 4}),
    ((1, 2, 24), (1, 2, 1), (3, 2, 9), {"padding": 8}),  # chunks smaller than the halo
    ((2, 13, 12, 11), (2, 4, 5, 6), (3, 2, 2, 3, 2), {"stride": (1, 2, 3), "padding": 1}),  # no batch
    ((1, 2, 20, 21), (1, 2, 5, 6), (3, 2, 1, 1), {"stride": (5, 4)}),
    *(
        ((1, 2, 30, 23), (1, 2, 8, 9), (3, 2, 3, 5), {"padding": ((2, 1), (1, 3)), "padding_mode": mode, "stride": 2})
        for mode in ("reflect", "replicate", "circular")
    ),
]


@pytest.mark.parametrize(("shape", "chunks", "kernel", "options"), CASES)
def test_integers_are_equal(shape: Any, chunks: Any, kernel: Any, options: Any) -> None:
    x, w, bias = integers(0, *shape), integers(1, *kernel), integers(2, kernel[0])
    expected = convcalc.conv(x, w, bias, **options)
    lazy = conv(da.from_array(x, chunks=chunks), w, bias, **options)
    assert isinstance(lazy, da.Array)
    assert (lazy.shape, lazy.dtype, lazy._meta.dtype) == (expected.shape, expected.dtype, expected.dtype)
    np.testing.assert_array_equal(lazy.compute(scheduler="threads", num_workers=2), expected)
    for number in np.ndindex(lazy.numblocks[-2:]):  # every chunk is as long as it says
        at = (0,) * (lazy.ndim - 2) + number
        assert lazy.blocks[at].compute(scheduler="sync").shape == tuple(
            lengths[i] for lengths, i in zip(lazy.chunks, at, strict=True)
        )
        break


def test_floats_are_equal_to_rounding() -> None:
    random = np.random.default_rng(3)
    x, w = random.standard_normal((1, 3, 60, 50), np.float32), random.standard_normal((4, 3, 3, 3), np.float32)
    lazy = conv(da.from_array(x, chunks=(1, 3, 16, 20)), w, stride=2, padding=1)
    assert lazy.dtype == np.float32
    np.testing.assert_allclose(lazy.compute(scheduler="sync"), convcalc.conv(x, w, stride=2, padding=1), atol=2e-5)


def test_chunks_are_those_of_the_input_over_the_stride() -> None:
    x = da.zeros((2, 3, 100, 90), chunks=(1, 1, 30, 45))
    w = np.ones((5, 3, 3, 3))
    assert conv(x, w, padding=1).chunks == ((1, 1), (5,), (30, 30, 30, 10), (45, 45))
    assert conv(x, w, padding=1, stride=2).chunks == ((1, 1), (5,), (15, 15, 15, 5), (23, 22))


def test_weights_may_be_lazy_too() -> None:
    x, w, bias = integers(0, 1, 2, 30), integers(1, 3, 2, 3), integers(2, 3)
    lazy = conv(da.from_array(x, chunks=(1, 2, 10)), da.from_array(w, chunks=1), da.from_array(bias), padding=1)
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), convcalc.conv(x, w, bias, padding=1))


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    def refused(block: np.ndarray) -> np.ndarray:
        raise AssertionError(f"computed from {block.shape}")

    x = da.ones((1, 2, 40), chunks=(1, 2, 10)).map_blocks(refused, dtype=float, meta=np.empty((0, 0, 0)))
    assert conv(x, np.ones((3, 2, 5)), stride=2, padding=1).shape == (1, 3, 19)


REFUSED = [
    ((1, 3, 8, 8), (4, 2, 3, 3), {}, "kernel: the conv stage takes a kernel"),
    ((1, 3, 2, 8), (4, 3, 3, 3), {}, "conv: height: the window must fit"),
    ((8,), (4, 3, 3, 3), {}, "input: must have 3 or 4 axes"),
    ((1, 3, 8, 8), (4, 3, 3, 3), {"padding_mode": "mirrored"}, "padding-mode"),
    ((1, 3, 8, 5), (4, 3, 3, 6), {"padding_mode": "reflect", "padding": (2, 5)}, "conv: reflect padding must be"),
    ((1, 3, 8, 5), (4, 3, 3, 6), {"padding_mode": "circular", "padding": (2, 6)}, "conv: circular padding must be"),
]


@pytest.mark.parametrize(("shape", "kernel", "options", "message"), REFUSED)
def test_refusals_come_at_once(shape: Any, kernel: Any, options: Any, message: str) -> None:
    with pytest.raises(convcalc.ConvcalcError) as caught:
        conv(da.zeros(shape), np.zeros(kernel), **options)
    assert str(caught.value).startswith(message)


def test_unknown_chunks_are_refused() -> None:
    x = da.arange(40).reshape(1, 40)
    with pytest.raises(convcalc.ConvcalcError, match="compute_chunk_sizes"):
        conv(x[:, x[0] > 3], np.ones((1, 1, 3), int))


def test_the_example_of_the_page() -> None:
    page = (Path(__file__).parents[1] / "docs" / "tiling.md").read_text()
    [example] = [block for block in page.split("```python\n")[1:] if block.startswith("import dask.array")]
    names: dict[str, Any] = {}
    exec(example.partition("```")[0], names)
    assert names["y"].chunks == ((1,), (8,), (512,) * 4, (512,) * 4)
    corner = np.asarray(names["x"][..., :256, :256])
    expected = convcalc.conv(corner, names["w"], stride=2, padding=2)[..., :64, :64]
    np.testing.assert_array_equal(names["corner"], expected)


def slowly(block: np.ndarray) -> np.ndarray:
    time.sleep(0.05)
    return block


def test_a_cluster_of_which_one_worker_is_killed_on_the_way() -> None:
    x, w = integers(2, 2, 3, 90), integers(3, 5, 3, 5)
    expected = convcalc.conv(x, w, stride=2, padding=2)
    source = da.from_array(x, chunks=(1, 3, 9)).map_blocks(slowly, dtype=x.dtype, meta=np.empty((0, 0, 0), int))
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, of its start and end
        with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
            both = client.run(os.getpid)
            whole = client.compute(conv(da.from_array(x, chunks=(2, 3, 30)), w, stride=2, padding=2))
            np.testing.assert_array_equal(whole.result(timeout=60), expected)

            future = client.compute(conv(source, w, stride=2, padding=2))
            first = next(iter(both))
            while not cluster.scheduler.workers[first].has_what:  # until it holds something that must be done again
                time.sleep(0.005)
            assert not future.done()
            os.kill(both[first], signal.SIGKILL)
            np.testing.assert_array_equal(future.result(timeout=60), expected)
            assert first not in cluster.scheduler.workers
