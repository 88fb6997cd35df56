"""A network: layers in the order they run, each with its inputs and its place in the forward walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import assert_never

from convcalc.errors import ShapeError
from convcalc.graph import primitives as operators
from convcalc.graph.stages import Axes, Chain, Pool, ShuffleChannels
from convcalc.graph.trace import Step, trace
from convcalc.notation import show_size

MOST_LAYERS = 20_000
"""Layers of a network at the most, so that an absurd file is refused rather than filling the memory."""


@dataclass(frozen=True, slots=True)
class Node:
    """One layer at its place: its inputs by number, whole shapes with the batch, and the steps of its stages.

    `op` is what the file calls it. `shape` is None where it cannot be known. `shared` are the roles of arrays that an
    earlier layer has too, and that count there.
    """

    name: str
    op: str
    operator: operators.Operator
    inputs: tuple[int, ...]
    input_shapes: tuple[Axes | None, ...]
    shape: Axes | None
    steps: tuple[Step, ...] = ()
    shared: frozenset[str] = frozenset()

    @property
    def elements(self) -> int:
        """Elements of the output, 0 where its shape is not known."""
        return 0 if self.shape is None else prod(self.shape)

    @property
    def counted(self) -> bool:
        """Whether everything about the layer is known."""
        return not isinstance(self.operator, operators.Unknown)


@dataclass(frozen=True, slots=True)
class Network:
    """Layers in execution order, inputs among them, and which of them is the output."""

    name: str
    nodes: tuple[Node, ...]
    output: int
    notes: tuple[str, ...] = ()
    source: str = ""

    @property
    def inputs(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if isinstance(node.operator, operators.Input))

    @property
    def layers(self) -> tuple[Node, ...]:
        """What a table has rows for: everything but the inputs."""
        return tuple(node for node in self.nodes if not isinstance(node.operator, operators.Input))


class Assembly:
    """A network under construction: every layer is placed, and its shape known, as soon as it is added."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(
        self, name: str, op: str, operator: operators.Operator, inputs: Sequence[int] = (),
        shared: frozenset[str] = frozenset(),
    ) -> int:  # fmt: skip
        """The number of a new layer. Raises ShapeError, naming it, where its inputs do not fit, or after too many."""
        if len(self.nodes) > MOST_LAYERS:
            raise ShapeError(f"layers: a network may have {MOST_LAYERS} layers, got more")
        shapes = tuple(self.nodes[i].shape for i in inputs)
        known = tuple(shape for shape in shapes if shape is not None)
        if len(known) < len(shapes) and not isinstance(operator, operators.Unknown):
            operator = operators.Unknown("the shape of its input is not known")
        try:
            shape, steps = placed(operator, known, [self.nodes[i].name for i in inputs])
        except ShapeError as error:
            raise ShapeError(f"{name}: {error}") from None
        self.nodes.append(Node(name, op, operator, tuple(inputs), shapes, shape, steps, shared))
        return len(self.nodes) - 1


