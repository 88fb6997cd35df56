"""Layers and networks to run: random arrays, a layer's nodes as the engine runs them, and networks built by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convcalc import Report
from convcalc.graph.graph import Builder, Graph
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Correlate,
    Elementwise,
    Linear,
    Merge,
    Normalize,
    Pad,
    Pool,
    Primitive,
    Reduce,
    Resize,
    ShuffleChannels,
    Slice,
    Softmax,
    TransposedCorrelate,
)
from convcalc.notation import Axes
from convcalc.proof.executed import Executed
from convcalc.proof.forms import Named
from convcalc.proof.run import Run, RunOptions, run
from convcalc.proof.walk import executed
from convcalc.recipes import recipe_named
from convcalc.recipes.options import LayerOptions, convolution, request_for

CHECKS = ["output_shape", "parameters", "multiplications", "receptive_field", "values"]
NAN, INF = float("nan"), float("inf")


def filled(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Random numbers of that type."""
    kind = np.dtype(dtype).kind
    if kind in "bui":
        return rng.integers(0 if kind != "i" else -9, 2 if kind == "b" else 10, shape).astype(dtype)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if kind == "c" else values).astype(dtype)


def convolutions(report: Report) -> list[Correlate | TransposedCorrelate]:
    """The convolutions of a layer, in order."""
    primitives = [stage.node.primitive for stage in report.stages]
    return [primitive for primitive in primitives if isinstance(primitive, Correlate | TransposedCorrelate)]


def ran(type: str, options: dict[str, Any], x: np.ndarray, kernels: list[np.ndarray], *biases: np.ndarray) -> Run:
    """A run of a layer as `analyze` takes it on these arrays."""
    common = ("stride", "padding", "dilation", "groups", "output_padding", "padding_mode")
    known = {name: options[name] for name in common if name in options}
    chosen = RunOptions(type=type, dims=x.ndim - 2, **known)
    return run(Named("x", x), [Named("k", k) for k in kernels], [Named("b", b) for b in biases], chosen)


def run_nodes(report: Report, dtype: str = "float32", mode: str = "zeros", algorithm: str = "auto") -> list[Executed]:
    """The nodes of a layer run by the engine on random arrays."""
    rng = np.random.default_rng(0)
    x = filled(rng, (report.batch, *report.input), dtype)
    arrays = {
        stage.node.name: tuple(
            filled(rng, shape, dtype)
            for shape in (primitive.weight_shape, *([(primitive.out_channels,)] if primitive.bias else []))
        )
        for stage in report.stages
        if isinstance(primitive := stage.node.primitive, Correlate | TransposedCorrelate)
    }
    return list(executed(report.graph, [x], arrays, padding_mode=mode, algorithm=algorithm))


def disagreeing(found: Run) -> list[str]:
    """The names of the checks of a run that disagree."""
    assert [check.name for check in found.checks] == CHECKS
    return [check.name for check in found.checks if not check.ok]


class Layers:
    """A network under construction: each layer reads the one before, unless it is told what to read."""

    def __init__(self, *shape: int) -> None:
        self.builder = Builder()
        self.last = self.builder.input(shape)

    def add(self, name: str, op: str, primitive: Primitive, *inputs: int) -> int:
        """The number of a new layer of one primitive."""
        self.last = self.builder.add(name, op, primitive, inputs or (self.last,))
        return self.last

    def conv(self, name: str, type: str = "standard", *inputs: int, **options: Any) -> int:
        """The number of the last node of a convolution of that type."""
        [read] = inputs or (self.last,)
        shape = self.builder.nodes[read].shape
        assert shape is not None
        recipe, asked = recipe_named(type), LayerOptions(input=shape[1:], **options)
        request = request_for(recipe, asked, channels=shape[1], dims=len(shape) - 2, spatial=shape[2:])
        self.last = self.builder.add(name, type, convolution(recipe, request), [read])
        return self.last

    def pool(self, name: str, kind: str, kernel: Sequence[int], stride: Sequence[int], **more: Any) -> int:
        """The number of a new pool, without padding unless `padding` has it."""
        dims = len(kernel)
        padding = more.pop("padding", ((0, 0),) * dims)
        return self.add(
            name, f"{kind}_pool", Pool(kind, tuple(kernel), tuple(stride), padding, (1,) * dims, **more)
        )  # fmt: skip

    def graph(self) -> Graph:
        """The network, whose output is the last layer's."""
        return self.builder.graph("net", self.last)


def plain(batch: int = 1) -> Graph:
    """A small classifier with unequal axes, a layer of two stages among its own."""
    net = Layers(batch, 3, 31, 26)
    net.conv("stem", filters=6, kernel=(3, 4), stride=(2, 1), padding=((1, 0), (1, 2)), bias=True)
    net.add("norm", "batch_norm", Normalize("batch_norm", (6,)))
    net.add("act", "relu", Elementwise("relu"))
    net.conv("deep", "depthwise-separable", filters=8, kernel=3, dilation=2, padding=2)
    net.pool("pool", "max", (2, 2), (2, 2))
    net.conv("last", filters=5, kernel=3)
    net.add("mean", "global_avg_pool", Reduce("mean", (2, 3)))
    net.add("scores", "linear", Linear(5, 4, bias=True, flatten=True))
    return net.graph()


