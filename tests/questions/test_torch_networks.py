"""Random networks with branches, in TOML and in PyTorch: shapes, parameters and receptive fields agree."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from convcalc.graph.graph import Graph
from convcalc.questions.receptive import receptive_fields
from convcalc.questions.report import network_report
from convcalc.readers.toml.document import network_from_toml

torch = pytest.importorskip("torch", reason="PyTorch is the oracle; install .[oracle] to run this")
functional = torch.nn.functional


class Built:
    """A TOML file and the same network in PyTorch, grown layer by layer."""

    def __init__(self, random: Random, size: tuple[int, ...]) -> None:
        self.random, self.text = random, [f'input = "{"x".join(map(str, size))}"']
        self.input = torch.ones((1, *size), dtype=torch.float64, requires_grad=True)
        self.maps: dict[str, Any] = {"input": self.input}
        self.parameters: dict[str, int] = {"input": 0}

    def layer(self, op: str, out: Any, inputs: list[str], parameters: int = 0, **keys: object) -> None:
        name = f"n{len(self.maps)}"
        lines = [
            f'name = "{name}"',
            f'op = "{op}"',
            f"from = {inputs}",
            *(f"{k} = {_toml(v)}" for k, v in keys.items()),
        ]
        self.text.append("\n".join(["[[layers]]", *lines]))
        self.maps[name], self.parameters[name] = out, parameters

    def grow(self, split: bool = True) -> None:
        """One more layer on one of the last ones, or none where it would not fit."""
        random, name = self.random, self.random.choice(list(self.maps)[-4:])
        x = self.maps[name]
        channels, *spatial = x.shape[1:]
        dims = len(spatial)
        conv = getattr(functional, f"conv{dims}d")
        kind = random.choice(("conv", "conv", "depthwise", "transposed", "pool", "up", "add", "concat", "shuffle",
                              "split", "gate", "norm"))  # fmt: skip
        kernel = [random.randint(1, 3) for _ in range(dims)]
        stride = [random.choice((1, 1, 1, 2)) for _ in range(dims)]
        dilation = [random.choice((1, 1, 2)) for _ in range(dims)]
        padding = [random.randint(0, k // 2) for k in kernel]
        fits = all(n + 2 * p > d * (k - 1) for n, p, d, k in zip(spatial, padding, dilation, kernel, strict=True))
        window = {"kernel": kernel, "stride": stride, "padding": padding}
        if kind == "conv" and fits:
            groups = random.choice([g for g in (1, 2, 3) if channels % g == 0])
            filters, bias = groups * random.randint(1, 3), random.random() < 0.5
            weight = torch.ones((filters, channels // groups, *kernel), dtype=torch.float64)
            biases = torch.ones(filters, dtype=torch.float64) if bias else None
            out = conv(x, weight, biases, stride, padding, dilation, groups)
            self.layer("conv", out, [name], weight.numel() + filters * bias, filters=filters, groups=groups,
                       dilation=dilation, bias=bias, **window)  # fmt: skip
        elif kind == "depthwise" and fits:
            weight = torch.ones((channels, 1, *kernel), dtype=torch.float64)
            out = conv(x, weight, None, stride, padding, dilation, channels)
            self.layer("depthwise", out, [name], weight.numel(), dilation=dilation, **window)
        elif kind == "transposed" and max(spatial) < 24:
            transposed = getattr(functional, f"conv_transpose{dims}d")
            filters, kernel = random.randint(1, 3), [k + s for k, s in zip(kernel, stride, strict=True)]
            weight = torch.ones((channels, filters, *kernel), dtype=torch.float64)
            out = transposed(x, weight, None, stride, padding)
            keys = {"filters": filters, "kernel": kernel, "stride": stride, "padding": padding}
            self.layer("transposed", out, [name], weight.numel(), **keys)
        elif kind == "pool" and fits:
            pool = getattr(functional, f"avg_pool{dims}d")
            ceil = random.random() < 0.5
            if all(n + 2 * p >= k for n, p, k in zip(spatial, padding, kernel, strict=True)):
                self.layer(
                    "avg_pool", pool(x, kernel, stride, padding, ceil_mode=ceil), [name], ceil_mode=ceil, **window
                )
        elif kind == "up" and max(spatial) < 24:
            self.layer("upsample", functional.interpolate(x, scale_factor=2), [name], factor=2)
        elif kind in ("add", "concat"):
            same = [n for n, other in self.maps.items() if other.shape[2:] == x.shape[2:]]
            other = random.choice(same)
            if kind == "concat" and channels < 20:
                self.layer("concat", torch.cat([x, self.maps[other]], 1), [name, other])
            elif kind == "add" and self.maps[other].shape == x.shape:
                self.layer("add", x + self.maps[other], [name, other])
        elif kind == "shuffle" and channels % 2 == 0:
            self.layer("channel_shuffle", functional.channel_shuffle(x.contiguous(), 2), [name], groups=2)
        elif kind == "split" and split and channels > 1:
            at = random.randrange(1, channels)
            self.layer("split", None, [name], sizes=[at, channels - at])
            split = list(self.maps)[-1]
            del self.maps[split]
            self.maps |= {f"{split}/1": x[:, :at], f"{split}/2": x[:, at:]}
            self.parameters |= {f"{split}/1": 0, f"{split}/2": 0}
        elif kind == "gate" and random.random() < 0.3:
            pooled = x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
            self.layer("global_avg_pool", pooled, [name])
            self.layer("multiply", x * pooled, [name, list(self.maps)[-1]])
        elif kind == "norm":
            self.layer("batch_norm", x * 1.0, [name], 2 * channels)

    def network(self) -> Graph:
        return network_from_toml("\n\n".join(self.text).encode(), "net.toml")

    def seen(self, name: str, position: tuple[int, ...]) -> list[set[int]]:
        """Per axis, the input positions that an output position depends on: where its gradient is not zero."""
        out = self.maps[name][(0, slice(None), *position)].sum()
        (gradient,) = torch.autograd.grad(out, self.input, retain_graph=True, allow_unused=True)
        where = np.nonzero(gradient.numpy())
        return [set(map(int, axis)) for axis in where[2:]]


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int) -> None:
    random = Random(seed)
    dims = random.choice((1, 1, 2, 2, 3))
    size = (
        random.choice((2, 3, 6)),
        *((random.randint(20, 40),) if dims == 1 else (random.randint(7, 12) for _ in range(dims))),
    )
    built = Built(random, size)
    for _ in range(16):
        built.grow()
    if len(built.maps) < 3:
        pytest.skip("the draw gave no network")
    network = built.network()
    report = network_report(network)
    fields = receptive_fields(network)
    names = network.labels
    for layer in report.layers:
        assert layer.output == tuple(built.maps[layer.name].shape[1:]), layer.name
        assert layer.parameters == built.parameters[layer.name], layer.name
    for name, out in built.maps.items():
        seen = fields.seen[names.index(name)]
        for _ in range(3):
            position = tuple(random.randrange(n) for n in out.shape[2:])
            measured = built.seen(name, position)
            for axis, (along, found) in enumerate(zip(seen, measured, strict=True)):
                predicted = set(along.field.at(position[axis]).within(0, size[1 + axis]))
                assert found <= predicted, (name, axis)


@pytest.mark.parametrize("seed", range(40))
def test_sets_are_exact_away_from_the_border(seed: int) -> None:
    """In the middle of a long signal, away from padding, the sets are equal."""
    random = Random(seed)
    built = Built(random, (2, 161))
    while len(built.maps) < 9:
        built.grow(split=False)  # a part may hold the channels of one arm alone, and sets are of all channels together
    network = built.network()
    fields = receptive_fields(network)
    names = network.labels
    checked = 0
    for name, out in built.maps.items():
        [along] = fields.seen[names.index(name)]
        middle = out.shape[-1] // 2
        predicted = set(along.field.at(middle).within(0, 161))
        if predicted and 40 < min(predicted) <= max(predicted) < 120:
            assert built.seen(name, (middle,)) == [predicted], name
            checked += 1
    assert checked
