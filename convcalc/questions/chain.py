"""The receptive field along a chain of layer words, such as `k3 max:k2s2 t:k4s2p1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

from convcalc.errors import ConvcalcError, NotationError, ShapeError
from convcalc.graph.stages import Axes, Chain, Pool, ShuffleChannels, Stage
from convcalc.graph.trace import Step, resolved, trace
from convcalc.notation import (
    LayerWord,
    PerAxis,
    axis_count,
    parse_size,
    parse_words,
    whole_number,
)
from convcalc.questions.layer_receptive import AxisField, receptive_field
from convcalc.questions.layer_report import SCHEMA, field_dict
from convcalc.recipes import BY_NAME, recipe_named
from convcalc.recipes.options import LayerOptions, request_for
from convcalc.recipes.pool import pool_stage

POOLS = ("max", "avg")
POOL_OPS = tuple(f"{kind}_pool" for kind in POOLS)


@dataclass(frozen=True, slots=True)
class LayerField:
    """One layer of a chain: its word, its stages, and the receptive field on the chain's input after it.

    The steps, and the output with them, only where the chain's input is known.
    """

    layer: str
    stages: tuple[Stage, ...]
    steps: tuple[Step, ...]
    output: Axes | None
    receptive_field: tuple[AxisField, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "receptive_field": field_dict(self.receptive_field),
            "output": None if self.output is None else list(self.output),
        }


@dataclass(frozen=True, slots=True)
class ChainFields:
    """The receptive field after every layer of a chain; sizes only where the input is known."""

    input: Axes | None
    dims: int
    layers: tuple[LayerField, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "input": None if self.input is None else list(self.input),
            "layers": [layer.to_dict() for layer in self.layers],
            "receptive_field": field_dict(self.layers[-1].receptive_field),
        }


def chain_fields(words: Sequence[str], input: PerAxis | None = None, layout: str = "channels-first") -> ChainFields:
    """The receptive field after each layer of a chain, and the sizes where the input (channels, *spatial) is given.

    A layer without `f` keeps the channels. Raises NotationError or ShapeError, naming the layer.
    """
    layers = parse_words(words, tuple(BY_NAME))
    size = None if input is None else parse_size(input, "input", layout)
    dims = len(size) - 1 if size else _named_axes(layers)
    shape: Axes | None = size
    channels = size[0] if size else lcm(*(_groups(layer) for layer in layers))
    walked: list[Stage] = []
    fields = []
    for layer in layers:
        try:
            chain = _lower(layer, channels, dims, shape)
            steps: tuple[Step, ...] = ()
            if shape is None:
                unknown = (None,) * dims
                stages = [s if isinstance(s, ShuffleChannels) else resolved(s, unknown) for _, s in chain.stages()]
                channels = _channels_after(stages, channels)
            else:
                steps = trace(chain, shape)
                stages, shape = [step.stage for step in steps], steps[-1].output
                channels = shape[0]
            walked += stages
            field = receptive_field(walked, dims)
        except ConvcalcError as error:
            raise type(error)(f"{layer.text}: {error}") from None
        fields.append(LayerField(layer.text, tuple(stages), steps, shape, field))
    return ChainFields(size, dims, tuple(fields))


def _lower(layer: LayerWord, channels: int, dims: int, shape: Axes | None) -> Chain:
    if layer.dims not in (None, dims):
        raise NotationError(f"type {layer.op} has {layer.dims} spatial axes, got a chain with {dims}")
    if layer.op in POOL_OPS:
        kind = layer.op.removesuffix("_pool")
        return Chain(((kind, _pool(layer, kind, dims)),))
    if layer.op not in BY_NAME:
        raise NotationError("rf reads convolutions and pools, got another layer; leave it out")
    recipe = recipe_named(layer.op)
    values = {name: value for name, value in layer.values.items() if name != "in_channels"}
    stated = layer.values.get("in_channels", channels)
    if shape is not None and stated != channels:
        raise ShapeError(f"input channels must match the layer, got {channels} for in_channels={stated}")
    if "kernel" not in layer.values and recipe.default_kernel != 1:
        raise NotationError("a layer needs its kernel, got none; write for example k3")
    options = LayerOptions(**values)
    spatial = None if shape is None else shape[1:]
    request = request_for(recipe, options, channels=channels, dims=dims, spatial=spatial, filters=channels)
    return recipe.lower(request)


def _pool(layer: LayerWord, kind: str, dims: int) -> Pool:
    if "kernel" not in layer.values:
        raise NotationError("a pool needs its kernel, got none; write for example max:k2")
    return pool_stage(kind, layer.values, dims)


def _named_axes(layers: Sequence[LayerWord]) -> int:
    """The axes that a type or a per-axis value names; two if the words leave it open."""
    per_axis = ("kernel", "stride", "padding", "dilation", "output_padding")
    counts = [axis_count(value) for layer in layers for name, value in layer.values.items() if name in per_axis]
    stated = [layer.dims for layer in layers if layer.dims]
    count = max([*stated, *(c for c in counts if c > 1)], default=2)
    if count > 3:
        raise NotationError(f"a layer has 1 to 3 spatial axes, got values for {count}")
    return count


def _groups(layer: LayerWord) -> int:
    default = recipe_named(layer.op).default_groups if layer.op in BY_NAME else 1
    return whole_number(layer.values.get("groups", default), f"{layer.text}: groups")


def _channels_after(stages: Sequence[Stage], channels: int) -> int:
    for stage in stages:
        if not isinstance(stage, Pool | ShuffleChannels):
            channels = stage.out_channels
    return channels
