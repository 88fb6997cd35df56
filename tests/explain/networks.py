"""Networks that the working-out is tested on: the zoo, every op of TOML files, and primitives that only ONNX has."""

from __future__ import annotations

from functools import cache

from convcalc import Report
from convcalc.explain.rows import Explanation
from convcalc.explain.whole import explain_network
from convcalc.graph import primitives as p
from convcalc.graph.graph import Builder, Graph
from convcalc.questions.report import network_report
from convcalc.questions.roofline import Machine
from convcalc.readers import load_network, zoo_names
from convcalc.readers.toml.document import network_from_toml

MACHINE = Machine(100e9, 10e9)
EVERY_OP = """
input = "6x13x17"
[[layers]]
name = "stem"
op = "conv"
filters = 8
kernel = [3, 5]
stride = [2, 1]
padding = "same"
bias = true
[[layers]]
op = "batch_norm"
[[layers]]
name = "ceiled"
op = "max_pool"
kernel = [3, 2]
stride = [2, 2]
padding = [[0, 1], [1, 0]]
ceil_mode = true
[[layers]]
name = "averaged"
op = "avg_pool"
kernel = 2
stride = 1
padding = "same"
[[layers]]
name = "pair"
op = "ds"
kernel = 3
padding = 1
filters = 8
bias = true
[[layers]]
name = "both"
op = "concat"
from = ["averaged", "pair", "ceiled"]
[[layers]]
op = "channel_shuffle"
groups = 3
[[layers]]
name = "parts"
op = "split"
sizes = [20, 4]
[[layers]]
name = "up"
op = "transposed"
from = "parts/1"
filters = 4
kernel = 3
stride = 2
padding = 1
output_padding = 1
bias = true
[[layers]]
name = "wide"
op = "conv"
filters = 5
kernel = 3
stride = 3
dilation = 2
padding = 2
[[layers]]
name = "larger"
op = "upsample"
size = [7, 11]
mode = "linear"
[[layers]]
name = "padded"
op = "pad"
padding = [[0, 2], [1, 0]]
[[layers]]
name = "cut"
op = "crop"
padding = [[1, 2], [0, 3]]
[[layers]]
op = "prelu"
per_channel = true
[[layers]]
name = "gate"
op = "global_avg_pool"
[[layers]]
name = "gated"
op = "multiply"
from = ["cut", "gate"]
[[layers]]
op = "scale"
[[layers]]
op = "instance_norm"
[[layers]]
op = "adaptive_avg_pool"
output_size = [2, 3]
[[layers]]
op = "softmax"
[[layers]]
op = "reshape"
size = "3x10"
[[layers]]
op = "flatten"
[[layers]]
op = "linear"
filters = 7
bias = true
[[layers]]
op = "linear"
filters = 3
"""


def every_primitive() -> Graph:
    """What only graphs of ONNX have: matrix products, axes that move, and what is not understood."""
    net = Builder()
    at = net.add("input", "Input", p.Input((2, 5, 12)))
    table = net.add("table", "Constant", p.Constant((1, 1, 7), learned=True))
    one = net.add("one", "Linear", p.Linear(12, 7, bias=True), [at])
    added = net.add("added", "Add", p.Merge("add"), [one, table])
    norm = net.add("norm", "LayerNormalization", p.Normalize("layer_norm", (7,), (2,), bias=False), [added])
    turned = net.add("turned", "Transpose", p.Transpose((0, 2, 1)), [norm])
    scores = net.add("scores", "MatMul", p.MatMul(), [norm, turned])
    taken = net.add("taken", "Gather", p.Take(1, (0, 2, 4, 1), (2, 2)), [scores])
    mean = net.add("mean", "ReduceMean", p.Reduce("mean", (2,), keep=False), [taken])
    spread = net.add("spread", "Expand", p.Expand((3, 2, 2, 5)), [mean])
    last = net.add("odd", "LSTM", p.Unknown("not understood", (3, 2, 9)), [spread])
    return net.graph("primitives", last)


NAMES = ("every op", "every primitive", *zoo_names())


@cache
def report_of(name: str) -> Report:
    match name:
        case "every op":
            return network_report(network_from_toml(EVERY_OP.encode(), "ops.toml", batch=2), machine=MACHINE)
        case "every primitive":
            return network_report(every_primitive(), machine=MACHINE)
        case _:
            return network_report(load_network(name), machine=MACHINE)


@cache
def rows_of(name: str) -> tuple[Explanation, ...]:
    report = report_of(name)
    return explain_network(report, report.layers)