def placed(
    operator: operators.Operator, shapes: tuple[Axes, ...], names: Sequence[str]
) -> tuple[Axes | None, tuple[Step, ...]]:
    """The output shape of an operator on inputs of these shapes, and the steps of its stages if it has any.

    `names` are the inputs' for messages. Raises ShapeError where they do not fit.
    """
    match operator:
        case operators.Input() | operators.Constant() | operators.Unknown():
            return operator.shape, ()
        case operators.Convolve():
            return _stages(operator.chain, shapes[0])
        case Pool():
            return _stages(Chain(((operator.kind, operator),)), shapes[0])
        case ShuffleChannels():
            return _stages(Chain((("shuffle", operator),)), shapes[0])
        case operators.Linear():
            rows, features = shapes[0][:-1], shapes[0][-1]
            if operator.flatten:
                rows, features = shapes[0][:1], prod(shapes[0][1:])
            if features != operator.in_features:
                raise ShapeError(f"takes {operator.in_features} features, got {features}")
            return (*rows, operator.out_features), ()
        case operators.MatMul():
            return _product(*shapes), ()
        case operators.Normalize() | operators.Elementwise() | operators.Softmax():
            return shapes[0], ()
        case operators.WithConstant():
            return broadcast((shapes[0], operator.shape), (names[0], "its own array")), ()
        case operators.Merge():
            rank = max(map(len, shapes))
            full = [with_space(shape, rank) if operator.flat else shape for shape in shapes]
            return broadcast(full, names), ()
        case operators.Concat():
            return _side_by_side(operator.axis, shapes, names), ()
        case operators.Reduce():
            kept = (1 if axis in operator.axes else size for axis, size in enumerate(shapes[0]))
            return tuple(n for axis, n in enumerate(kept) if operator.keep or axis not in operator.axes), ()
        case operators.Slice():
            return _at(shapes[0], operator.axis, operator.count), ()
        case operators.Take():
            return (*shapes[0][: operator.axis], *operator.shape, *shapes[0][operator.axis + 1 :]), ()
        case operators.Pad():
            padded = tuple(b + size + a for size, (b, a) in zip(shapes[0], operator.pairs, strict=True))
            if min(padded) < 1:
                raise ShapeError(f"padding must leave something, got {show_size(padded)}")
            return padded, ()
        case operators.Reshape():
            if prod(operator.shape) != prod(shapes[0]):
                raise ShapeError(f"must keep the elements, got {show_size(shapes[0])} as {show_size(operator.shape)}")
            return operator.shape, ()
        case operators.Transpose():
            return tuple(shapes[0][axis] for axis in operator.order), ()
        case operators.Expand():
            return broadcast((shapes[0], operator.shape), (names[0], "the shape wanted")), ()
        case operators.Resize() | operators.AdaptivePool():
            return (*shapes[0][: -len(operator.sizes)], *operator.sizes), ()
        case _:
            assert_never(operator)


def broadcast(shapes: Sequence[Axes], names: Sequence[str]) -> Axes:
    """The shape that all of these stretch to, as NumPy has it. Raises ShapeError, naming two that disagree."""
    result: Axes = ()
    for number, shape in enumerate(shapes):
        longer = max(len(result), len(shape))
        ours, theirs = ((1,) * (longer - len(axes)) + axes for axes in (result, shape))
        if any(a != b and 1 not in (a, b) for a, b in zip(ours, theirs, strict=True)):
            first = next(n for n in range(number) if not _stretch(shapes[n], shape))
            raise ShapeError(
                f"its inputs must have one shape, got {shown(shapes[first])} from {names[first]} "
                f"and {shown(shape)} from {names[number]}; give both arms the same filters, strides and padding"
            )
        result = tuple(max(a, b) for a, b in zip(ours, theirs, strict=True))
    return result


def with_space(shape: Axes, rank: int) -> Axes:
    """(batch, features) as (batch, features, 1, ...); what has spatial axes as it is."""
    return (*shape, *(1,) * (rank - 2)) if len(shape) == 2 else shape


def _stretch(left: Axes, right: Axes) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(left[::-1], right[::-1], strict=False))


def shown(shape: Axes) -> str:
    """A shape as the user writes it: without the batch."""
    return show_size(shape[1:]) or "one number"


def _stages(chain: Chain, shape: Axes) -> tuple[Axes, tuple[Step, ...]]:
    if not 3 <= len(shape) <= 5:
        raise ShapeError(f"takes channels and 1 to 3 spatial axes, got {shown(shape)}")
    names = [name for name, _ in chain.parts]
    try:
        steps = trace(chain, shape[1:])
    except ShapeError as error:  # the stage's name says something only where there are several
        raise ShapeError(str(error) if len(names) > 1 else str(error).removeprefix(f"{names[0]}: ")) from None
    return (shape[0], *steps[-1].output), steps


def _product(left: Axes, right: Axes) -> Axes:
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-2]:
        raise ShapeError(f"a matrix product needs (..., m, k) and (..., k, n), got {left} and {right}")
    return (*broadcast((left[:-2], right[:-2]), ("the left", "the right")), left[-2], right[-1])


def _side_by_side(axis: int, shapes: Sequence[Axes], names: Sequence[str]) -> Axes:
    for name, shape in zip(names[1:], shapes[1:], strict=True):
        if len(shape) != len(shapes[0]) or _at(shape, axis, 0) != _at(shapes[0], axis, 0):
            raise ShapeError(
                f"its inputs may differ along one axis only, got {shown(shapes[0])} from {names[0]} "
                f"and {shown(shape)} from {name}; crop, pad or resize one of them"
            )
    return _at(shapes[0], axis, sum(shape[axis] for shape in shapes))


def _at(shape: Axes, axis: int, size: int) -> Axes:
    return (*shape[:axis], size, *shape[axis + 1 :])
