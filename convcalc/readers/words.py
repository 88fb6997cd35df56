"""A row of layer words becomes a graph: `k7s2p3f64 max:k3s2p1 gap fc1000`, on an input of known or unknown size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from math import lcm, prod

from convcalc.errors import ConvcalcError, NotationError, ShapeError, shortened
from convcalc.graph.graph import Builder, Graph, Layer
from convcalc.graph.primitives import Convolution, TransposedCorrelate, Windowed, windows
from convcalc.graph.shapes import resolved
from convcalc.graph.size_rules import UnfollowedError
from convcalc.notation import (
    LETTERS,
    Axes,
    LayerWord,
    Layout,
    PerAxis,
    asking,
    axis_count,
    parse_layout,
    parse_size,
    parse_words,
    show_size,
    size_questions,
    whole_number,
)
from convcalc.readers.toml.ops import lower, op_named
from convcalc.recipes import BY_NAME, named_dims, recipe_named
from convcalc.recipes.options import LayerOptions, convolution, request_for
from convcalc.recipes.pool import pool_stage

POOLS = {"max_pool": "max", "avg_pool": "avg"}
WHOLE = (
    "global_avg_pool", "global_max_pool", "adaptive_avg_pool", "adaptive_max_pool",
    "instance_norm", "group_norm", "flatten", "linear", "pixel_unshuffle",
)  # fmt: skip
"""Ops that read the whole map, or depend on its size."""
PER_AXIS = ("kernel", "stride", "padding", "dilation", "output_padding", "factor")
_ONE_SIDED = re.compile("p[0-9]")
"""What stands before the colon of a padding such as p0:1, and in no type's name."""
MAX_DOUBLINGS = 20
"""How often the length of an input that is made up is doubled."""
LARGE = 30**80
"""A size on which all windows fit, and which most factors divide."""
_OPTION = re.compile(r"--([a-z-]+)(?: (?!out\b)([^\s;,]+))?")
OPTIONS = frozenset(field.name for field in fields(LayerOptions))


def row_graph(
    texts: Sequence[str],
    input: PerAxis | None = None,
    *,
    batch: int = 1,
    bias: bool = False,
    layout: str = "channels-first",
    dims: int = 2,
    any_size: bool = False,
    advice: bool = True,
) -> Graph:
    """The graph of a row of layer words on an input of (channels, *spatial); layers are named by their numbers.

    A layer without filters keeps the channels. Without an input, one is made up that is large enough, of `dims` spatial
    axes if the words leave it open, and words that depend on the size are refused unless it may be `any_size`. `bias`
    gives every convolution and linear layer one.
    Raises NotationError or ShapeError, naming the layer; if the input is too small, with the smallest that the whole
    chain accepts, unless `advice` is not wanted.
    """
    words = parse_words(texts, tuple(BY_NAME))
    if input is None:
        dims = _stated_axes(words) or dims
        if dims > 3:
            raise NotationError(f"a layer has 1 to 3 spatial axes, got values for {dims}")
        row = _Row(words, dims, bias)
        try:
            return row.unsized_graph(batch)
        except ConvcalcError:
            if (graph := row.graph_of_some_size(batch) if any_size else None) is None:
                raise
            return graph
    size = parse_size(input, "input", layout)
    questions = size_questions(size, layout, _stated_axes(words))
    with asking(questions):
        row = _Row(words, len(size) - 1, bias)
        graph = row.graph(size, batch, parse_layout(layout)) if advice else row.built((batch, *size))
    return replace(graph, notes=(*questions, *graph.notes))


def example_input(texts: Sequence[str]) -> str:
    """An input that a row could have: its first layer's channels and its number of axes."""
    words = parse_words(texts, tuple(BY_NAME))
    if "in_features" in words[0].values:
        return f"{words[0].values['in_features']}x1"
    dims = min(_stated_axes(words) or 2, 3)
    channels = _Row(words, dims, bias=False).first_channels()
    stated = any("in_channels" in word.values for word in words if _is_windowed(word))
    return show_size((channels if channels > 1 or stated else 3, *(224,) * dims))


