"""What a designer asks of a network: totals, memory, bounds, replacements, comparisons and sweeps."""

from __future__ import annotations

import json
from math import prod
from random import Random

import pytest

from convcalc.errors import ConvcalcError, ShapeError
from convcalc.explain.network import explain_network
from convcalc.graph.graph import Assembly, Network
from convcalc.graph.primitives import Elementwise, Input, Merge, Slice
from convcalc.questions.memory import live_tensors, moved_elements, peak
from convcalc.questions.replace import replaced
from convcalc.questions.report import NetworkReport, network_report
from convcalc.questions.roofline import Machine, machine
from convcalc.questions.sweep import sizes, swept, widths
from convcalc.readers.toml.document import network_from_toml
from tests import formula

SEPARABLE = """
input = "3x20x28"
[[layers]]
name = "stem"
op = "conv"
filters = 6
kernel = 3
stride = 2
padding = 1
[[layers]]
name = "deep"
op = "depthwise"
kernel = 5
stride = 2
padding = 2
[[layers]]
op = "batch_norm"
[[layers]]
op = "relu"
[[layers]]
name = "point"
op = "pointwise"
filters = 11
bias = true
[[layers]]
name = "norm"
op = "batch_norm"
[[layers]]
op = "global_avg_pool"
[[layers]]
op = "linear"
filters = 7
"""


def network(text: str = SEPARABLE, **options: object) -> Network:
    return network_from_toml(text.encode(), "net.toml", **options)  # type: ignore[arg-type]


def report(text: str = SEPARABLE, **options: object) -> NetworkReport:
    return network_report(network(text, **options))


def test_totals_are_the_sums_of_the_rows() -> None:
    answer = report(batch=2).to_dict()
    for key in ("parameters", "weights", "biases", "multiplications", "multiplications_effective", "additions", "macs",
                "flops", "activations", "parameter_bytes", "activation_bytes", "bytes"):  # fmt: skip
        assert answer["totals"][key] == sum(layer[key] for layer in answer["layers"]), key
    assert sum(layer["share"] for layer in answer["layers"]) == pytest.approx(1)
    for kind, part in answer["totals"]["by_kind"].items():
        rows = [layer for layer in answer["layers"] if layer["kind"] == kind]
        assert part["layers"] == len(rows)
        assert part["multiplications"] == sum(layer["multiplications"] for layer in rows)
    json.dumps(answer, allow_nan=False)


def test_counts_by_hand() -> None:
    rows = {layer["name"]: layer for layer in report(batch=2).to_dict()["layers"]}
    assert rows["stem"]["multiplications"] == 2 * (10 * 14) * 6 * 3 * 9
    assert rows["deep"]["multiplications"] == 2 * (5 * 7) * 6 * 25
    assert rows["point"]["parameters"] == 6 * 11 + 11
    assert rows["norm"]["parameters"] == 2 * 11
    assert (rows["linear1"]["multiplications"], rows["linear1"]["additions"]) == (2 * 77, 2 * 7 * 10)
    assert rows["deep"]["groups"] == 6
    assert rows["stem"]["input"] == [3, 20, 28]
    # read 6*10*14, write 6*5*7, and 150 weights, at four bytes, for a batch of two
    assert rows["deep"]["bytes_moved"] == 4 * (2 * 6 * 10 * 14 + 2 * 6 * 5 * 7 + 150)
    assert rows["deep"]["intensity"] == pytest.approx(2 * rows["deep"]["macs"] / rows["deep"]["bytes_moved"])


def live_elements(net: Network) -> int:
    """The peak by running the network on a heap: every tensor kept as long as a later layer asks for it."""
    heap: dict[int, int] = {}
    peak = 0
    for number, node in enumerate(net.nodes):
        heap[number] = prod(node.shape or ())
        peak = max(peak, sum(heap.values()))
        later = {i for after in net.nodes[number + 1 :] for i in after.inputs} | {net.output}
        heap = {i: size for i, size in heap.items() if i in later}
    return peak


def test_what_floats_do_not_hold_is_not_timed() -> None:
    with pytest.raises(ShapeError, match="fewer than 10\\^308 operations"):
        Machine(1e9, 1e9).bound(10**400, 8)


