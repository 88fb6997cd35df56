"""`convcalc draw`: pictures of convolutions."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

from convcalc.cli import ANSWERED
from convcalc.cli.answer import print_json
from convcalc.cli.cost import COMPARE, compared
from convcalc.cli.options import SharedOptions, flag, layer_command, option
from convcalc.errors import NotationError, quoted
from convcalc.notation import Axes, parse_axes, parse_padding_mode
from convcalc.questions.schema import SCHEMA
from convcalc.recipes import BY_NAME

if TYPE_CHECKING:
    from convcalc.explain.rows import Explanation
    from convcalc.graph.graph import Graph
    from convcalc.questions.compare import Comparison
    from convcalc.render.table import Table
    from convcalc.scenes.scene import Scene
    from convcalc.scenes.sums import Sums

Explained: TypeAlias = "tuple[Table, Sequence[Explanation]]"
PANEL = "Picture"
PICTURES = ("rf", "matrix", "channels", "cost", "net")
AT = option("--at", metavar="N[,N]", help="The output position to show [one that reads no padding].", panel=PANEL)
ARRAY = option("--array", metavar="X.npy", help="The input's numbers, with --kernel-array.", panel=PANEL)
KERNEL_ARRAY = option("--kernel-array", metavar="W.npy", help="The kernel's numbers, with --array.", panel=PANEL)
SVG = option("--svg", metavar="FILE.svg", help="Write the picture as SVG.", panel=PANEL)
HTML = option("--html", metavar="FILE.html", help="Write one interactive page for a browser.", panel=PANEL)
ANIMATE = flag("--animate", help="One output after the other, in the terminal or in the SVG.", panel=PANEL)
FPS = option("--fps", metavar="N", help="Steps per second of an animation [2].", panel=PANEL)
ASCII_ONLY = flag("--ascii", help="Draw with ASCII characters only.", panel=PANEL)
LARGEST, LARGEST_OF_NUMBERS = 24, 12
"""Rows and columns of a grid in a file, and of one whose cells have values to read."""
SPEEDS = 0.1, 50.0


@partial(layer_command, leading=PICTURES)
def command(
    options: SharedOptions,
    at: AT = None,
    array: ARRAY = None,
    kernel_array: KERNEL_ARRAY = None,
    compare_with: COMPARE = None,
    svg: SVG = None,
    html: HTML = None,
    animate: ANIMATE = False,
    fps: FPS = None,
    ascii: ASCII_ONLY = False,
) -> int:
    """Exact pictures of a layer: its padded input, the taps of one output, and the output; transposed in two ways.

    With a first word: draw rf, how the receptive field grows; draw matrix, the layer as a sparse matrix;
    draw channels, which input channel feeds which output channel; draw cost, a bar for every type; draw net, a
    network's blocks to scale and its memory over time.

    Examples:
      convcalc draw -i 1x5x5 -k 3 -s 2 -p 1
      convcalc draw transposed
      convcalc draw -t transposed -i 1x3x3 -k 3 -s 2 --at 2,2
      convcalc draw rf 1x9x9 k3 k3d2
      convcalc draw channels -t shuffled-grouped -i 6x5x5 -f 6 -g 3
      convcalc draw cost -i 64x14x14 -k 3 -p 1 -f 128 --compare all
      convcalc draw net resnet18
      convcalc draw 1x7x7 k3s2p1 --animate --svg strided.svg
      convcalc draw 1x8x8 k3s2p1f4 --html layer.html
    """
    from convcalc.render.drawing import fitted, play, show_scenes
    from convcalc.scenes import scenes_of
    from convcalc.scenes.scene import scene_dict
    from convcalc.scenes.view import View

    speed = _speed(fps)
    mode = "zeros" if options.layer.padding_mode is None else parse_padding_mode(options.layer.padding_mode)
    for name, path in (("svg", svg), ("html", html)):
        if path is not None and not path.endswith(f".{name}"):
            raise NotationError(
                f"{name}: must end in .{name}, got {quoted(path)}; use --{name} {path or 'picture'}.{name}"
            )
    if animate and svg is None and (html is not None or options.json or not sys.stdout.isatty()):
        raise NotationError("draw: --animate moves in a terminal, got none; add --svg FILE.svg to write it")
    if compare_with and options.leading != "cost":
        raise NotationError("draw: --compare is for the bars of cost; use draw cost --compare all")
    if options.leading in ("cost", "net", "channels") and at is not None:
        raise NotationError(f"draw {options.leading}: shows no output position, got --at; leave it out")
    if options.leading in ("cost", "net") and not array is kernel_array is None:
        raise NotationError(f"draw {options.leading}: shows no numbers of arrays, got --array; leave it out")
    if fps is not None and not animate:
        raise NotationError("draw: --fps is the speed of --animate, got it alone; add --animate")
    where = None if at is None else _position(at)
    graph: Graph | None = None
    explained: Callable[[], Explained]
    match options.leading:
        case "cost":
            from convcalc.scenes.bars import cost_scene

            comparison = compared(options, compare_with or ["all"], "float32")[1]
            scenes = [cost_scene(comparison)]
            explained = partial(_comparison_explained, comparison, options)
        case "net":
            scenes, explained = _network(options)
        case _:
            asked = _asked(options, array, kernel_array, mode)
            explained = partial(_layers_explained, asked.graph, options)
            graph = asked.graph if asked.picture is None and array is None else None

            def scenes_at(rows: int, columns: int) -> list[Scene]:
                view = View(where, rows, columns, animate or html is not None, mode)
                first, *others = [*asked.before, *scenes_of(asked.graph, view, asked.picture, asked.sums)]
                if asked.caption:
                    first = first._replace(description=f"{first.description}. {asked.caption}")
                return [first._replace(notes=(*first.notes, *asked.graph.notes)), *others]

            in_file = svg is not None or html is not None or options.json
            largest = LARGEST_OF_NUMBERS if asked.sums else LARGEST
            scenes = scenes_at(largest, largest) if in_file else fitted(scenes_at, ascii)
    files = dict[str, str]()
    if svg is not None:
        from convcalc.render.scene_svg import scenes_svg

        files[svg] = scenes_svg(scenes, 1 / speed if animate else None)
    if html is not None:
        from convcalc.render.scene_page import layer_page, scenes_page

        files[html] = (layer_page(graph) if graph is not None else None) or scenes_page(scenes)
    for path, text in files.items():
        _write(path, text)
    if options.json:
        value: dict[str, Any] = {"schema": SCHEMA, "files": [*files]}
        value["pictures"] = [scene_dict(scene) for scene in scenes]
        if options.explain:
            value["explanations"] = [row._asdict() for row in explained()[1]]
        print_json(value)
        return ANSWERED
    if files:
        print("\n".join(files))
    elif animate:
        play(scenes, speed, ascii)
    else:
        show_scenes(scenes, ascii)
    if options.explain:
        from convcalc.render.explanations import show_explanations

        print()
        show_explanations(*explained())
    return ANSWERED


def _layers_explained(graph: Graph, options: SharedOptions) -> Explained:
    """The table of the layers' shapes, and the working-out of what the picture counts."""
    from convcalc.explain import whole
    from convcalc.questions.report import layer_report
    from convcalc.render.views import shape_view

    report = layer_report(graph)
    explain = {"rf": whole.explain_rf, "matrix": whole.explain_cost, "channels": whole.explain_params}
    rows = explain.get(options.leading or "", whole.explain_shape)(report)
    return shape_view(report, options.layout), rows


