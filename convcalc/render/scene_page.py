"""One layer as an interactive page for a browser: a single file that needs no network and is forbidden any."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files

from convcalc.errors import ShapeError
from convcalc.formulas import OUTPUT_DILATED, OUTPUT_TRANSPOSED
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Correlate, TransposedCorrelate, windows
from convcalc.notation import show_size

TYPES = ("standard", "pointwise", "dilated", "grouped", "depthwise", "depthwise-separable", "transposed")
"""The types that the page can switch between."""
LARGEST = 24
"""Input pixels along an axis that the page has room for."""
MOST_CHANNELS = 64


def layer_page(graph: Graph) -> str:
    """The page of a graph of one layer. Raises ShapeError for a layer that the page cannot show."""
    state, title = _state(graph)
    # A script ends at the first "</", wherever that stands.
    text = json.dumps(state).replace("</", "<\\/")
    page = files("convcalc.render").joinpath("page.html").read_text(encoding="utf-8")
    return page.replace("{{TITLE}}", escape(title)).replace("{{STATE}}", text)


def _state(graph: Graph) -> tuple[dict[str, object], str]:
    """The layer as the page's script takes it, and the page's title."""
    if len(graph.layers) != 1:
        raise ShapeError(f"html: the page shows one layer, got {len(graph.layers)}; name one of them")
    [group] = graph.layers
    node = graph.stages(group)[0]
    primitive = node.primitive
    type = group.type or "standard"
    if type not in TYPES or not isinstance(primitive, Correlate | TransposedCorrelate):
        raise ShapeError(f"html: the page shows the types {', '.join(TYPES)}, got {type}; use --svg for the others")
    assert node.input_shapes[0] is not None
    channels, *sizes = node.input_shapes[0][1:]
    last = graph.nodes[graph.output].shape
    assert last is not None
    for size in sizes:
        if size > LARGEST:
            raise ShapeError(
                f"html: the page has room for {LARGEST} pixels along an axis, got {show_size(sizes)}; "
                f"use an input such as {show_size([channels, *(min(size, LARGEST) for size in sizes)])}"
            )
    longer = primitive.output_padding if isinstance(primitive, TransposedCorrelate) else (0,) * len(sizes)
    axes = [
        {
            "input": size, "kernel": axis.kernel, "stride": axis.stride, "dilation": axis.dilation,
            "begin": axis.before, "end": axis.after, "longer": more,
        }
        for size, axis, more in zip(sizes, windows(primitive), longer, strict=True)
    ]  # fmt: skip
    state = {
        "type": type,
        "types": TYPES,
        "axes": axes,
        "channels": channels,
        "filters": last[1],
        "groups": 1 if type.startswith("depthwise") else primitive.groups,
        "formulas": {"convolution": OUTPUT_DILATED.text, "transposed": OUTPUT_TRANSPOSED.text},
    }
    return state, f"{type} {show_size((channels, *sizes))} -> {show_size(last[1:])}"