@pytest.mark.parametrize("seed", range(20))
def test_peak_memory_of_random_graphs(seed: int) -> None:
    random = Random(seed)
    assembly = Assembly()
    assembly.add("input", "input", Input((1, 24, 3, 5)))
    for number in range(30):
        at = random.randrange(max(0, number - 6), number + 1)
        channels = (assembly.nodes[at].shape or ())[1]
        alike = [i for i, node in enumerate(assembly.nodes) if node.shape == assembly.nodes[at].shape]
        if channels > 4 and random.random() < 0.3:
            assembly.add(f"n{number}", "split", Slice(1, 1, random.randint(3, channels - 1)), [at])
        elif random.random() < 0.5:
            assembly.add(f"n{number}", "add", Merge("add"), [at, random.choice(alike)])
        else:
            assembly.add(f"n{number}", "relu", Elementwise("relu"), [at])
    net = Network("random", tuple(assembly.nodes), len(assembly.nodes) - 1)
    most = peak(net)
    assert most.elements == live_elements(net)
    live = list(live_tensors(net, most))
    assert sum(count for *_, count in live) == most.elements
    assert all(prod(shape) == count for _, shape, count in live)
    assert net.nodes[most.layer].name in [name for name, *_ in live]


def test_a_layer_of_several_stages_holds_what_it_makes_on_the_way() -> None:
    net = network('input = "4x8x8"\n[[layers]]\nop = "ds"\nmultiplier = 5\nkernel = 3\npadding = 1\nfilters = 3\n')
    assert peak(net).elements == 64 * (4 + 20)  # then the input is let go: 64 * (20 + 3)
    assert moved_elements(net.nodes[1]) == 64 * (4 + 20 + 20 + 3) + 20 * 9 + 20 * 3
    kept = network(
        'input = "4x8x8"\n[[layers]]\nop = "ds"\nmultiplier = 5\nkernel = 3\npadding = 1\nfilters = 4\n'
        '[[layers]]\nop = "add"\nfrom = ["ds1", "input"]\n'
    )
    assert peak(kept).elements == 64 * (4 + 20 + 4)
    assert [name for name, *_ in live_tensors(kept, peak(kept))] == ["input", "ds1/depthwise", "ds1/pointwise"]


def test_the_roofline_s_two_sides() -> None:
    rates = machine("100GOPS", "10GB/s")
    assert rates == Machine(100e9, 10e9)
    assert machine("50GMACS", "10 GB/s") == rates
    assert rates.ridge == 10
    assert rates.bound(2_000_000, 100_000).to_dict() == {"bound": "compute", "least_seconds": 2e-5}
    assert rates.bound(100_000, 100_000).to_dict() == {"bound": "memory", "least_seconds": 1e-5}
    answer = network_report(network(), machine=rates)
    total = 0.0
    for layer in answer.to_dict()["layers"]:
        slower = max(layer["flops"] / 100e9, layer["bytes_moved"] / 10e9)
        assert layer["least_seconds"] == pytest.approx(slower)
        total += slower
    assert answer.totals()["least_seconds"] == pytest.approx(total)


@pytest.mark.parametrize(
    ("peak", "bandwidth", "message"),
    [
        ("fast", "10GB/s", "peak: must be a rate such as 100GOPS"),
        ("100GB/s", "10GB/s", "peak: must be a rate"),
        ("0GOPS", "10GB/s", "peak: must be more than 0"),
        ("1GOPS", "10GOPS", "bandwidth: must be a rate such as 10GB/s"),
        ("1GOPS", None, "bandwidth: must be given too"),
        (None, "1GB/s", "peak: must be given too"),
    ],
)
def test_rates_that_are_none(peak: str | None, bandwidth: str | None, message: str) -> None:
    with pytest.raises(ConvcalcError, match=message):
        machine(peak, bandwidth)


def test_a_separable_pair_becomes_one_convolution_and_back() -> None:
    full = network_report(replaced(network(), "depthwise-separable=standard"))
    rows = {layer.name: layer for layer in full.layers}
    assert list(rows) == ["stem", "point", "norm", "global_avg_pool1", "linear1"]
    assert rows["point"].multiplications == 5 * 7 * 6 * 11 * 25
    assert rows["point"].parameters == 6 * 11 * 25 + 11
    assert full.output == (7,)
    assert full.receptive_field == report().receptive_field
    again = network_report(replaced(full.network, "standard=depthwise-separable"))
    rows = {layer.name: layer for layer in again.layers}
    assert rows["stem"].multiplications == 10 * 14 * (3 * 9 + 3 * 6)
    assert rows["point"].multiplications == 5 * 7 * (6 * 25 + 6 * 11)


