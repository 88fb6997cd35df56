"""Layers and positions in words, for titles and captions."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.graph.graph import Node
from convcalc.graph.primitives import Correlate, TransposedCorrelate, Windowed, windows
from convcalc.notation import show_axes, show_size


def described(primitive: Windowed, mode: str = "zeros") -> str:
    """A layer's window in words, what is 1 or 0 left out.

    >>> from convcalc.graph.primitives import Correlate
    >>> described(Correlate(1, 1, (3, 5), (2, 2), ((1, 1), (2, 1)), (1, 1)))
    'kernel 3x5, stride 2, padding 1x2:1'
    """
    along = windows(primitive)
    transposed = isinstance(primitive, TransposedCorrelate)
    parts = [f"kernel {_short([axis.kernel for axis in along])}"]
    for name, values, usual in (
        ("stride", [axis.stride for axis in along], 1),
        ("dilation", [axis.dilation for axis in along], 1),
    ):
        if any(value != usual for value in values):
            parts.append(f"{name} {_short(values)}")
    pairs = [(axis.before, axis.after) for axis in along]
    if any(map(any, pairs)):
        what = "crop" if transposed else "padding"
        parts.append(f"{what} {_short([f'{a}' if a == b else f'{a}:{b}' for a, b in pairs])}")
        if mode != "zeros":
            parts[-1] += f" ({mode})"
    if isinstance(primitive, TransposedCorrelate) and any(primitive.output_padding):
        parts.append(f"output padding {_short(primitive.output_padding)}")
    if isinstance(primitive, Correlate | TransposedCorrelate) and primitive.groups > 1:
        parts.append(f"{primitive.groups} groups")
    return ", ".join(parts)


def map_title(node: Node) -> str:
    """The layer and its sizes; in a row of words, layers have numbers for names."""
    assert node.input_shapes[0] is not None
    assert node.shape is not None
    name = f"layer {node.name}" if node.name.isdecimal() else node.name
    return f"{name}: {show_size(node.input_shapes[0][1:])} -> {show_size(node.shape[1:])}"


def _short(values: Sequence[object]) -> str:
    """The values along the axes, once if they are equal."""
    return str(values[0]) if len(set(values)) == 1 else show_axes(values)


def reach_text(reads: Sequence[range]) -> str:
    """Where taps read, axis by axis.

    >>> reach_text([range(-1, 4, 2), range(3, 4)])
    'rows -1 to 3 in steps of 2, column 3'
    """
    names = ("depth", "row", "column")[-len(reads) :] if len(reads) > 1 else ("position",)
    parts = []
    for name, along in zip(names, reads, strict=True):
        if len(along) == 1:
            parts.append(f"{name} {along[0]}")
        else:
            steps = f" in steps of {along.step}" if along.step > 1 else ""
            parts.append(f"{name}s {along[0]} to {along[-1]}{steps}")
    return ", ".join(parts)
