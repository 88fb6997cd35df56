"""Where the branches of a network do not meet on an input of a given size, and what to crop or pad there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from convcalc.graph.following import Rules
from convcalc.graph.primitives import Concat, Input, Merge
from convcalc.graph.size_algebra import Sizes
from convcalc.graph.size_rules import Shapes
from convcalc.notation import Axes


class Unmet(NamedTuple):
    """A layer whose inputs differ along spatial axes.

    `sizes` are those of its inputs if every smaller input before it was padded, and `pad` is how many pixels each lacks
    per axis. `crop` is how many each has too many if every larger one before it was cropped instead.
    """

    layer: str
    inputs: tuple[str, ...]
    sizes: tuple[Axes, ...]
    pad: tuple[Axes, ...]
    crop: tuple[Axes, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "inputs": list(self.inputs),
            "sizes": [list(size) for size in self.sizes],
            "pad": [list(each) for each in self.pad],
            "crop": [list(each) for each in self.crop],
        }


def unmet(rules: Rules, size: Axes) -> tuple[Unmet, ...]:
    """The layers whose inputs do not meet on an input of (channels, *spatial), in order."""
    padded, cropped = (_differences(rules, size, to) for to in (max, min))
    labels = rules.graph.labels
    result = []
    for number, sizes in padded.items():
        inputs = rules.graph.nodes[number].inputs
        smaller = cropped.get(number, sizes)
        result.append(
            Unmet(
                labels[number],
                tuple(labels[i] for i in inputs),
                sizes,
                tuple(tuple(w - n for n, w in zip(each, _along(sizes, max), strict=True)) for each in sizes),
                tuple(tuple(n - w for n, w in zip(each, _along(smaller, min), strict=True)) for each in smaller),
            )
        )
    return tuple(result)


def _along(sizes: tuple[Axes, ...], to: Callable[..., int]) -> Axes:
    return tuple(to(several) for several in zip(*sizes, strict=True))


def _differences(rules: Rules, size: Axes, to: Callable[..., int]) -> dict[int, tuple[Axes, ...]]:
    """The spatial sizes of the inputs of layers where they differ, as if each was then brought to the same."""
    shapes: Shapes = []
    found: dict[int, tuple[Axes, ...]] = {}
    image = True
    for number, (node, step) in enumerate(zip(rules.graph.nodes, rules.steps, strict=True)):
        if image and isinstance(node.primitive, Input):
            image = False
            shapes.append((1, *size))
            continue
        kept = {i: shapes[i] for i in node.inputs}
        if isinstance(node.primitive, Merge | Concat):
            maps = {i: shape for i, shape in kept.items() if shape is not None and len(shape) > 2}
            sizes = tuple(tuple(maps[i][2:]) for i in node.inputs if i in maps)
            if not _meet(node.primitive, sizes):
                found[number] = sizes
                for i, map_ in maps.items():
                    shapes[i] = (*map_[:2], *_along(sizes, to))
        shape, fits = step(shapes)
        if not fits:  # the input is too small for a layer, which no branch can mend
            break
        shapes.append(shape)
        for i, shape in kept.items():
            shapes[i] = shape
    return found


def _meet(primitive: Merge | Concat, sizes: tuple[Sizes, ...]) -> bool:
    """Whether maps of these spatial sizes can be merged, or joined along another axis."""
    for axis, several in enumerate(zip(*sizes, strict=True), 2):
        free = {1} if isinstance(primitive, Merge) else set()
        joined = isinstance(primitive, Concat) and primitive.axis == axis
        if len(set(several) - free) > 1 and not joined:
            return False
    return True