def _comparison_explained(comparison: Comparison, options: SharedOptions) -> Explained:
    from convcalc.explain import whole
    from convcalc.render.views import compare_view

    return compare_view(comparison, options.layout), whole.explain_comparison(comparison)


def _network(options: SharedOptions) -> tuple[list[Scene], Callable[[], Explained]]:
    """The blocks of a network of the zoo or of a file, and its memory over time; and their working-out."""
    from convcalc.questions.models import NetworkOptions, report_of
    from convcalc.questions.summary import rows_of
    from convcalc.scenes.network import map_scene, memory_scene

    if len(options.words) != 1:
        raise NotationError(
            f"draw net: takes one network, got {len(options.words)}; for example convcalc draw net resnet18"
        )
    report = report_of(options.words[0], NetworkOptions(options.layer.input, options.batch, layout=options.layout))
    rows = rows_of(report, report.layers, None)

    def explained() -> Explained:
        from convcalc.explain import whole
        from convcalc.render.network import network_view

        return network_view(report, rows, options.layout), whole.explain_network(report, report.layers, rows)

    return [map_scene(report, rows), memory_scene(report)], explained


def _write(path: str, text: str) -> None:
    from convcalc.storage.files import write_file

    def write(file: BinaryIO) -> None:
        file.write(text.encode())

    write_file(path, write)


