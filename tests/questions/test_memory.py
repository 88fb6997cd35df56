"""The tensors that live at once, against arrays that are really kept, overwritten and let go; and the bytes moved."""

from __future__ import annotations

from math import prod
from random import Random

import numpy as np
import pytest

from convcalc import network
from convcalc.graph import primitives as p
from convcalc.graph.graph import Builder, Graph, Node
from convcalc.questions.memory import (
    Peak,
    deployed,
    free_nodes,
    layer_by_layer,
    live_tensors,
    moved_elements,
    peak,
    read_elements,
)
from convcalc.readers.toml.document import network_from_toml
from tests.words import graph, report


def live_elements(net: Graph) -> int:
    """The peak by running the network on a heap: every tensor kept as long as a later layer asks for it."""
    heap: dict[int, int] = {}
    peak = 0
    for number, node in enumerate(net.nodes):
        heap[number] = prod(node.shape or ())
        peak = max(peak, sum(heap.values()))
        later = {i for after in net.nodes[number + 1 :] for i in after.inputs} | {net.output}
        heap = {i: size for i, size in heap.items() if i in later}
    return peak


def computed(node: Node, inputs: list[np.ndarray]) -> np.ndarray:
    """What the nodes of the random networks compute, on NumPy's arrays."""
    match node.primitive:
        case p.Elementwise("relu"):
            return np.maximum(inputs[0] - 1, 0)
        case p.Normalize():
            return 3 * inputs[0] + 2
        case p.Merge():
            return inputs[0] + 2 * inputs[1]
        case p.Slice(_, first, length):
            return inputs[0][:, first : first + length]
        case p.Concat():
            return np.concatenate(inputs, 1)
        case p.Reshape(shape):
            return inputs[0].reshape(shape)
        case p.Elementwise("dropout"):
            return inputs[0]
        case other:
            raise AssertionError(other)


def deployed_by_hand(net: Graph) -> tuple[int, np.ndarray]:
    """The peak and the output by running the network on arrays, overwriting whatever nobody looks at any more."""
    arrays: dict[int, np.ndarray] = {}
    most = 0
    for number, node in enumerate(net.nodes):
        later = {i for after in net.nodes[number + 1 :] for i in after.inputs} | {net.output}
        inputs = [arrays[i] for i in node.inputs]
        if isinstance(node.primitive, p.Input):
            arrays[number] = np.random.default_rng(5).integers(-9, 9, node.shape)
        elif isinstance(node.primitive, p.Reshape) or node.primitive == p.Elementwise("dropout"):
            arrays[number] = computed(node, inputs)
            assert np.shares_memory(arrays[number], inputs[0])
        else:
            result = computed(node, inputs)
            unread = [
                array
                for array in inputs
                if isinstance(node.primitive, p.Elementwise | p.Merge | p.Normalize)
                and array.shape == result.shape
                and not any(np.shares_memory(array, arrays[i]) for i in later if i in arrays)
            ]
            if unread:
                unread[0][...] = result
            arrays[number] = unread[0] if unread else result.copy()
        holders = {id(_base(array)): _base(array).size for array in arrays.values()}
        most = max(most, sum(holders.values()))
        arrays = {i: array for i, array in arrays.items() if i in later}
    return most, arrays[net.output]


def _base(array: np.ndarray) -> np.ndarray:
    while array.base is not None:
        array = array.base
    return array


def as_written(net: Graph) -> np.ndarray:
    """The output without any overwriting."""
    arrays: list[np.ndarray] = []
    for node in net.nodes:
        given = np.random.default_rng(5).integers(-9, 9, node.shape)
        inputs = [arrays[i] for i in node.inputs]
        arrays.append(given if isinstance(node.primitive, p.Input) else computed(node, inputs))
    return arrays[net.output]


