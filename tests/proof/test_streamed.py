"""Layers run piece by piece with kept state: the same outputs as at once, in whole numbers, and PyTorch's."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Correlate, Pool, TransposedCorrelate
from convcalc.proof.stream_check import check_stream, drawn_whole
from convcalc.proof.streamed import Streamed
from convcalc.questions.stream import Stream, stream
from convcalc.questions.subject import Subject, subject_of

SEANET = """
input = "1x160"
[[layers]]
op = "conv"
filters = 3
kernel = 7
padding = "causal"
[[layers]]
name = "down"
op = "conv"
filters = 5
kernel = 8
stride = 4
padding = [[4, 3]]
bias = true
[[layers]]
op = "elu"
[[layers]]
name = "in"
op = "conv"
filters = 2
kernel = 3
dilation = 2
padding = "causal"
[[layers]]
name = "out"
op = "conv"
filters = 5
kernel = 1
[[layers]]
name = "skip"
op = "add"
from = ["elu1", "out"]
[[layers]]
op = "transposed"
filters = 3
kernel = 8
stride = 4
padding = [[0, 4]]
bias = true
[[layers]]
op = "conv"
filters = 1
kernel = 7
padding = "causal"
"""
TCN = """
input = "2x90"
[[layers]]
name = "start"
op = "conv"
filters = 6
kernel = 1
[[layers]]
name = "a"
op = "conv"
filters = 6
kernel = 3
padding = 2
[[layers]]
name = "chomp"
op = "crop"
padding = [[0, 2]]
[[layers]]
op = "batch_norm"
[[layers]]
name = "one"
op = "add"
from = ["start", "batch_norm1"]
[[layers]]
name = "b"
op = "conv"
filters = 6
kernel = 3
dilation = 4
padding = 4
[[layers]]
name = "c"
op = "conv"
filters = 4
kernel = 5
padding = [[1, 3]]
from = "one"
[[layers]]
name = "both"
op = "concat"
from = ["b", "c"]
[[layers]]
op = "avg_pool"
kernel = 3
stride = 2
padding = 1
ceil_mode = true
count_include_pad = false
"""


def of(words: str, chunk: int | None = None, axis: int = 2) -> tuple[Stream, Subject]:
    size, *row = words.split()
    subject = subject_of(row, size) if size[0].isdigit() else subject_of([size, *row], dims=1)
    return stream(subject.graph, axis, chunk=chunk, sized=subject.size is not None), subject


ROWS = [
    "k3pcausalf8 k3d2pcausalf8 k3d4pcausalf8",
    "1x40 k15s6pcausalf4",
    "2x61 k4s2p1f3 k3p1 t:k4s2p1f2",
    "k7s3pcausalf4 max:k3s2p1 t:k9s6p1:2f2",
    "2x50 max:k3s2p1c avg:k3s2p1c up2 k3f4",
    "k3p2:0f6g1 dw:k5p2 shuffled:k3p1g3f6",
    "1x77 t:k5s3d2p2f3 k3s2p1",
    "k2f2 t:k1s3p1f2 k5d3p6",
    "3x64 t:k3s2p0:3f4 k2s2",
    "1x9 k3pfull k3psame",
]


@pytest.mark.parametrize("words", ROWS)
def test_rows_in_chunks_give_what_the_whole_gives(words: str) -> None:
    for chunk in (None, 5, 64):
        found, subject = of(words, chunk)
        run = check_stream(found, subject)
        assert run.ok, [check for check in run.checks if check.ok is False]
        assert {check.name for check in run.checks} >= {"state_values", "latency_samples", "left_context"}


@pytest.mark.parametrize("text", [SEANET, TCN])
def test_networks_in_chunks_give_what_the_whole_gives(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text(text)
    subject = subject_of([str(path)])
    run = check_stream(stream(subject.graph, 2, chunk=7, sized=True), subject)
    assert run.ok, [check for check in run.checks if check.ok is False]


@pytest.mark.parametrize("axis", [2, 3])
def test_maps_in_chunks_along_either_axis(axis: int) -> None:
    found, subject = of("2x23x41 k3x5p1:0x4:0s1x2f4 max:k2x3s2x1p0x1 t:k2x4s2x2p0x1f3", axis=axis)
    run = check_stream(found, subject)
    assert run.ok, [check for check in run.checks if check.ok is False]


def random_row(seed: int) -> str:
    choose = random.Random(seed)
    words = [f"{choose.randint(1, 3)}x{choose.randint(60, 90)}"]
    for _ in range(choose.randint(1, 4)):
        kernel, stride, dilation = choose.randint(1, 5), choose.choice([1, 1, 2, 3]), choose.randint(1, 3)
        extent, filters = dilation * (kernel - 1) + 1, choose.randint(1, 4)
        if choose.random() < 0.3:
            kernel = stride + choose.randint(0, 4)
            crop = choose.randint(0, kernel - stride)
            words.append(f"t:k{kernel}s{stride}p{crop}:{kernel - stride - crop}f{filters}b")
        else:
            padding = choose.choice(["causal", f"{extent // 2}", f"{max(0, extent - stride)}:{stride - 1}", "full"])
            words.append(f"k{kernel}s{stride}d{dilation}p{padding}f{filters}b")
    return " ".join(words)


@pytest.mark.parametrize("seed", range(12))
def test_random_rows_in_chunks_give_what_pytorch_gives(seed: int) -> None:
    """All outputs of the whole by PyTorch in float64, where whole numbers are exact, in three kinds of chunks."""
    torch = pytest.importorskip("torch")
    found, subject = of(random_row(seed))
    graph, arrays = subject.graph, drawn_whole(subject.graph, seed)
    x = np.random.default_rng(seed).integers(-9, 10, graph.inputs[0].shape).astype(float)
    expected = by_torch(torch, graph, arrays, torch.from_numpy(x)).numpy()
    choose = random.Random(seed)
    for sizes in ([1] * 200, [found.smallest_chunk] * 200, [choose.randint(1, 20) for _ in range(200)]):
        assert np.array_equal(in_chunks(found, graph, arrays, x, sizes), expected)


def in_chunks(found: Stream, graph: Graph, arrays: Any, x: np.ndarray, sizes: list[int]) -> np.ndarray:
    running, outs, first = Streamed(graph, found, arrays), [], 0
    for size in sizes:
        end = min(first + size, x.shape[2])
        outs.append(running.push([x[:, :, first:end]], last=end == x.shape[2]))
        first = end
        if end == x.shape[2]:
            break
    return np.concatenate(outs, 2)


def by_torch(torch: Any, graph: Graph, arrays: Any, x: Any) -> Any:
    """The chain by PyTorch, whose padding is one number: two-sided padding is added or cropped around it."""
    for node in graph.nodes[1:]:
        p = node.primitive
        weight, bias = map(torch.from_numpy, arrays[node.name])
        assert isinstance(p, Correlate | TransposedCorrelate)
        [(before, after)], function = p.padding, torch.nn.functional
        if isinstance(p, Correlate):
            x = function.conv1d(function.pad(x, (before, after)), weight, bias, p.stride, 0, p.dilation, p.groups)
        else:
            x = function.conv_transpose1d(x, weight, bias, p.stride)
            x = x[:, :, before : x.shape[2] - after]
    return x


def more_state(found: Stream) -> Stream:
    first, *others = found.layers
    wrong = first._replace(state=(first.state[0]._replace(shape=(1, 3)),))
    return replace(found, layers=(wrong, *others))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (more_state, {"state_values", "state"}),
        (lambda found: replace(found, left_context=found.left_context - 1), {"left_context"}),
        (lambda found: replace(found, left_context=found.left_context + 1), {"left_context"}),
        (lambda found: replace(found, look_ahead=found.look_ahead + 1), {"latency_samples"}),
        (lambda found: replace(found, look_ahead=found.look_ahead - 1), {"latency_samples"}),
        (lambda found: replace(found, outputs_per_chunk=2), {"outputs_per_chunk"}),
    ],
)
def test_a_wrong_prediction_is_found(wrong: Callable[[Stream], Stream], named: set[str]) -> None:
    found, subject = of("k3p1f2 k5p2f2")
    run = check_stream(wrong(found), subject)
    assert named <= {check.name for check in run.checks if check.ok is False}
    assert not run.ok


def test_a_run_that_forgets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A buffer that is emptied between chunks gives other outputs."""
    found, subject = of("k3pcausalf2 k5pcausalf2")
    push = Streamed.push

    def forgetful(self: Streamed, pieces: list[np.ndarray], *, last: bool = False) -> np.ndarray:
        for state in self.states:
            state.inputs = [np.zeros_like(x) for x in state.inputs]
        return push(self, pieces, last=last)

    monkeypatch.setattr(Streamed, "push", forgetful)
    wrong = {check.name for check in check_stream(found, subject).checks if check.ok is False}
    assert wrong >= {"values, chunks of 1", "values, uneven chunks"}


def test_pools_of_averages_are_sums() -> None:
    """Whatever rounds up at the end: as many windows as the pool has."""
    found, subject = of("2x50 avg:k3s2p1c")
    assert isinstance(subject.graph.nodes[1].primitive, Pool)
    assert check_stream(found, subject).ok