def _speed(fps: str | None) -> float:
    try:
        speed = 2.0 if fps is None else float(fps)
    except ValueError:
        speed = 0.0
    slowest, fastest = SPEEDS
    if not (isfinite(speed) and slowest <= speed <= fastest):
        raise NotationError(f"fps: must be a number from {slowest:g} to {fastest:g}, got {quoted(fps)}; try --fps 4")
    return speed


def _position(at: str) -> Axes:
    return parse_axes(at, "at", len(at.replace("x", ",").split(",")), 0)


class Asked(NamedTuple):
    """The layers to draw, what of them, the numbers of their convolutions if given, and pictures to put before."""

    graph: Graph
    picture: str | None
    sums: Sequence[Sums] = ()
    before: Sequence[Scene] = ()
    caption: str = ""


def _asked(options: SharedOptions, array: str | None, kernel_array: str | None, mode: str) -> Asked:
    """The layers asked for: by options or words, by two arrays, or a type alone, which means its example."""
    if array is not None or kernel_array is not None:
        return _with_numbers(options, array, kernel_array, mode)
    if len(options.words) == 1 and options.words[0] in BY_NAME and not options.sized:
        from convcalc.questions.lesson import taught

        lesson = taught(options.words[0])
        return Asked(lesson.report.graph, options.leading or lesson.lesson.picture, caption=lesson.lesson.purpose)
    return Asked(options.graph(), options.leading)


def _with_numbers(options: SharedOptions, array: str | None, kernel_array: str | None, mode: str) -> Asked:
    """The layer that two arrays describe, run, and the numbers of the first filter of every convolution."""
    from convcalc.graph.primitives import Convolution
    from convcalc.proof.forms import Named
    from convcalc.proof.run import RunOptions, executed_nodes, prepared
    from convcalc.scenes.factors import factors_scene
    from convcalc.scenes.sums import sums_of
    from convcalc.storage.arrays import called, read_array

    if array is None or kernel_array is None:
        raise NotationError(
            "draw: --array and --kernel-array go together, got one; add --array X.npy --kernel-array W.npy"
        )
    if options.words or options.leading:
        raise NotationError("draw: --array gives the input's size, got words too; use options, as in --stride 2")
    known = {field.name for field in fields(RunOptions)}
    given = {name: getattr(options.layer, name) for name in options.layer.given() if name in known}
    extra = [name for name in options.layer.given() if name not in known] + ["batch"] * (options.batch != 1)
    if extra:
        raise NotationError(f"draw: the arrays give --{extra[0].replace('_', '-')}, got it too; leave it out")
    run = RunOptions(**{**given, "type": options.type, "layout": options.layout, "padding_mode": mode})
    last = options.layout == "channels-last"
    x, kernel = (Named(called(each), read_array(each, channels_last=last)) for each in (array, kernel_array))
    layer = prepared(x, [kernel], [], run)
    sums = [
        sums_of(each.node.primitive, each.inputs[0], each.arrays[0], each.out, mode=mode)
        for each in executed_nodes(layer, run)
        if isinstance(each.node.primitive, Convolution)
    ]
    before = []
    if layer.made.whole is not None and layer.dims == 2:
        column, row = (each.weight[0].ravel() for each in sums)
        before.append(factors_scene(column, row))
    return Asked(layer.graph, None, sums, before)
