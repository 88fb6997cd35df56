"""The primitives: what one node of a graph computes. Every convolution type, layer word and file becomes these.

A primitive says what is done, not on what: its padding may still be a word such as `same`, which `place` resolves
once the input's size is known. Shapes are whole: (batch, channels, *spatial) or, after a flatten, (batch, features).
To add one: define it here, add it to `Primitive`, and let mypy list the questions that it must answer.

They are named tuples, because two dozen frozen dataclasses take longer to define than a command takes to answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import NamedTuple, TypeAlias, assert_never

from convcalc.axis.window import Window
from convcalc.notation import Axes, Padding


class Input(NamedTuple):
    """An input of the network."""

    shape: Axes


class Constant(NamedTuple):
    """An array that belongs to the network and depends on no input, such as the class token of a transformer."""

    shape: Axes
    learned: bool


class Correlate(NamedTuple):
    """A grouped convolution as networks mean it: nothing is flipped.

    Weights: (out_channels, in_channels / groups, *kernel); one bias per output channel if `bias`.
    """

    in_channels: int
    out_channels: int
    kernel: Axes
    stride: Axes
    padding: Padding
    dilation: Axes
    groups: int = 1
    bias: bool = False

    @property
    def weight_shape(self) -> Axes:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)


class TransposedCorrelate(NamedTuple):
    """The transpose of a convolution: every input value is spread over the outputs its window covers.

    Weights: (in_channels, out_channels / groups, *kernel). `padding` crops the full result,
    `output_padding` lengthens it at the end of each axis.
    """

    in_channels: int
    out_channels: int
    kernel: Axes
    stride: Axes
    padding: Padding
    dilation: Axes
    groups: int = 1
    output_padding: Axes = ()
    bias: bool = False

    @property
    def weight_shape(self) -> Axes:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel)


class ShuffleChannels(NamedTuple):
    """Channels (groups, n) regrouped as (n, groups), so that the next groups see all the former ones.

    Source: Zhang et al. 2018, ShuffleNet, section 3.1.
    """

    groups: int


class Pool(NamedTuple):
    """A maximum or average over a window, channel by channel; no weights and no multiplications.

    `ceil_mode` keeps a last window that runs past the padded end; `count_include_pad` says whether an average
    divides by the padding too.
    """

    kind: str
    kernel: Axes
    stride: Axes
    padding: Padding
    dilation: Axes
    ceil_mode: bool = False
    count_include_pad: bool = True


class Linear(NamedTuple):
    """Every row along the last axis times a matrix (out_features, in_features), plus a bias if there is one.

    With `flatten`, everything but the batch is one row.
    """

    in_features: int
    out_features: int
    bias: bool
    flatten: bool = False


class MatMul(NamedTuple):
    """The matrix product of two inputs over their last two axes; the axes before are a stack."""


class Normalize(NamedTuple):
    """A normalization, with learned `scale` and shift (`bias`) of `shape`, if any, which cost no multiplications.

    batch_norm uses constant statistics; the others take theirs over the axes `over` of the input, and group_norm also
    over the channels of each of `groups`. `settings` are further constants by name.
    """

    kind: str
    shape: Axes
    over: Axes = ()
    groups: int = 1
    epsilon: float = 1e-5
    bias: bool = True
    settings: tuple[tuple[str, float], ...] = ()
    scale: bool = True


class Elementwise(NamedTuple):
    """A function applied to every element, such as an activation; `settings` are its constants by name."""

    kind: str
    settings: tuple[tuple[str, float], ...] = ()


class WithConstant(NamedTuple):
    """An element-wise operation with an array that belongs to the layer, broadcast against the input.

    `learned` says whether the array counts as parameters; `first` that it is the left operand.
    """

    kind: str
    shape: Axes
    learned: bool
    first: bool = False


class Merge(NamedTuple):
    """An element-wise operation of several inputs, broadcast against each other: add, multiply, and so on.

    Axes are missing at the front of shorter inputs, as in NumPy; with `flat`, an input (batch, features) lacks the
    spatial axes instead, so that features are matched with channels.
    """

    kind: str
    flat: bool = False


class Softmax(NamedTuple):
    """exp(x) divided by its sum along one axis; `log` for its logarithm."""

    axis: int
    log: bool = False


class Concat(NamedTuple):
    """The inputs side by side along an axis."""

    axis: int


class Reduce(NamedTuple):
    """One value (mean, max, ...) of all elements along the axes, which stay with length 1 if `keep`."""

    kind: str
    axes: Axes
    keep: bool = True


class AdaptivePool(NamedTuple):
    """A pool whose windows are chosen to give `sizes` positions.

    Position i of n reads floor(i*size/n) up to ceil((i + 1)*size/n). Source: PyTorch, torch.nn.AdaptiveAvgPool2d.
    """

    kind: str
    sizes: Axes


class Slice(NamedTuple):
    """Positions first, first + step, ... along one axis, `length` of them; a negative step goes backwards."""

    axis: int
    first: int
    length: int
    step: int = 1


class Take(NamedTuple):
    """Positions of one axis by number, which take its place as an array of `shape` in row-major order."""

    axis: int
    indices: Axes
    shape: Axes


class Pad(NamedTuple):
    """Positions added before and after along every axis: zeros, or by NumPy's mode of that name."""

    pairs: tuple[tuple[int, int], ...]
    mode: str = "constant"
    value: float = 0.0


