"""Pages for a browser: single files that need no network and are forbidden any.

A layer of one of the common types gets sliders and a live picture; any other picture is stepped through.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

from convcalc.formulas import OUTPUT_DILATED, OUTPUT_TRANSPOSED
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Correlate, TransposedCorrelate, windows
from convcalc.notation import show_size
from convcalc.render.scene_svg import stepped_svg
from convcalc.render.svg_style import escaped
from convcalc.scenes.scene import Scene

TYPES = ("standard", "pointwise", "dilated", "grouped", "depthwise", "depthwise-separable", "transposed")
"""The types that the page can switch between."""
LARGEST = 24
"""Input pixels along an axis that the page has room for."""
MOST_CHANNELS = 64


def layer_page(graph: Graph) -> str | None:
    """The page with sliders of a graph of one layer, None if the page has no room for it or does not know its type."""
    found = _state(graph)
    if found is None:
        return None
    state, title = found
    # A script ends at the first "</", wherever that stands.
    return _filled("page.html", TITLE=escaped(title), STATE=json.dumps(state).replace("</", "<\\/"))


def scenes_page(scenes: Sequence[Scene]) -> str:
    """The pictures below one another, each with a slider over its steps."""
    return _filled("steps.html", TITLE=escaped(scenes[0].title), FIGURES="\n".join(map(_figure, scenes)))


def _figure(scene: Scene) -> str:
    last = len(scene.steps) - 1
    slider = f"<label>step <input type='range' min='0' max='{last}' value='{scene.shown}'> <output></output></label>"
    return f"<figure>{stepped_svg(scene)}{slider if last else ''}</figure>"


def _filled(name: str, **parts: str) -> str:
    text = files("convcalc.render").joinpath(name).read_text(encoding="utf-8")
    for part, value in parts.items():
        text = text.replace(f"{{{{{part}}}}}", value)
    return text


def _state(graph: Graph) -> tuple[dict[str, object], str] | None:
    """The layer as the page's script takes it, and the page's title; None for a layer that it cannot show."""
    if len(graph.layers) != 1:
        return None
    [group] = graph.layers
    node = graph.stages(group)[0]
    primitive, type = node.primitive, group.type or "standard"
    if type not in TYPES or not isinstance(primitive, Correlate | TransposedCorrelate):
        return None
    last = graph.nodes[graph.output].shape
    assert node.input_shapes[0] is not None
    assert last is not None
    channels, *sizes = node.input_shapes[0][1:]
    if max(sizes) > LARGEST or max(channels, last[1]) > MOST_CHANNELS:
        return None
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
