"""A row of the table of ops, and helpers that several functions in the table share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from convcalc.errors import NotationError, ShapeError
from convcalc.graph.graph import Layer
from convcalc.graph.primitives import Primitive
from convcalc.graph.shapes import shown
from convcalc.notation import Axes

Keys: TypeAlias = Mapping[str, Any]
"""The keys of one layer with their values, expressions worked out."""
Lowered: TypeAlias = list[tuple[str, Layer | Primitive]]
"""An op made into primitives: one layer, or one for each part of a split, each with the suffix of its name."""
Lower: TypeAlias = Callable[[str, Keys, Sequence[Axes]], Lowered]
"""A function of an op's name, its keys and the shapes of its inputs, batch included."""

FILTERS = ("filters", "out_channels", "out_features")
"""The names of the number of outputs; a layer takes one of them."""


@dataclass(frozen=True, slots=True)
class Op:
    """The keys an op takes, the fewest and the most inputs (None: any number), and how it is lowered."""

    keys: frozenset[str]
    lower: Lower
    inputs: tuple[int, int | None] = (1, 1)


def row(lower: Lower, *keys: str, inputs: tuple[int, int | None] = (1, 1)) -> Op:
    """A row of the table of ops."""
    return Op(frozenset(keys), lower, inputs)


def filters_of(keys: Keys) -> Any:
    """The filters, whichever name they have; None if missing. Raises NotationError if they have two names."""
    given = [name for name in FILTERS if name in keys]
    if len(given) > 1:
        raise NotationError(f"{given[1]}: is another name for {given[0]}, got both; give one")
    return keys[given[0]] if given else None


def spatial_axes(shape: Axes) -> Axes:
    """The spatial sizes of (batch, channels, *spatial). Raises ShapeError unless there are 1 to 3."""
    if not 3 <= len(shape) <= 5:
        raise ShapeError(f"takes channels and 1 to 3 spatial axes, got {shown(shape)}")
    return shape[2:]


def check_same_axes(shapes: Iterable[Axes]) -> None:
    """Raises ShapeError unless all shapes have the same number of axes."""
    different = {len(shape): shown(shape) for shape in shapes}
    if len(different) > 1:
        raise ShapeError(f"its inputs must have the same number of axes, got {' and '.join(different.values())}")