class Reshape(NamedTuple):
    """The same elements in the same order under another shape."""

    shape: Axes


class Transpose(NamedTuple):
    """The axes in another order."""

    order: Axes


class Expand(NamedTuple):
    """The input repeated along axes of length 1, up to a shape."""

    shape: Axes


class Resize(NamedTuple):
    """Spatial axes brought to `sizes` by `mode` nearest, linear or cubic, from coordinates of one of ONNX's kinds.

    `scales` are the factors, one per axis or none, if they differ from the ratios of the sizes. `cubic` is the
    coefficient of the cubic kernel. Beyond an end the input at the end is read or, with `inside`, nothing is.
    """

    sizes: Axes
    mode: str = "nearest"
    coordinates: str = "asymmetric"
    rounding: str = "floor"
    scales: tuple[Fraction, ...] = ()
    cubic: float = -0.75
    inside: bool = False

    def along(self) -> Iterator[tuple[int, Fraction | None]]:
        """The size and the factor, if one is given, axis by axis."""
        return zip(self.sizes, self.scales or (None,) * len(self.sizes), strict=True)


class Unknown(NamedTuple):
    """A layer that is not understood: its output's shape may be known from the file, its cost is not."""

    reason: str
    shape: Axes | None = None


Convolution: TypeAlias = Correlate | TransposedCorrelate
Windowed: TypeAlias = Convolution | Pool
Primitive: TypeAlias = (
    Input | Constant | Correlate | TransposedCorrelate | ShuffleChannels | Pool | Linear | MatMul | Normalize
    | Elementwise | WithConstant | Merge | Softmax | Concat | Reduce | AdaptivePool | Slice | Take | Pad | Reshape
    | Transpose | Expand | Resize | Unknown
)  # fmt: skip
Stages: TypeAlias = tuple[tuple[str, Primitive], ...]
"""The primitives of one layer in order, each with its name within the layer."""


@lru_cache(maxsize=1 << 10)  # every question asks for them, and layers repeat
def windows(primitive: Windowed) -> tuple[Window, ...]:
    """One window per spatial axis of a primitive whose padding is resolved to numbers."""
    assert not isinstance(primitive.padding, str), "place resolves padding words before windows are asked for"
    along = zip(primitive.kernel, primitive.stride, primitive.dilation, primitive.padding, strict=True)
    return tuple([Window(kernel, stride, dilation, *padding) for kernel, stride, dilation, padding in along])


def weight_count(primitive: Convolution) -> int:
    """Weights of one convolution: out_channels * in_channels / groups * product(kernel)."""
    return prod(primitive.weight_shape)


def parameter_shapes(primitive: Primitive) -> tuple[tuple[str, Axes], ...]:
    """The arrays that a primitive learns, as (`weight` or `bias`, shape), in the order they are stored."""
    match primitive:
        case Correlate() | TransposedCorrelate():
            weight = ("weight", primitive.weight_shape)
            return (weight, ("bias", (primitive.out_channels,))) if primitive.bias else (weight,)
        case Linear():
            weight = ("weight", (primitive.out_features, primitive.in_features))
            return (weight, ("bias", (primitive.out_features,))) if primitive.bias else (weight,)
        case Normalize():
            learned = (("weight", primitive.scale), ("bias", primitive.bias))
            return tuple((role, primitive.shape) for role, there in learned if there) if primitive.shape else ()
        case WithConstant() | Constant():
            return (("weight", primitive.shape),) if primitive.learned else ()
        case (
            Input() | ShuffleChannels() | Pool() | MatMul() | Elementwise() | Merge() | Softmax() | Concat() | Reduce()
            | AdaptivePool() | Slice() | Take() | Pad() | Reshape() | Transpose() | Expand() | Resize() | Unknown()
        ):  # fmt: skip
            return ()
        case _:
            assert_never(primitive)
