"""A graph run node by node: the values, what is run for one node, what is kept, and what is refused by name."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convcalc.errors import DataError, ShapeError
from convcalc.graph.graph import Graph, ancestors
from convcalc.graph.primitives import Elementwise, Linear, MatMul, Merge, Primitive, Unknown
from convcalc.proof.arrays import drawn_arrays, drawn_input
from convcalc.proof.walk import NodeError, executed
from convcalc.recipes.options import LayerOptions, layer_graph
from tests.proof.running import Layers, residual


def torch() -> Any:
    return pytest.importorskip("torch")


def expected(result: Any) -> np.ndarray:
    array: np.ndarray = result.numpy()
    return array


def one(primitive: Primitive, *shape: int) -> Graph:
    """A network of one layer."""
    net = Layers(*shape)
    net.add("layer", "layer", primitive)
    return net.graph()


def test_a_residual_network_gives_what_pytorch_gives() -> None:
    functional = torch().nn.functional
    net = residual(batch=2)
    arrays = drawn_arrays(net, seed=3, dtype=np.dtype(np.float64))
    x = drawn_input((2, 6, 23, 18), 4, np.dtype(np.float64))
    *_, run = executed(net, [x], arrays)
    of = {name: [torch().from_numpy(array) for array in several] for name, several in arrays.items()}
    t = functional.conv2d(functional.pad(torch().from_numpy(x), (2, 2, 1, 0)), *of["stem"], stride=(2, 1))
    weight, bias, mean, variance = of["norm"]
    act = functional.hardswish(functional.batch_norm(t, mean, variance, weight, bias))
    gate = functional.relu(functional.conv2d(act.mean((2, 3), keepdim=True), *of["less"]))
    gated = act * functional.conv2d(gate, *of["more"]).sigmoid()
    right = functional.conv2d(gated[:, 4:], *of["right"], padding=1, groups=8)
    both = functional.channel_shuffle(torch().cat([gated[:, :4], right], 1), 3)
    down = functional.max_pool2d(both + act, 3, 2, 1)
    up = functional.conv_transpose2d(down, *of["up"], stride=2, padding=1)
    wide = functional.interpolate(down, up.shape[2:], mode="bilinear")
    scores = functional.linear(functional.adaptive_avg_pool2d(up + wide, (2, 3)).flatten(1), *of["scores"])
    assert_allclose(run.out, expected(scores), rtol=1e-10)
    single = {name: tuple(array.astype(np.float32) for array in several) for name, several in arrays.items()}
    *_, run = executed(net, [x.astype(np.float32)], single)
    assert run.out.dtype == np.float32
    assert_allclose(run.out, expected(scores), rtol=1e-4)


def test_a_run_stops_at_the_layer_asked_for_and_runs_only_what_it_needs() -> None:
    net = residual()
    names = [node.name for node in net.nodes]
    x = drawn_input((1, 6, 23, 18))
    for name in ("act", "squeeze", "parts/1", "right"):
        runs = [run.node.name for run in executed(net, [x], drawn_arrays(net), until=names.index(name))]
        assert runs[-1] == name
        assert len(runs) == len(ancestors(net, names.index(name))) - 1
    assert "parts/1" not in runs


def test_deep_networks_stay_finite() -> None:
    net = Layers(1, 3, 9, 9)
    for number in range(200):
        net.conv(f"conv{number}", filters=16, kernel=3, padding=1)
        net.add(f"relu{number}", "relu", Elementwise("relu"))
    *_, run = executed(net.graph(), [drawn_input((1, 3, 9, 9))], drawn_arrays(net.graph()))
    assert 1e-9 < run.out.std() < 1e9


def test_tensors_are_let_go_after_their_last_reader() -> None:
    net = Layers(1, 1, 500, 500)
    for number in range(50):
        net.add(f"relu{number}", "relu", Elementwise("relu"))
    x = drawn_input((1, 1, 500, 500))
    tracemalloc.start()
    for run in executed(net.graph(), [x], {}):
        del run
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * x.nbytes


def test_stages_run_one_after_the_other_with_arrays_of_their_own() -> None:
    graph = layer_graph("depthwise-separable", LayerOptions(input=(2, 5, 4), kernel=(3, 2), filters=3, bias=True))
    arrays = drawn_arrays(graph)
    assert {name: [array.shape for array in several] for name, several in arrays.items()} == {
        "depthwise": [(2, 1, 3, 2), (2,)],
        "pointwise": [(3, 2, 1, 1), (3,)],
    }
    first, second = executed(graph, [drawn_input((1, 2, 5, 4))], arrays)
    assert second.inputs[0] is first.out
    assert (first.counter.multiplications, second.counter.multiplications) == (2 * 9 * 6, 9 * 6)
    pointwise, shift = arrays["pointwise"]
    by_hand = np.einsum("nc,bcyx->bnyx", pointwise[:, :, 0, 0], first.out) + shift[:, None, None]
    assert_allclose(second.out, by_hand, rtol=1e-5)


def test_several_inputs_are_taken_in_order() -> None:
    net = Layers(2, 3, 4)
    other = net.builder.input((2, 4, 5), "other")
    net.add("product", "matmul", MatMul(), 0, other)
    left, right = drawn_input((2, 3, 4), 1), drawn_input((2, 4, 5), 2)
    [run] = executed(net.graph(), [left, right], {})
    assert_allclose(run.out, left @ right, rtol=1e-5)
    assert run.counter.multiplications == 2 * 3 * 4 * 5
    assert [run.number, run.node.name, run.parameters] == [2, "product", 0]


def test_unknown_layers_are_refused_by_name() -> None:
    x = np.ones((1, 2))
    with pytest.raises(DataError, match=r"got layer \(layer\): no such thing; what depends"):
        list(executed(one(Unknown("no such thing", (1, 2)), 1, 2), [x], {}))
    for primitive in (Elementwise("what"), Merge("what")):
        with pytest.raises(DataError, match=r"layer .*no definition of .*what"):
            list(executed(one(primitive, 1, 2), [x], {}))


def test_arrays_that_do_not_fit_are_the_nodes_fault() -> None:
    net = one(Linear(4, 3, bias=True), 2, 4)
    x = np.ones((2, 4))
    for arrays in ((), (np.ones((3, 5)), np.ones(3)), (np.ones((3, 4)), np.ones(2))):
        with pytest.raises(NodeError, match="layer: ") as failed:
            list(executed(net, [x], {"layer": arrays}))
        assert (failed.value.number, failed.value.node.name) == (1, "layer")


def test_what_the_engine_refuses_is_refused_in_the_nodes_name() -> None:
    graph = layer_graph("1d", LayerOptions(input=(1, 4), kernel=3, filters=1, padding=4))
    arrays = {"conv": (np.ones((1, 1, 3)),)}
    with pytest.raises(DataError, match=r"^conv: input: dtype must be one of"):
        list(executed(graph, [np.full((1, 1, 4), None)], arrays))
    with pytest.raises(DataError, match=r"^conv: padding-mode: must be one of"):
        list(executed(graph, [np.ones((1, 1, 4))], arrays, padding_mode="mirror"))
    with pytest.raises(NodeError, match=r"^conv: .*reflect padding must be smaller") as failed:
        list(executed(graph, [np.ones((1, 1, 4))], arrays, padding_mode="reflect"))
    assert isinstance(failed.value.error, ShapeError)


def test_outputs_that_cannot_fit_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcalc.storage.memory.available_memory", lambda: 10**6)
    net = one(Merge("add"), 1, 2, 4000, 4000)
    x = np.broadcast_to(np.float32(1), (1, 2, 4000, 4000))
    with pytest.raises(DataError, match=r"^layer: memory: must hold the output, got 128000000 bytes"):
        list(executed(net, [x], {}))
