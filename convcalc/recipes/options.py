"""From options to a graph: the options of one layer are checked and completed, and its recipe makes the primitives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from convcalc.errors import NotationError, ShapeError, plural, quoted
from convcalc.graph.graph import Builder, Graph, Layer
from convcalc.graph.request import Request
from convcalc.notation import (
    Axes,
    Number,
    PaddingValue,
    PerAxis,
    asking,
    axis_count,
    parse_axes,
    parse_layout,
    parse_padding,
    parse_padding_mode,
    parse_size,
    show_size,
    size_for,
    size_questions,
    truth_value,
    whole_number,
)
from convcalc.recipes import RECIPES, named_dims, recipe_named
from convcalc.recipes.recipe import Recipe

EXAMPLE_CHANNELS = 3
EXAMPLE_SIZE = 7
EXAMPLE_FILTERS = 128
EXAMPLE_NOTE = "this is the worked example; give your own --input, --kernel and --filters"


@dataclass(frozen=True, slots=True)
class LayerOptions:
    """The options that describe one layer, as typed (strings) or passed (numbers); None is not given."""

    input: PerAxis | None = None
    kernel: PerAxis | None = None
    filters: Number | None = None
    stride: PerAxis | None = None
    padding: PaddingValue | None = None
    dilation: PerAxis | None = None
    groups: Number | None = None
    multiplier: Number | None = None
    mid_channels: Number | None = None
    output_padding: PerAxis | None = None
    output_size: PerAxis | None = None
    bias: bool = False
    in_channels: Number | None = None
    padding_mode: str | None = None
    layout: str = "channels-first"

    def given(self) -> tuple[str, ...]:
        """The names of the options that were set, apart from `layout`."""
        options = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "layout"}
        return tuple(name for name, value in options.items() if value is not None and value is not False)


def layer_graph(type: str, options: LayerOptions, batch: int = 1) -> Graph:
    """The layer of that type with those options; missing ones come from the worked example, and a note says so.

    Raises NotationError or ShapeError, naming the option, for options that cannot be read or combined.
    """
    input, notes = layer_input(type, options)
    stated = named_dims(type) or _stated_axes(options)
    questions = () if options.input is None else size_questions(input, options.layout, stated)
    with asking(questions):
        layer = _layer_on(input, type, options)
        return graph_of(recipe_named(type).name, layer, (batch, *input), (*questions, *notes))


def layer_of(type: str, options: LayerOptions) -> tuple[Layer, Axes, tuple[str, ...]]:
    """The layer of that type before it is placed, its input (channels, *spatial), and notes."""
    input, notes = layer_input(type, options)
    return _layer_on(input, type, options), input, notes


def _layer_on(input: Axes, type: str, options: LayerOptions) -> Layer:
    recipe = recipe_named(type)
    request = request_for(recipe, options, channels=input[0], dims=len(input) - 1, spatial=input[1:])
    return convolution(recipe, request)


def graph_of(type: str, layer: Layer, shape: Axes, notes: tuple[str, ...]) -> Graph:
    """The graph of one layer of a convolution type on an input of this whole shape."""
    builder = Builder()
    return builder.graph(type, builder.add("", type, layer, [builder.input(shape)]), notes)


def convolution(recipe: Recipe, request: Request) -> Layer:
    """A layer of that type, before it is placed."""
    return Layer(recipe.lower(request), recipe.name, request)


def request_for(
    recipe: Recipe, options: LayerOptions, *, channels: int, dims: int, spatial: Axes | None, filters: int | None = None
) -> Request:
    """The request for a layer on that many channels and spatial axes.

    `filters` is the number to take if the options give none; the worked example's by default.
    Raises NotationError for values that cannot be read and for options the type does not have.
    """
    _check_stated(recipe, options, channels, spatial)
    explicit_filters = None if options.filters is None else whole_number(options.filters, "filters")
    multiplier = None if options.multiplier is None else whole_number(options.multiplier, "multiplier")
    mid_channels = None if options.mid_channels is None else whole_number(options.mid_channels, "mid-channels")
    groups = None if options.groups is None else whole_number(options.groups, "groups")
    output_padding = parse_axes(_or(options.output_padding, 0), "output-padding", dims, minimum=0)
    output_size = None if options.output_size is None else parse_axes(options.output_size, "output-size", dims)
    idle = {
        "groups": groups in (None, 1),
        "multiplier": multiplier in (None, 1),
        "mid_channels": mid_channels is None,
        "output_padding": not any(output_padding),
        "output_size": output_size is None,
    }
    _check_options(recipe, [name for name in idle if not idle[name]])
    return Request(
        channels=channels,
        dims=dims,
        spatial=spatial,
        filters=explicit_filters or filters or EXAMPLE_FILTERS,
        explicit_filters=explicit_filters,
        kernel=parse_axes(_or(options.kernel, recipe.default_kernel), "kernel", dims),
        stride=parse_axes(_or(options.stride, 1), "stride", dims),
        padding=parse_padding(0 if options.padding is None else options.padding, dims),
        dilation=parse_axes(_or(options.dilation, recipe.default_dilation), "dilation", dims),
        groups=groups or recipe.default_groups,
        multiplier=multiplier,
        mid_channels=mid_channels,
        output_padding=output_padding,
        output_size=output_size,
        bias=truth_value(options.bias, "bias"),
    )


def _check_options(recipe: Recipe, asked: Sequence[str]) -> None:
    """Raises NotationError if the type does not have one of the options, with the types that have all of them."""
    for name in asked:
        if name not in recipe.options:
            typed = name.replace("_", "-")
            owners = " or ".join(other.name for other in RECIPES if other.options >= set(asked))
            remedy = f"use --type {owners}" if owners else f"leave --{typed} out"
            raise NotationError(f"{typed}: is not an option of {recipe.name}; {remedy}")


def _check_stated(recipe: Recipe, options: LayerOptions, channels: int, spatial: Axes | None) -> None:
    """Raises ShapeError unless the stated input channels are the input's, and the type can have the padding mode."""
    stated = channels if options.in_channels is None else whole_number(options.in_channels, "in-channels")
    if stated != channels:
        other = ""
        if options.input is not None and spatial is not None:
            sides = (channels, *spatial) if spatial == (channels,) else spatial  # 56x56 is a map without its channels
            other = f" or --input {show_size((stated, *sides), parse_layout(options.layout))}"
        raise ShapeError(
            f"in-channels: must be the input's, got {stated} and {plural(channels, 'channel')}; "
            f"use --in-channels {channels}{other}"
        )
    mode = _mode(options)
    if mode != "zeros" and recipe.name == "transposed":
        raise ShapeError(f"padding-mode: a transposed convolution has zeros only, got {mode}; use --padding-mode zeros")


