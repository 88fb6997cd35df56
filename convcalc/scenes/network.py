"""A network as two pictures: its blocks to scale, and its memory while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2, prod

from convcalc.notation import show_size
from convcalc.questions.cost import BYTES
from convcalc.questions.report import Report
from convcalc.questions.summary import Row
from convcalc.scenes.scene import Bar, Block, Role, Scene, Step

MOST_BUFFERS = 24
"""Tensors with a bar of their own: the largest."""


def map_scene(report: Report, rows: Sequence[Row]) -> Scene:
    """A block per row: as high as its output's side, as wide as the logarithm of its channels, skips as arcs."""
    shapes = [row.output or (1,) for row in rows]
    sides = [prod(shape[1:]) ** (1 / max(1, len(shape) - 1)) for shape in shapes]
    highest = max(sides, default=1)
    blocks = tuple(
        Block(
            row.name,
            1 + log2(shape[0]),
            side / highest,
            float(row.share),
            show_size(shape),
        )
        for row, shape, side in zip(rows, shapes, sides, strict=True)
    )
    row_of = {layer.name: number for number, row in enumerate(rows) for layer in row.layers}
    arcs = {
        (row_of[name], number)
        for number, row in enumerate(rows)
        for layer in row.layers
        for name in layer.inputs
        if name in row_of and row_of[name] + 1 < number
    }
    largest = sorted(rows, key=lambda row: row.share, reverse=True)[:3]
    lines = [f"{row.name}: {float(row.share):.1%} of the multiplications" for row in largest if row.share]
    return Scene(
        f"{report.graph.name}: {show_size(report.input)} -> {show_size(report.output or ())}",
        f"{report.parameters:,} parameters, {report.multiplications:,} multiplications",
        (),
        (Step("map", (), tuple(lines)),),
        ((Role.WEIGHT, "share of the multiplications"),),
        blocks=blocks,
        arcs=tuple(sorted(arcs)),
        scale="as high as the map's side, as wide as the logarithm of its channels, "
        "the darker the more multiplications",
    )


def memory_scene(report: Report) -> Scene:
    """A bar per buffer of a deployment, from the layer that makes it to the last that reads it."""
    graph, size = report.graph, BYTES[report.dtype]
    placement, most = report.placement, report.peak
    count = len(graph.nodes)
    buffers = [
        (number, min(last, count - 1))
        for number, (own, last) in enumerate(zip(placement.buffers, placement.last_uses, strict=True))
        if own == number and graph.nodes[number].elements
    ]
    largest = sorted(sorted(buffers, key=lambda buffer: -graph.nodes[buffer[0]].elements)[:MOST_BUFFERS])
    bars = tuple(
        Bar(
            graph.labels[number],
            number / count,
            (last + 1) / count,
            f"{graph.nodes[number].elements * size:,}",
            Role.MADE if number <= most.node <= last else Role.TAP,
        )
        for number, last in largest
    )
    left = len(buffers) - len(largest)
    return Scene(
        f"{graph.name}: memory over time, as deployed",
        f"at most {most.elements * size:,} bytes of {report.dtype}, when {graph.labels[most.node]} runs; bytes beside",
        (),
        (Step("memory", (), ()),),
        ((Role.TAP, "from its layer to its last reader"), (Role.MADE, "alive at the peak")),
        bars=bars,
        notes=(f"the {len(largest)} largest of {len(buffers)} buffers",) if left else (),
    )