def random_network(seed: int) -> Graph:
    random, builder = Random(seed), Builder()
    builder.input((1, 24, 3, 5))
    for number in range(30):
        at = random.randrange(max(0, number - 6), number + 1)
        shape = builder.nodes[at].shape or ()
        alike = [i for i, node in enumerate(builder.nodes) if node.shape == shape]
        choices: list[tuple[p.Primitive, list[int]]] = [
            (p.Elementwise("relu"), [at]), (p.Elementwise("dropout"), [at]),
            (p.Normalize("batch_norm", (shape[1],)), [at]), (p.Merge("add"), [at, random.choice(alike)]),
            (p.Reshape((*shape[:-2], shape[-1], shape[-2])), [at]),
        ]  # fmt: skip
        if shape[1] > 4:
            choices += [(p.Slice(1, 1, random.randint(3, shape[1] - 1)), [at])] * 2
        if shape[1] < 30:
            choices.append((p.Concat(1), [at, random.choice(alike)]))
        builder.add(f"n{number}", "op", *random.choice(choices))
    return builder.graph("random", len(builder.nodes) - 1)


@pytest.mark.parametrize("seed", range(40))
def test_peak_memory_of_random_graphs(seed: int) -> None:
    net = random_network(seed)
    most, output = deployed_by_hand(net)
    np.testing.assert_array_equal(output, as_written(net))
    for placement, elements in ((layer_by_layer(net), live_elements(net)), (deployed(net), most)):
        found = peak(net, placement)
        assert found.elements == elements
        live = list(live_tensors(net, placement, found))
        assert sum(count for *_, count in live) == elements
        assert all(prod(shape) == count for _, shape, count in live)


def test_random_graphs_tell_the_two_apart() -> None:
    nets = [random_network(seed) for seed in range(40)]
    assert sum(peak(net, deployed(net)).elements < peak(net, layer_by_layer(net)).elements for net in nets) > 20


def test_a_layer_of_several_stages_holds_what_it_makes_on_the_way() -> None:
    separable = graph("4x8x8 ds:k3p1m5f3")
    assert peak(separable, deployed(separable)).elements == 64 * (4 + 20)  # then the input is let go: 64 * (20 + 3)
    assert report("4x8x8 ds:k3p1m5f3").layers[0].moved == 64 * (4 + 20 + 20 + 3) + 20 * 9 + 20 * 3
    text = (
        'input = "4x8x8"\n[[layers]]\nop = "ds"\nmultiplier = 5\nkernel = 3\npadding = 1\nfilters = 4\n'
        '[[layers]]\nop = "add"\nfrom = ["ds1", "input"]\n'
    )
    kept = network_from_toml(text.encode(), "net.toml")
    assert peak(kept, deployed(kept)) == Peak(64 * (4 + 20 + 4), 2)
    live = live_tensors(kept, deployed(kept), peak(kept, deployed(kept)))
    assert [name for name, *_ in live] == ["input", "ds1/depthwise", "ds1"]


@pytest.mark.parametrize(
    ("model", "options", "bytes", "layer", "unfused"),
    [
        # the pointwise layer of block 1 reads 48x48x8 and writes 48x48x16; its norm would write as much again
        ("mobilenet-v1", {"input": "3x96x96", "width": 0.25, "dtype": "int8"}, 18_432 + 36_864, "block1/pointwise",
         2 * 36_864),
        # the pool after conv1 and its norm; layer by layer, the output of conv1 and that of its norm
        ("resnet18", {}, 4 * 64 * (112**2 + 56**2), "maxpool", 4 * 2 * 64 * 112**2),
        # the two maps of 224x224 with 64 channels
        ("vgg16", {"dtype": "int8"}, 2 * 64 * 224**2, "conv1/2/conv", 2 * 64 * 224**2),
    ],
)  # fmt: skip
def test_peaks_by_hand(model: str, options: dict[str, object], bytes: int, layer: str, unfused: int) -> None:
    answer = network(model, **options)
    assert (answer.peak_activation_bytes, answer.layer_by_layer.peak_activation_bytes) == (bytes, unfused)
    assert answer.peak_layer == layer
    totals = answer.to_dict()["totals"]
    assert totals["peak_activation_bytes_unfused"] == unfused


