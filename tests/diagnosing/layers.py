"""Layers of every type on random integers, and what they give by the definition, with any mistake made on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tests.proof.command import by_definition

Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Stage:
    """One convolution as the definition takes it: weights in PyTorch's layout, one value or pair per axis."""

    w: np.ndarray
    b: np.ndarray | None = None
    stride: tuple[int, ...] = ()
    padding: tuple[tuple[int, int], ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    transposed: bool = False
    output_padding: tuple[int, ...] = ()
    mode: str = "zeros"
    shuffle: int = 0

    @property
    def dims(self) -> int:
        return self.w.ndim - 2


@dataclass(frozen=True)
class Layer:
    """A layer: its input, its stages, and the options and kernels that `run` is given for it."""

    name: str
    x: np.ndarray
    stages: tuple[Stage, ...]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def kernels(self) -> list[np.ndarray]:
        return [stage.w for stage in self.stages]

    @property
    def bias(self) -> np.ndarray | None:
        return self.stages[-1].b

    def but(self, number: int = 0, **changes: Any) -> Layer:
        """The layer with a mistake in one stage."""
        stages = list(self.stages)
        stages[number] = replace(stages[number], **changes)
        return replace(self, stages=tuple(stages))


def output(layer: Layer) -> np.ndarray:
    """(batch, N, *positions), tap after tap."""
    x = layer.x
    for stage in layer.stages:
        ones = (1,) * stage.dims
        stride, dilation = stage.stride or ones, stage.dilation or ones
        padding = stage.padding or ((0, 0),) * stage.dims
        if any(begin < 0 for begin, _ in padding) and not stage.transposed:
            x = x[(..., *(slice(max(0, -begin), None) for begin, _ in padding))]
            padding = tuple((max(0, begin), end) for begin, end in padding)
        filters = stage.w.shape[1] * stage.groups if stage.transposed else len(stage.w)
        sizes = [
            (n + b + e - d * (k - 1) - 1) // s + 1
            for n, (b, e), k, s, d in zip(x.shape[2:], padding, stage.w.shape[2:], stride, dilation, strict=True)
        ]
        how = {
            "op": "conv_transpose" if stage.transposed else "conv", "groups": stage.groups, "out_channels": filters,
            "output": [filters, *sizes], "stride": stride, "dilation": dilation, "padding": padding,
            "output_padding": stage.output_padding or (0,) * stage.dims,
        }  # fmt: skip
        x = by_definition(how, x, stage.w, stage.b, stage.mode)
        if stage.shuffle:
            x = by_definition({"op": "channel_shuffle", "groups": stage.shuffle}, x, stage.w)
    return x


def layers(seed: int = 0) -> list[Layer]:
    """A layer of every type and number of axes: unequal axes, several channels in a group, one-sided padding."""
    random = np.random.default_rng(seed)

    def ints(*shape: int) -> np.ndarray:
        return random.integers(-9, 10, shape)

    x2, p2 = ints(2, 4, 9, 11), ((1, 0), (0, 1))
    return [
        Layer(
            "1-D", ints(2, 3, 23), (Stage(ints(5, 3, 4), ints(5), (2,), ((2, 1),), (1,)),),
            {"type": "1d", "stride": 2, "padding": "2:1"},
        ),
        Layer(
            "2-D", x2, (Stage(ints(6, 4, 3, 2), ints(6), (2, 1), p2, (1, 2)),),
            {"stride": "2x1", "padding": "1:0x0:1", "dilation": "1x2"},
        ),
        Layer("square", ints(1, 3, 8, 8), (Stage(ints(3, 3, 3, 3), ints(3), (1, 1), ((1, 1), (1, 1))),),
              {"padding": 1}),
        Layer("3-D", ints(1, 2, 6, 5, 7), (Stage(ints(3, 2, 2, 3, 2), ints(3)),), {}),
        Layer(
            "grouped", ints(1, 6, 8, 7), (Stage(ints(4, 3, 3, 2), ints(4), (), ((1, 1), (0, 0)), (), 2),),
            {"type": "grouped", "groups": 2, "padding": "1x0"},
        ),
        Layer("depthwise", ints(1, 3, 9, 8), (Stage(ints(6, 1, 3, 2), ints(6), groups=3),), {"type": "depthwise"}),
        Layer(
            "transposed", ints(1, 4, 5, 6),
            (Stage(ints(4, 3, 3, 4), ints(3), (2, 3), ((1, 0), (0, 1)), (), 1, True, (1, 2)),),
            {"type": "transposed", "stride": "2x3", "padding": "1:0x0:1", "output_padding": "1x2"},
        ),
        Layer(
            "transposed 1-D", ints(2, 4, 9), (Stage(ints(4, 3, 5), None, (2,), ((2, 2),), (), 2, True, (1,)),),
            {"type": "transposed", "groups": 2, "stride": 2, "padding": 2, "output_padding": 1},
        ),
        Layer(
            "separable", ints(1, 4, 9, 8),
            (Stage(ints(4, 1, 3, 2), None, (), ((1, 1), (0, 0)), (), 4), Stage(ints(5, 4, 1, 1), ints(5))),
            {"type": "depthwise-separable", "padding": "1x0"},
        ),
        Layer(
            "spatial", ints(1, 3, 9, 8),
            (Stage(ints(4, 3, 3, 1), None, (2, 1)), Stage(ints(5, 4, 1, 4), ints(5), (1, 1))),
            {"type": "spatially-separable", "stride": "2x1"},
        ),
        Layer(
            "flattened", ints(1, 3, 9, 8),
            (Stage(ints(4, 3, 1, 1)), Stage(ints(4, 1, 3, 1), groups=4), Stage(ints(4, 1, 1, 2), ints(4), groups=4)),
            {"type": "flattened"},
        ),
        Layer(
            "shuffled", ints(1, 6, 8, 7), (Stage(ints(6, 2, 3, 2), None, (), (), (), 3, shuffle=3),),
            {"type": "shuffled-grouped", "groups": 3},
        ),
        Layer("pointwise", ints(1, 4, 9, 8), (Stage(ints(5, 4, 1, 1), ints(5)),), {"type": "pointwise"}),
        Layer(
            "dilated", ints(1, 2, 13, 12), (Stage(ints(3, 2, 3, 3), ints(3), (1, 1), (), (2, 2)),), {"type": "dilated"}
        ),
    ]  # fmt: skip
