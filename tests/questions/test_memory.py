"""The tensors that live at once, against a heap that is really filled and emptied, and the bytes that must move."""

from __future__ import annotations

from math import prod
from random import Random

import pytest

from convcalc.graph.graph import Builder, Graph
from convcalc.graph.primitives import Elementwise, Merge, Slice
from convcalc.questions.memory import live_tensors, peak
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


@pytest.mark.parametrize("seed", range(20))
def test_peak_memory_of_random_graphs(seed: int) -> None:
    random = Random(seed)
    builder = Builder()
    builder.input((1, 24, 3, 5))
    for number in range(30):
        at = random.randrange(max(0, number - 6), number + 1)
        channels = (builder.nodes[at].shape or ())[1]
        alike = [i for i, node in enumerate(builder.nodes) if node.shape == builder.nodes[at].shape]
        if channels > 4 and random.random() < 0.3:
            builder.add(f"n{number}", "split", Slice(1, 1, random.randint(3, channels - 1)), [at])
        elif random.random() < 0.5:
            builder.add(f"n{number}", "add", Merge("add"), [at, random.choice(alike)])
        else:
            builder.add(f"n{number}", "relu", Elementwise("relu"), [at])
    net = builder.graph("random", len(builder.nodes) - 1)
    most = peak(net)
    assert most.elements == live_elements(net)
    live = list(live_tensors(net, most))
    assert sum(count for *_, count in live) == most.elements
    assert all(prod(shape) == count for _, shape, count in live)
    assert net.labels[most.node] in [name for name, *_ in live]


def test_a_layer_of_several_stages_holds_what_it_makes_on_the_way() -> None:
    separable = "4x8x8 ds:k3p1m5f3"
    assert peak(graph(separable)).elements == 64 * (4 + 20)  # then the input is let go: 64 * (20 + 3)
    assert report(separable).layers[0].moved == 64 * (4 + 20 + 20 + 3) + 20 * 9 + 20 * 3
    text = (
        'input = "4x8x8"\n[[layers]]\nop = "ds"\nmultiplier = 5\nkernel = 3\npadding = 1\nfilters = 4\n'
        '[[layers]]\nop = "add"\nfrom = ["ds1", "input"]\n'
    )
    kept = network_from_toml(text.encode(), "net.toml")
    assert peak(kept).elements == 64 * (4 + 20 + 4)
    assert [name for name, *_ in live_tensors(kept, peak(kept))] == ["input", "ds1/depthwise", "ds1"]