@pytest.mark.parametrize(
    ("words", "free"),
    [
        ("3x8x8 k3f4 bn relu gap fc5", "bn relu"),
        ("3x8x8 relu k3f4", ""),  # nothing writes the input that the function could be applied with
        ("3x8x8 max:k2 bn relu fc9 relu", "bn relu relu"),
    ],
)
def test_what_takes_no_time(words: str, free: str) -> None:
    net = graph(words)
    named = [group.op for group in net.layers if free_nodes(net)[group.last]]
    assert named == free.split()


def test_what_others_read_too_takes_time() -> None:
    text = (
        'input = "4x8x8"\n[[layers]]\nop = "conv"\nkernel = 1\nfilters = 4\n[[layers]]\nop = "relu"\n'
        '[[layers]]\nop = "add"\nfrom = ["conv1", "relu1"]\n[[layers]]\nop = "relu"\n[[layers]]\nop = "flatten"\n'
    )
    layers = network_from_toml(text.encode(), "net.toml")
    found = dict(zip(layers.labels, free_nodes(layers), strict=True))
    assert [name for name, free in found.items() if free] == ["relu2", "flatten1"]


def test_further_outputs_stay_to_the_end_and_are_written() -> None:
    """A pool of 4x4 values, then two functions of it, all three of them outputs: none may write over another."""
    net = Builder()
    at = net.input((1, 1, 8, 8))
    pool = net.add("pool", "max_pool", p.Pool("max", (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)), [at])
    first = net.add("first", "relu", p.Elementwise("relu"), [pool])
    last = net.add("last", "relu", p.Elementwise("relu"), [first])
    alone, several = net.graph("alone", last), net.graph("several", last, others=(pool, first))
    assert peak(alone, deployed(alone)).elements == 64 + 16  # the functions write over the pool
    assert peak(several, deployed(several)).elements == 64 + 16
    assert peak(several, layer_by_layer(several)).elements == 64 + 16
    assert [*deployed(alone).buffers] == [0, 1, 1, 1]
    assert [*deployed(several).buffers] == [0, 1, 2, 3]
    assert deployed(several).last_uses[1:] == (4, 4, 4)
    assert [*free_nodes(alone)] == [False, False, True, True]
    assert [*free_nodes(several)] == [False, False, False, False]


def test_the_first_of_equal_peaks_is_named() -> None:
    """Inputs and outputs of both layers are 32 values each; what lives then is the first pair."""
    net = graph("2x4x4 1x1:f2 1x1:f2")
    for placement in (layer_by_layer(net), deployed(net)):
        found = peak(net, placement)
        assert found == Peak(64, 1)
        assert [name for name, *_ in live_tensors(net, placement, found)] == ["input", net.labels[1]]


def test_an_output_that_two_functions_read_is_written_for_itself() -> None:
    net = Builder()
    at = net.input((1, 1, 8, 8))
    pool = net.add("pool", "max_pool", p.Pool("max", (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)), [at])
    left = net.add("left", "relu", p.Elementwise("relu"), [pool])
    right = net.add("right", "tanh", p.Elementwise("tanh"), [pool])
    assert not any(free_nodes(net.graph("pool too", left, others=(pool, right))))


def test_elements_moved_by_hand() -> None:
    """2 images of 3x5x7; 4 filters of 3x3x2 and their biases write 4x3x6 each."""
    net = graph("3x5x7 k3x2f4b", batch=2)
    assert read_elements(net.nodes[1]) == 2 * 3 * 5 * 7 == 210
    assert moved_elements(net.nodes[1]) == 210 + (4 * 3 * 3 * 2 + 4) + 2 * 4 * 3 * 6
