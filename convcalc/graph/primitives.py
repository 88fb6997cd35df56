"""What a layer of a network does: the few operators that TOML files and ONNX graphs lower to.

Shapes here are whole: (batch, channels, *spatial) or, after a flatten, (batch, features). Convolutions keep the
stages of their recipe; everything else is one operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from convcalc.graph.request import Request
from convcalc.graph.stages import Axes, Chain, Correlate, Pool, ShuffleChannels, TransposedCorrelate


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the network; nothing is computed."""

    shape: Axes


@dataclass(frozen=True, slots=True)
class Constant:
    """An array that belongs to the network and depends on no input, such as the class token of a transformer."""

    shape: Axes
    learned: bool


@dataclass(frozen=True, slots=True)
class Convolve:
    """A convolution type: the stages its recipe lowered the request to."""

    type: str
    request: Request
    chain: Chain


@dataclass(frozen=True, slots=True)
class Linear:
    """Every row along the last axis times a matrix (out_features, in_features), plus a bias if there is one.

    With `flatten`, everything but the batch is one row.
    """

    in_features: int
    out_features: int
    bias: bool
    flatten: bool = False


@dataclass(frozen=True, slots=True)
class MatMul:
    """The matrix product of two inputs over their last two axes; the axes before are a stack."""


@dataclass(frozen=True, slots=True)
class Normalize:
    """A normalization with scale and shift of `shape` where it learns them, parameters of no multiplications.

    batch_norm uses statistics that are constants; the others take theirs over the axes `over` of what comes in,
    and over the channels of each of `groups` for group_norm. `settings` are further constants by name.
    """

    kind: str
    shape: Axes
    over: Axes = ()
    groups: int = 1
    epsilon: float = 1e-5
    bias: bool = True
    settings: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A function of every element alone, such as an activation; `settings` are its constants by name."""

    kind: str
    settings: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class WithConstant:
    """An element-wise operation with an array that belongs to the layer, broadcast against what comes in.

    `learned` says whether the array counts as parameters; `first` that it is the left operand.
    """

    kind: str
    shape: Axes
    learned: bool
    first: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """An element-wise operation of several inputs, broadcast against each other: add, multiply, and so on.

    Shapes of fewer axes lack the first ones, as NumPy has it; with `flat`, what has features alone lacks the spatial
    ones, so that features meet channels.
    """

    kind: str
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Softmax:
    """exp(x) divided by its sum along one axis; `log` for its logarithm."""

    axis: int
    log: bool = False


@dataclass(frozen=True, slots=True)
class Concat:
    """The inputs side by side along an axis."""

    axis: int


@dataclass(frozen=True, slots=True)
class Reduce:
    """One value, mean or max or another, of everything along the axes, which stay as 1 with `keep`."""

    kind: str
    axes: Axes
    keep: bool = True


@dataclass(frozen=True, slots=True)
class AdaptivePool:
    """A pool whose windows are laid out so that `sizes` positions come out.

    Position i of n reads floor(i*size/n) up to ceil((i + 1)*size/n). Source: PyTorch, torch.nn.AdaptiveAvgPool2d.
    """

    kind: str
    sizes: Axes


@dataclass(frozen=True, slots=True)
class Slice:
    """Positions first, first + step, ... along one axis, `count` of them; a negative step goes backwards."""

    axis: int
    first: int
    count: int
    step: int = 1


@dataclass(frozen=True, slots=True)
class Take:
    """Positions of one axis by number, which take its place as an array of `shape` in row-major order."""

    axis: int
    indices: Axes
    shape: Axes


@dataclass(frozen=True, slots=True)
class Pad:
    """Positions added before and after along every axis: zeros, or by the mode's name as NumPy has it."""

    pairs: tuple[tuple[int, int], ...]
    mode: str = "constant"
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same elements in the same order under another shape."""

    shape: Axes


@dataclass(frozen=True, slots=True)
class Transpose:
    """The axes in another order."""

    order: Axes


@dataclass(frozen=True, slots=True)
class Expand:
    """The input repeated along axes of length 1, up to a shape."""

    shape: Axes


@dataclass(frozen=True, slots=True)
class Resize:
    """Spatial axes brought to `sizes` by `mode` nearest, linear or cubic, from coordinates of one of ONNX's kinds.

    `scales` are factors by which sizes came about that they do not divide into, one for each axis, or none. `cubic` is
    the coefficient of the cubic kernel. Inputs beyond an end are those at the end or, with `inside`, weigh nothing.
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


@dataclass(frozen=True, slots=True)
class Unknown:
    """What is not understood: its output's shape may be known from the file, its cost is not."""

    reason: str
    shape: Axes | None = None


Operator: TypeAlias = (
    Input | Constant | Convolve | Pool | ShuffleChannels | Linear | MatMul | Normalize | Elementwise | WithConstant
    | Merge | Softmax | Concat | Reduce | AdaptivePool | Slice | Take | Pad | Reshape | Transpose | Expand | Resize
    | Unknown
)  # fmt: skip


def parameter_shapes(operator: Operator) -> tuple[tuple[str, Axes], ...]:
    """The arrays that a layer learns, as (role, shape): weights and biases in the order they are stored.

    A stage of several has its name in front of the role, such as `depthwise/weight`.
    """
    match operator:
        case Convolve():
            return tuple(pair for name, stage in operator.chain.stages() for pair in _of_stage(name, stage, operator))
        case Linear():
            weight = ("weight", (operator.out_features, operator.in_features))
            return (weight, ("bias", (operator.out_features,))) if operator.bias else (weight,)
        case Normalize():
            roles = ("weight", "bias") if operator.bias else ("weight",)
            return tuple((role, operator.shape) for role in roles) if operator.shape else ()
        case WithConstant() | Constant():
            return (("weight", operator.shape),) if operator.learned else ()
        case _:
            return ()


def _of_stage(name: str, stage: object, operator: Convolve) -> tuple[tuple[str, Axes], ...]:
    if not isinstance(stage, Correlate | TransposedCorrelate):
        return ()
    prefix = f"{name}/" if len(operator.chain.parts) > 1 else ""
    weight = (f"{prefix}weight", stage.weight_shape)
    return (weight, (f"{prefix}bias", (stage.out_channels,))) if stage.bias else (weight,)