class _Row:
    """A row of words that is made into a graph."""

    def __init__(self, words: Sequence[LayerWord], dims: int, bias: bool) -> None:
        self.words, self.dims, self.bias = words, dims, bias
        self.known: dict[tuple[str, str, int], Layer] = {}
        """Windowed layers by word and channels: most rows repeat a few words."""

    def graph(self, size: Axes, batch: int, layout: Layout) -> Graph:
        """The row on an input of this size."""
        try:
            return self.built((batch, *size))
        except ShapeError as error:
            smallest = self._smallest(size[0])
            if smallest is None and str(error).startswith("layer 1 of "):
                raise
            if smallest is None:  # what would fit a later layer is no size of the input
                raise ShapeError(str(error).partition("; the smallest input")[0]) from None
            accepted = show_size(smallest, layout)
            raise ShapeError(f"{error}; the smallest input that the whole chain accepts is {accepted}") from None

    def unsized_graph(self, batch: int) -> Graph:
        """The row on an input that is large enough, for answers that do not depend on its size."""
        for number, word in enumerate(self.words, 1):
            sized = "size" in word.values and (word.op != "layer_norm" or axis_count(word.values["size"]) > 1)
            if word.op in WHOLE or sized:
                raise NotationError(
                    f"{self._where(number)}: reads the whole input, whose size is not given; "
                    f"write it before the words, such as {_example(self.dims)}"
                )
        channels, room = self.first_channels(), 1
        for number, layer in reversed(list(self._windowed(channels))):
            try:
                room = _room_before(layer, self.dims, room)
            except ConvcalcError as error:
                raise self._located(number, error) from None
        return self.built((batch, channels, *(room,) * self.dims))

    def graph_of_some_size(self, batch: int) -> Graph | None:
        """The row on the first input that it accepts, of a size that doubles; None if it accepts none."""
        for bits in range(MAX_DOUBLINGS):
            try:
                return self.built((batch, self.first_channels(), *(1 << bits,) * self.dims))
            except ConvcalcError:
                continue
        return None

    def built(self, shape: Axes) -> Graph:
        """The row on an input of this whole shape, whose errors have no advice on its size."""
        builder, notes = Builder(), list[str]()
        last = builder.input(shape)
        for number, word in enumerate(self.words, 1):
            shape = builder.nodes[last].shape or ()
            if word.op == "linear" and "(" in word.text and any(size > 1 for size in shape[2:]):
                notes.append(
                    f"{shortened(word.text)}: {show_size(shape[1:])} is flattened first; in code, add Flatten()"
                )
            try:
                layer = self._windowed_layer(word, shape[1]) if _is_windowed(word) else self._other(word, shape)
                last = builder.add(str(number), word.text, layer, [last])
            except ConvcalcError as error:
                raise self._located(number, error) from None
        return builder.graph("chain", last, tuple(notes[:1]))

    def _where(self, number: int) -> str:
        return f"layer {number} of {len(self.words)}, {shortened(self.words[number - 1].text)}"

    def _located(self, number: int, error: ConvcalcError) -> ConvcalcError:
        """The error at its layer, which the graph calls by its number alone."""
        message = _OPTION.sub(_as_letters, str(error).removeprefix(f"{number}: "))
        return type(error)(f"{self._where(number)}: {message}")

    def _windowed_layer(self, word: LayerWord, channels: int) -> Layer:
        """The convolution or pool that a word means on this many channels."""
        key = word.text, word.op, channels
        if key not in self.known:
            self.known[key] = self._pool(word) if word.op in POOLS else self._convolution(word, channels)
        return self.known[key]

    def _pool(self, word: LayerWord) -> Layer:
        self._check_dims(word, None)
        if "kernel" not in word.values:
            raise NotationError(f"a pool needs its kernel, got none; write for example {_with_kernel(word, 2)}")
        kind = POOLS[word.op]
        return Layer(((kind, pool_stage(kind, word.values, self.dims)),))

    def _convolution(self, word: LayerWord, channels: int) -> Layer:
        recipe = recipe_named(word.op)
        self._check_dims(word, named_dims(word.op))
        if "kernel" not in word.values and recipe.default_kernel != 1:
            raise NotationError(f"a layer needs its kernel, got none; write for example {_with_kernel(word, 3)}")
        expected = word.values.get("in_channels", channels)
        if expected != channels:
            raise ShapeError(f"takes in_channels={expected}, got {channels} channels; write {channels} there")
        options = {name: value for name, value in word.values.items() if name in OPTIONS}
        options["bias"] = self.bias or options.get("bias", False)
        return convolution(
            recipe,
            request_for(
                recipe, LayerOptions(**options), channels=channels, dims=self.dims, spatial=None, filters=channels
            ),
        )

    def _check_dims(self, word: LayerWord, named: int | None) -> None:
        stated = word.dims or named
        if stated not in (None, self.dims):
            raise NotationError(
                f"has {stated} spatial axes, got a chain with {self.dims}; "
                f"an input for it is written like {_example(stated)}"
            )

    def _other(self, word: LayerWord, shape: Axes) -> Layer:
        """The layer of any other word, by the table of ops in network files."""
        keys = {name: list(v) if isinstance(v, tuple) else v for name, v in word.values.items()}
        arriving = {"in_features": prod(shape[1:]), "in_channels": shape[1]}
        for name, count in arriving.items():
            if keys.pop(name, count) not in (count, [count]):
                raise ShapeError(
                    f"takes {name}={word.values[name]}, got {count} from {show_size(shape[1:])}; write {count} there"
                )
        if word.op == "linear":
            keys["bias"] = self.bias or keys.get("bias", False)
        [(_, layer)] = lower(word.op, keys, [shape])
        return layer if isinstance(layer, Layer) else Layer(((op_named(word.op), layer),))

    def first_channels(self) -> int:
        """Channels that the first layers can take, if the input is not known."""
        first = next((word for word in self.words if _is_windowed(word)), None)
        if first is not None and "in_channels" in first.values:
            return whole_number(first.values["in_channels"], "in_channels")
        return lcm(*(_groups(word) for word in self.words))

    def _windowed(self, channels: int) -> Iterator[tuple[int, Layer]]:
        """The convolutions and pools by number, on an input of this many channels."""
        for number, word in enumerate(self.words, 1):
            if _is_windowed(word):
                try:
                    layer = self._windowed_layer(word, channels)
                except ConvcalcError as error:
                    raise self._located(number, error) from None
                yield number, layer
                for _, primitive in layer.stages:
                    channels = primitive.out_channels if isinstance(primitive, Convolution) else channels
            elif word.op == "pixel_shuffle":
                channels //= int(word.values["factor"]) ** 2
            elif word.op == "pixel_unshuffle":
                channels *= int(word.values["factor"]) ** 2

    def _smallest(self, channels: int) -> Axes | None:
        """The smallest size that the whole chain accepts; None if a size is not what it lacks."""
        from convcalc.graph.following import rules_of, smallest_size

        large = [tuple(n * (axis + 1) for axis in range(self.dims)) for n in (LARGE, 2 * LARGE)]
        try:
            rules = rules_of([self.built((1, channels, *size)) for size in large])
            found = [smallest_size(rules, (channels, *large[0]), axis) for axis in range(1, self.dims + 1)]
            smallest = (channels, *(size for size in found if size is not None))
            self.built((1, *smallest))
        except (ConvcalcError, UnfollowedError):
            return None
        return smallest