def test_replacing_keeps_the_sizes() -> None:
    padded = 'input = "4x9x9"\n[[layers]]\nop = "conv"\nfilters = 8\nkernel = 3\npadding = 1\n'
    for other in ("dilated", "flattened", "spatially-separable", "pointwise", "shuffled-grouped", "depthwise"):
        assert network_report(replaced(network(padded), f"standard={other}")).output == (8, 9, 9), other


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("standard", "replace: must be TYPE=TYPE"),
        ("standard=", "replace: must be TYPE=TYPE"),
        ("standart=flattened", "replace: type: unknown convolution type 'standart'; did you mean standard"),
        ("grouped=standard", "has no grouped convolution; it has depthwise, pointwise, standard, depthwise-separable"),
        ("standard=shuffled-grouped", "replace: stem: grouped: groups must divide in_channels"),
    ],
)
def test_rules_that_do_not_work(rule: str, message: str) -> None:
    with pytest.raises(ConvcalcError, match=message):
        replaced(network(), rule)


def test_sweeps() -> None:
    assert sizes("128..320:64,224x256") == ("128", "192", "256", "320", "224x256")
    assert widths("0.5, 1") == ("0.5", "1")
    sweep = swept("size", ["20", "40"], lambda size: report(input=(3, int(size), 28)))
    [small, large] = sweep.to_dict()["points"]
    assert (small["size"], large["input"]) == ("20", [3, 40, 28])
    assert large["totals"]["multiplications"] == report(input=(3, 40, 28)).multiplications
    with pytest.raises(ConvcalcError, match=r"size 1: net\.toml: deep: height: the window must fit"):
        swept(
            "size", ["1"], lambda size: report(SEPARABLE.replace("padding = 2", "padding = 0"), input=(3, int(size), 9))
        )
    for text in ("320..128", "1..9999", "a", "1,,2", "1..5:0"):
        with pytest.raises(ConvcalcError, match="sweep"):
            sizes(text)


def test_a_thousand_layers_with_branches() -> None:
    """Every residual block adds four pixels, whatever the depth."""
    text = """
    input = "4x32x32"
    [[blocks]]
    name = "residual"
    [[blocks.layers]]
    op = "conv"
    kernel = 3
    padding = 1
    filters = 4
    [[blocks.layers]]
    op = "conv"
    kernel = 3
    padding = 1
    filters = 4
    [[blocks.layers]]
    op = "add"
    from = ["conv2", "input"]
    [[layers]]
    block = "residual"
    repeat = 400
    """
    answer = report(text)
    assert len(answer.layers) == 1200
    assert [axis.size for axis in answer.receptive_field] == [1601, 1601]


def test_the_working_out_evaluates_to_its_numbers() -> None:
    """As it stands with the numbers put in; what each symbol stands for is the formulas' own tests' business."""
    text = SEPARABLE + '[[layers]]\nop = "linear"\nfilters = 3\nbias = true\n'
    answer = report(text, batch=2)
    rows = explain_network(answer, answer.layers)
    assert {row.where for row in rows} == {layer.name for layer in answer.layers} | {"total"}
    for row in rows:
        if isinstance(row.result, int) and row.formula != "input":
            assert formula.value(row.numbers) == row.result, row
    told = {(row.where, row.quantity): row.result for row in rows}
    for layer in answer.layers:
        for name in ("multiplications", "additions", "parameters"):
            assert told.get((layer.name, name), getattr(layer, name)) == getattr(layer, name), layer.name
    [moved] = [row for row in rows if (row.where, row.quantity) == ("deep", "float32 bytes moved")]
    assert moved.numbers == "(1680 + 150 + 420) * 4"
    assert told["deep", "receptive field along height and width"] == 11


def test_bytes_of_stages_are_of_the_type_asked_for() -> None:
    text = 'input = "4x8x8"\n[[layers]]\nop = "ds"\nkernel = 3\nfilters = 6\n'
    [layer] = network_report(network(text), dtype="float64").to_dict()["layers"]
    assert [stage["parameter_bytes"] for stage in layer["stages"]] == [8 * 4 * 9, 8 * 4 * 6]
