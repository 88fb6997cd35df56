"""What a message says is wrong, the same for every framework. Shapes are whole and in the framework's order of axes."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from convcalc.questions.messages.text import Shape

UNSTATED = -1
"""Channels that a message leaves out."""


class Channels(NamedTuple):
    """The channels that arrive are not those that a layer is for; weights as the framework has them, if it shows them.

    `layer` is conv, transposed or norm, of which `expected` may be UNSTATED.
    """

    expected: int
    got: int
    shape: Shape = ()
    weight: Shape = ()
    groups: int = 1
    layer: str = "conv"


class Axes(NamedTuple):
    """An input has too few or too many axes; `allowed` are the numbers that work, `dims` the layer's spatial axes."""

    allowed: tuple[int, ...]
    got: int
    shape: Shape = ()
    dims: int | None = None
    layer: str = ""


class TooSmall(NamedTuple):
    """A window does not fit: spatial `sizes` with padding, and the kernel's extents, if the message has them.

    `gives` are the output sizes that the message states.
    """

    sizes: Shape
    extents: Shape = ()
    shape: Shape = ()
    weight: Shape = ()
    pool: bool = False
    gives: Shape = ()


class Smallest(NamedTuple):
    """A model states the smallest image that it takes."""

    least: Shape
    shape: Shape


class OneValue(NamedTuple):
    """A batch normalization in training has a single value per channel."""

    shape: Shape


class Features(NamedTuple):
    """A linear layer or matrix product for `expected` features gets `got`; `layer` is linear or recurrent."""

    expected: int
    got: int
    rows: int | None = None
    out: int | None = None
    shape: Shape = ()
    layer: str = "linear"


class Sizes(NamedTuple):
    """Two tensors that are joined or added have other lengths along an axis; their whole shapes, if known."""

    left: int
    right: int
    axis: int | None = None
    joined: bool = False
    shapes: tuple[Shape, ...] = ()


class Elements(NamedTuple):
    """Elements that cannot take the shape; `shape` is that of the tensor, if known."""

    elements: int
    target: Shape
    shape: Shape = ()


class Samples(NamedTuple):
    """Samples of other shapes cannot be stacked to one batch."""

    left: Shape
    right: Shape


class Batches(NamedTuple):
    """A loss gets predictions for `got` samples and labels for `wanted`; `shapes` if they are stated."""

    got: int
    wanted: int
    shapes: tuple[Shape, ...] = ()


class Rule(NamedTuple):
    """A rule that a message states without numbers: its cause and fix are the whole answer."""

    cause: str
    fix: str


class Groups(NamedTuple):
    """Groups that do not divide channels: the layer's `channels` (in), or `filters` (out)."""

    groups: int
    channels: int | None = None
    filters: int | None = None
    layer: str = "conv"


class OutputSize(NamedTuple):
    """A transposed convolution cannot give the size that is wanted."""

    wanted: Shape
    least: Shape
    most: Shape
    sizes: Shape


class OutputPadding(NamedTuple):
    """Output padding that is as large as stride and dilation."""

    output_padding: Shape
    stride: Shape
    dilation: Shape = ()


class Padded(NamedTuple):
    """Padding beyond its limit: of `mode` reflect on an axis of `size`, or a pool's beyond half its kernel."""

    padding: int
    size: int
    mode: str = "reflect"


class Weights(NamedTuple):
    """Weights from a file have another shape than the model's."""

    name: str
    file: Shape
    model: Shape


class Fed(NamedTuple):
    """A model's input has a stated shape, and was given another: (axis, got, expected) for every axis that differs."""

    name: str
    differing: tuple[tuple[int, int | None, int | None], ...]
    shape: Shape = ()
    wanted: Shape = ()


Trouble: TypeAlias = (
    Channels | Axes | TooSmall | Smallest | OneValue | Features | Sizes | Elements | Groups | OutputSize
    | OutputPadding | Padded | Weights | Fed | Samples | Batches | Rule
)  # fmt: skip