def _room_before(layer: Layer, dims: int, outputs: int) -> int:
    """An input size, the same on every axis, that is large enough for `outputs` outputs of a layer on every axis.

    Raises ShapeError for a padding word that depends on the size.
    """
    for _, primitive in reversed(layer.stages):
        if isinstance(primitive, Windowed):
            along = windows(resolved(primitive, (None,) * dims))
            if isinstance(primitive, TransposedCorrelate):
                outputs = max((outputs + w.before + w.after) // w.stride + 2 for w in along)
            else:
                outputs = max((outputs - 1) * w.stride + w.extent for w in along)
    return outputs


def _is_windowed(word: LayerWord) -> bool:
    return word.op in POOLS or word.op in BY_NAME


def _as_letters(option: re.Match[str]) -> str:
    """An option that an error advises, as a word has it: f8 for `--filters 8`, `t:` for `--type t`."""
    name, value = option[1].replace("-", "_"), option[2] or ""
    if name == "type":
        return f"{value}:"
    return next((f"{letter}{value}" for letter, long in LETTERS.items() if long == name), option[0])


def _example(dims: int) -> str:
    return "x".join(["3", *["224"] * dims])


def _with_kernel(word: LayerWord, kernel: int) -> str:
    """The word with a kernel, which it lacks: ds:k3 for ds, max:k2s2 for max:s2, k3s2 for s2."""
    head, colon, letters = word.text.partition(":")
    if not word.values:
        return f"{word.text}:k{kernel}"
    if not colon or _ONE_SIDED.search(head):
        return f"k{kernel}{word.text}"
    return f"{head}:k{kernel}{letters}"


def _groups(word: LayerWord) -> int:
    default = recipe_named(word.op).default_groups if word.op in BY_NAME else 1
    return whole_number(word.values.get("groups", default), f"{word.text}: groups")


def _stated_axes(words: Sequence[LayerWord]) -> int | None:
    """The most axes that a type or a per-axis value names; None if the words leave it open."""
    different = {id(word): word for word in words}.values()  # a repeated word is one object
    counts = [axis_count(value) for word in different for name, value in word.values.items() if name in PER_AXIS]
    stated = [dims for word in different if (dims := word.dims or named_dims(word.op))]
    return max([*stated, *(c for c in counts if c > 1)], default=None)