def up_and_down(batch: int = 1) -> Graph:
    net = Layers(batch, 2, 24, 20)
    net.conv("down", filters=4, kernel=4, stride=2, padding=1)
    net.conv("up", "transposed", filters=4, kernel=5, stride=3, padding=1)
    net.add("upsampled", "upsample", Resize((72, 60), "linear", "half_pixel"))
    net.pool("pool", "avg", (3, 3), (2, 2), padding=((1, 1), (1, 1)), ceil_mode=True, count_include_pad=False)
    return net.graph()


def cropped(batch: int = 1) -> Graph:
    net = Layers(batch, 2, 33, 29)
    net.add("cut", "crop", Pad(((0, 0), (0, 0), (-4, -3), (-2, -5))))
    net.conv("first", filters=3, kernel=5, padding=2)
    net.conv("second", filters=3, kernel=(3, 5), padding=(1, 2))
    return net.graph()


def mirrored(batch: int = 1, height: int = 41) -> Graph:
    net = Layers(batch, 2, height, 37)
    net.add("pad", "pad", Pad(((0, 0), (0, 0), (3, 3), (3, 3)), "reflect"))
    net.conv("conv", filters=4, kernel=7)
    return net.graph()


def volume(batch: int = 1) -> Graph:
    net = Layers(batch, 2, 9, 11, 8)
    net.conv("conv", filters=4, kernel=(3, 2, 1), stride=(1, 2, 1), padding=1)
    net.pool("pool", "max", (2, 1, 3), (2, 1, 3))
    return net.graph()


def signal(batch: int = 1) -> Graph:
    net = Layers(batch, 2, 97)
    net.conv("wide", filters=4, kernel=9, dilation=3)
    net.add("norm", "instance_norm", Normalize("instance_norm", (4,), (2,)))
    net.conv("half", filters=2, kernel=2, stride=2)
    return net.graph()


def odd(batch: int = 1) -> Graph:
    net = Layers(batch, 3, 35, 37)
    net.conv("half", filters=4, kernel=2, stride=2)
    net.conv("third", filters=4, kernel=2, stride=3)
    net.conv("same", filters=4, kernel=3, padding=1)
    return net.graph()


def alone(batch: int = 1) -> Graph:
    """The first outputs of its first layer read padding alone."""
    net = Layers(batch, 2, 40, 33)
    net.conv("first", filters=4, kernel=(1, 3), padding=(3, 0))
    net.conv("second", filters=4, kernel=(3, 1), stride=2, padding=(1, 2))
    return net.graph()


def whole(batch: int = 1) -> Graph:
    """Its first layer reads the whole image."""
    net = Layers(batch, 2, 9, 8)
    net.add("mean", "adaptive_avg_pool", AdaptivePool("avg", (1, 1)))
    net.add("scores", "linear", Linear(2, 3, bias=False, flatten=True))
    return net.graph()


def features(batch: int = 1) -> Graph:
    net = Layers(batch, 12)
    net.add("scores", "linear", Linear(12, 5, bias=False))
    net.add("shares", "softmax", Softmax(1))
    return net.graph()


def residual(batch: int = 1) -> Graph:
    """Branches that meet again, a gate, a split, and maps halved and doubled."""
    net = Layers(batch, 6, 23, 18)
    net.conv("stem", filters=12, kernel=(3, 5), stride=(2, 1), padding=((1, 0), (2, 2)), bias=True)
    net.add("norm", "batch_norm", Normalize("batch_norm", (12,)))
    act = net.add("act", "hard_swish", Elementwise("hard_swish"))
    net.add("squeeze", "global_avg_pool", Reduce("mean", (2, 3)))
    net.conv("less", filters=3, kernel=1, bias=True)
    net.add("relu", "relu", Elementwise("relu"))
    net.conv("more", filters=12, kernel=1)
    gate = net.add("gate", "sigmoid", Elementwise("sigmoid"))
    gated = net.add("gated", "multiply", Merge("multiply"), act, gate)
    left = net.add("parts/1", "split", Slice(1, 0, 4), gated)
    net.add("parts/2", "split", Slice(1, 4, 8), gated)
    right = net.conv("right", "depthwise", kernel=3, padding=1)
    net.add("both", "concat", Concat(1), left, right)
    mixed = net.add("mixed", "channel_shuffle", ShuffleChannels(3))
    net.add("sum", "add", Merge("add"), mixed, act)
    down = net.pool("down", "max", (3, 3), (2, 2), padding=((1, 1), (1, 1)))
    up = net.conv("up", "transposed", filters=12, kernel=4, stride=2, padding=1)
    size: Axes = (net.builder.nodes[up].shape or ())[2:]
    wide = net.add("wide", "upsample", Resize(size, "linear", "half_pixel"), down)
    net.add("joined", "add", Merge("add"), up, wide)
    net.add("pooled", "adaptive_avg_pool", AdaptivePool("avg", (2, 3)))
    net.add("scores", "linear", Linear(72, 5, bias=True, flatten=True))
    return net.graph()


NETWORKS = {
    "plain": plain, "updown": up_and_down, "cropped": cropped, "mirrored": mirrored, "volume": volume,
    "signal": signal, "odd": odd, "alone": alone, "whole": whole, "features": features, "residual": residual,
}  # fmt: skip
