"""Which input channels feed which output channels, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

from convcalc.graph.graph import Node
from convcalc.graph.primitives import Correlate, Pool, Primitive, ShuffleChannels, TransposedCorrelate
from convcalc.notation import show_size
from convcalc.scenes.scene import Cell, Grid, Link, Role, Scene, Step

MOST = 12
"""Channels that are all shown; of more, the first and the last."""
FIRST = 6
Wires = Callable[[int], range]


def channels_scene(nodes: Sequence[Node]) -> Scene:
    """A column of channels before and after every stage, with a line wherever a weight leads from one to the other."""
    shapes = [node.shape for node in nodes]
    assert nodes[0].input_shapes[0] is not None
    counts = [nodes[0].input_shapes[0][1], *(shape[1] for shape in shapes if shape is not None)]
    wires = [wiring(node.primitive, *pair) for node, pair in zip(nodes, pairwise(counts), strict=True)]
    rows = [_shown(count) for count in counts]
    for number in range(len(nodes), 0, -1):
        rows[number - 1] = _with_sources(rows[number - 1], rows[number], wires[number - 1][0])
    grids, links, lines = [], list[Link](), list[str]()
    for number, (count, some) in enumerate(zip(counts, rows, strict=True)):
        role = Role.INPUT if number == 0 else Role.OUTPUT if number == len(nodes) else Role.WEIGHT
        title = f"input, {count}" if number == 0 else f"{nodes[number - 1].stage or nodes[number - 1].name}, {count}"
        at = _places(some)
        grids.append(
            Grid(
                title,
                tuple(Cell(role, row, 0, str(channel)) for channel, row in at.items()),
                ("",) * (max(at.values()) + 1),
                ("",),
                left_out=f"{count - len(some)} not shown" if count > len(some) else "",
            )
        )
        if number:
            edges, text = wires[number - 1]
            before = _places(rows[number - 1])
            links += [
                Link((number - 1, before[c], 0), (number, at[n], 0)) for n in some for c in before if c in edges(n)
            ]
            lines.append(f"{nodes[number - 1].stage or nodes[number - 1].name}: {text}")
    last = nodes[-1].shape
    assert last is not None
    return Scene(
        f"{show_size(nodes[0].input_shapes[0][1:])} -> {show_size(last[1:])}",
        "every channel, and the channels that it reads",
        tuple(grids),
        (Step("channels", (), tuple(lines)),),
        ((Role.INPUT, "input channel"), *(((Role.WEIGHT, "channel between stages"),) if len(nodes) > 1 else ()),
         (Role.OUTPUT, "output channel")),
        links=tuple(links),
    )  # fmt: skip


def wiring(primitive: Primitive, channels: int, filters: int) -> tuple[Wires, str]:
    """The input channels that each output channel reads, and a sentence with the number of weights."""
    match primitive:
        case Correlate(groups=groups) | TransposedCorrelate(groups=groups):
            read, made = channels // groups, filters // groups
            edges, taps = filters * read, prod(primitive.kernel)
            split = f" in {groups} groups" if groups > 1 else ""
            return (
                lambda n: range(n // made * read, (n // made + 1) * read),
                f"{edges:,} lines{split}, each {show_size(primitive.kernel)}: {edges * taps:,} weights",
            )
        case ShuffleChannels(groups=groups):
            own = channels // groups

            def source(n: int) -> range:
                at = n % groups * own + n // groups
                return range(at, at + 1)

            return (
                source,
                f"output c is input (c % {groups})*{own} + c // {groups}; no weights",
            )
        case Pool():
            return lambda n: range(n, n + 1), "every channel alone; no weights"
        case _:
            raise AssertionError("has no channels to wire")


def _shown(count: int) -> list[int]:
    return [*range(count)] if count <= MOST else [*range(FIRST), count - 1]


def _with_sources(some: Sequence[int], after: Sequence[int], reads: Wires) -> list[int]:
    """With the channels that a shown channel of the next stage reads, if those are one or two: else it has no lines."""
    return sorted({*some, *(c for n in after if len(reads(n)) <= 2 for c in reads(n))})


def _places(some: Sequence[int]) -> dict[int, int]:
    """The row of every shown channel, one row left free wherever channels are left out."""
    row, places = -1, dict[int, int]()
    for channel, before in zip(some, (-1, *some), strict=False):
        row += 1 if channel == before + 1 else 2
        places[channel] = row
    return places