def _mode(options: LayerOptions) -> str:
    return "zeros" if options.padding_mode is None else parse_padding_mode(options.padding_mode)


def _or(value: PerAxis | None, default: int) -> PerAxis:
    return default if value is None else value


def layer_input(type: str, options: LayerOptions) -> tuple[Axes, tuple[str, ...]]:
    """The input as (channels, *spatial), and a note that lists what the worked example supplied."""
    recipe, stated = recipe_named(type), named_dims(type)
    layout = parse_layout(options.layout)
    truth_value(options.bias, "bias")
    supplied = {}
    if options.input is not None:
        input = parse_size(options.input, "input", layout)
        if stated not in (None, len(input) - 1):
            raise NotationError(
                f"input: type {type} is for {stated}-D data, got {quoted(options.input)}, which is {len(input) - 1}-D; "
                f"write {size_for(stated, input, layout)} or another type"
            )
    else:
        dims = stated or _stated_axes(options) or 2
        groups = whole_number(_or_number(options.groups, recipe.default_groups), "groups")
        channels = whole_number(_or_number(options.in_channels, -(-EXAMPLE_CHANNELS // groups) * groups), "in-channels")
        input = (channels, *(EXAMPLE_SIZE,) * dims)
        supplied["input"] = show_size(input, layout)
    if options.kernel is None and recipe.default_kernel != 1:
        supplied["kernel"] = str(recipe.default_kernel)
    if options.filters is None and recipe.name != "depthwise":
        supplied["filters"] = str(EXAMPLE_FILTERS)
    if not options.given():
        return input, (EXAMPLE_NOTE,)
    mode = _mode(options)
    notes = () if mode == "zeros" else (f"padding mode {mode}: sizes and counts are those of zeros",)
    if not supplied:
        return input, notes
    values = ", ".join(f"{name} {value}" for name, value in supplied.items())
    return input, (*notes, f"not given, so taken from the worked example: {values}")


def _or_number(value: Number | None, default: int) -> Number:
    return default if value is None else value


def _stated_axes(options: LayerOptions) -> int | None:
    """The most axes that any per-axis option names; None if all leave it open."""
    values = (options.kernel, options.stride, options.padding, options.dilation,
              options.output_padding, options.output_size)  # fmt: skip
    count = max(axis_count(value) for value in values)
    if count > 3 and options.input is None:
        raise NotationError(f"kernel: a layer has 1 to 3 spatial axes, got values for {count}")
    return count if count > 1 else None
