"""The shape errors of JAX, Flax and NumPy."""

from __future__ import annotations

from convcalc.questions.messages.known import Known, shape_of
from convcalc.questions.messages.pytorch import sizes_of
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import (
    Axes,
    Channels,
    Elements,
    Features,
    Groups,
    Sizes,
    Trouble,
    Weights,
)


def _parameter(name: str, needed: Shape, existing: Shape) -> Trouble | None:
    """A kernel made for another input, or a checkpoint of another model. Flax: (*kernel, in, out)."""
    if len(needed) != len(existing) or needed == existing:
        return None
    if name == "kernel" and needed[:-2] == existing[:-2] and needed[-1] == existing[-1] and len(needed) > 1:
        if len(needed) == 2:
            return Features(existing[0] or 0, needed[0] or 0, out=needed[1])
        return Channels(existing[-2] or 0, needed[-2] or 0, weight=existing)
    return Weights(name, existing, needed)


def _joined(axis: int, first: Shape, second: Shape) -> Trouble | None:
    return sizes_of(first, second, joined=True, skipped=axis)


def _broadcast(first: Shape, second: Shape) -> Trouble | None:
    longer = max(len(first), len(second))
    left, right = ((1,) * (longer - len(shape)) + shape for shape in (first, second))
    for array, parameter in ((left, right), (right, left)):
        channels = parameter[-1] if parameter else None
        if longer > 2 and set(parameter[:-1]) == {1} != set(array[:-1]) and channels not in (None, 1, array[-1]):
            return Channels(channels or 0, array[-1] or 0, array, layer="norm")
    return sizes_of(left, right)


def _elements(shape: Shape, elements: int, target: Shape) -> Trouble:
    return Elements(elements, tuple(None if length == -1 else length for length in target), shape)


def _ranks(left: int, right: int) -> Trouble:
    return Axes((right,), left, (), right - 2 if right > 2 else None, "conv")


MESSAGES = (
    Known(
        "JAX", "conv_general_dilated lhs feature dimension size divided by feature_group_count must equal the rhs ..",
        r"lhs feature dimension size divided by feature_group_count must equal the rhs input feature dimension size, "
        r"but <n> // <n> != <n>",
        lambda got, groups, expected: Channels(expected * groups, got, groups=groups),
    ),
    Known(
        "JAX", "feature_group_count must divide lhs feature dimension size, but 3 does not divide 10",
        r"feature_group_count must divide lhs feature dimension size, but <n> does not divide <n>",
        lambda groups, channels: Groups(groups, channels=channels),
    ),
    Known(
        "JAX", "conv_general_dilated rhs output feature dimension size must be a multiple of feature_group_count, ..",
        r"must be a multiple of feature_group_count, but <n> is not a multiple of <n>",
        lambda filters, groups: Groups(groups, filters=filters),
    ),
    Known("JAX", "convolution requires lhs and rhs ndim to be equal, got 3 and 4",
          r"convolution requires lhs and rhs ndim to be equal, got <n> and <n>", _ranks),
    Known(
        "JAX", "dot_general requires contracting dimensions to have the same shape, got (400,) and (120,)",
        r"requires contracting dimensions to have the same shape, got \(<n>,\) and \(<n>,\)",
        lambda got, expected: Features(expected, got),
    ),
    Known(
        "JAX", "Cannot concatenate arrays with shapes that differ in dimensions other than the one being concatenated",
        r"Cannot concatenate arrays with shapes that differ in dimensions other than the one being concatenated: "
        r"concatenating along dimension <n> for shapes <shape>, <shape>", _joined,
    ),
    Known("JAX", "add got incompatible shapes for broadcasting: (..), (..)",
          r"got incompatible shapes for broadcasting: <shape>, <shape>", _broadcast),
    Known(
        "JAX", "cannot reshape array of shape (4, 16, 6, 6) (size 2304) into shape (4, 400)",
        r"cannot reshape array of shape <shape> \(size <n>\) into shape <shape>", _elements,
    ),
    Known(
        "Flax", "For parameter \"kernel\" in \"/\", the given initializer is expected to generate shape (..), but ..",
        r"For parameter \"?'?(\w{1,40})\"?'? in \S{1,200} the given initializer is expected to generate shape <shape>, "
        r"but the existing parameter it received has shape <shape>", _parameter,
    ),
    Known(
        "Flax", "Initializer expected to generate shape (..) but got shape (..) instead for parameter \"kernel\"",
        r"Initializer expected to generate shape <shape> but got shape <shape> instead for parameter \"?'?(\w{1,40})",
        lambda needed, existing, name: _parameter(name, shape_of(needed), shape_of(existing)),
    ),
    Known(
        "Flax", "Inconsistent shapes between value and initializer for parameter \"kernel\" in ..: (..), (..)",
        r"Inconsistent shapes between value and initializer for parameter \"?'?(\w{1,40})\"?'? in \S{1,200}: "
        r"<shape>, <shape>", lambda name, existing, needed: _parameter(name, shape_of(needed), shape_of(existing)),
    ),
    Known("NumPy", "operands could not be broadcast together with shapes (..) (..)",
          r"operands could not be broadcast together with shapes <shape> <shape>", _broadcast),
    Known(
        "NumPy", "matmul: Input operand 1 has a mismatch in its core dimension 0 (size 7 is different from 8)",
        r"mismatch in its core dimension \d+, with gufunc signature \S{1,60} \(size <n> is different from <n>\)",
        lambda expected, got: Features(expected, got),
    ),
    Known("NumPy", "shapes (32,400) and (120,84) not aligned: 400 (dim 1) != 120 (dim 0)",
          r"shapes \(<n>, ?<n>\) and \(<n>, ?<n>\) not aligned",
          lambda rows, got, expected, out: Features(expected, got, rows, out)),
    Known("NumPy", "cannot reshape array of size 2304 into shape (4,400)",
          r"cannot reshape array of size <n> into shape <shape>", Elements),
    Known(
        "NumPy", "all the input array dimensions except for the concatenation axis must match exactly, but along ..",
        r"must match exactly, but along dimension <n>, the array at index \d+ has size <n> and the array at index \d+ "
        r"has size <n>", lambda axis, left, right: Sizes(left, right, axis, joined=True),
    ),
)  # fmt: skip
