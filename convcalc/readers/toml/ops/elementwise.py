"""Normalizations, activations and learned factors: layers whose output has the shape of their input."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from convcalc.errors import ShapeError
from convcalc.graph import primitives
from convcalc.graph.shapes import shown
from convcalc.notation import Axes, show_axes, whole_number
from convcalc.readers.toml.keys import finite_number, needed, truth
from convcalc.readers.toml.ops.op import Keys, Lowered

ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "sigmoid", "tanh",
    "softplus", "softsign", "hard_sigmoid", "hard_swish", "hard_tanh", "log_sigmoid", "exp", "sqrt", "abs", "square",
    "dropout", "identity",
)  # fmt: skip
IGNORED = {"dropout": ("p", "rate")}
"""Keys of an activation that are numbers and change nothing."""


def normalize(op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """batch_norm, layer_norm, instance_norm or group_norm, with a learned scale and shift per channel if `affine`.

    `scale` and `shift` say so for each of the two alone.
    """
    shape, affine = shapes[0], truth(keys, "affine", op != "instance_norm")
    scaled, shifted = truth(keys, "scale", affine), truth(keys, "shift", affine)
    spatial = tuple(range(2, len(shape)))
    size: Axes = (shape[1],)
    over, groups, epsilon = (spatial if op == "instance_norm" else ()), 1, 1e-5
    if op == "layer_norm":
        size, over, epsilon = *_layer_norm_axes(keys, shape), 1e-6
    if op == "group_norm":
        groups, over = whole_number(needed(keys, "groups"), "groups"), (1, *spatial)
        if shape[1] % groups:
            raise ShapeError(
                f"groups: must divide the channels, got {groups} and {shape[1]}; try {gcd(groups, shape[1])}"
            )
    learned = size if scaled or shifted else ()
    return [("", primitives.Normalize(op, learned, over, groups, epsilon, bias=shifted, scale=scaled))]


def _layer_norm_axes(keys: Keys, shape: Axes) -> tuple[Axes, Axes]:
    """The sizes and the numbers of the axes that are normalized together: the channels, or the last ones of `size`.

    Source: PyTorch, torch.nn.LayerNorm; a size of the channels alone is for code that puts them last.
    """
    if "size" not in keys:
        return (shape[1],), (1,)
    given = keys["size"] if isinstance(keys["size"], list | tuple) else [keys["size"]]
    size = tuple(whole_number(each, "size") for each in given)
    if shape[-len(size) :] == size and len(size) < len(shape):
        return size, tuple(range(len(shape) - len(size), len(shape)))
    if size == (shape[1],):
        return size, (1,)
    whole = ", ".join(map(str, shape[1:]))
    raise ShapeError(
        f"size: must be the last sizes of {shown(shape)}, or its channels, got {show_axes(size)}; "
        f"write LayerNorm([{whole}]) for all, LayerNorm({shape[1]}) for the channels"
    )


def activation(op: str, keys: Keys, _shapes: Sequence[Axes]) -> Lowered:
    """A function of each element, with its `alpha` if it has one."""
    for name in IGNORED.get(op, ()):
        finite_number(keys.get(name, 0), name)
    settings = (("alpha", finite_number(keys["alpha"], "alpha")),) if "alpha" in keys else ()
    return [("", primitives.Elementwise("silu" if op == "swish" else op, settings))]


def prelu(op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """A leaky ReLU whose slope is learned: one number, or one per channel."""
    shared = not truth(keys, "per_channel", False)
    return [("", primitives.WithConstant(op, (1,) if shared else _per_channel(shapes[0]), learned=True))]


def scale(_op: str, _keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """One learned factor per channel."""
    return [("", primitives.WithConstant("multiply", _per_channel(shapes[0]), learned=True))]


def softmax(op: str, _keys: Keys, _shapes: Sequence[Axes]) -> Lowered:
    """softmax or log_softmax, over the channels."""
    return [("", primitives.Softmax(1, log=op == "log_softmax"))]


def _per_channel(shape: Axes) -> Axes:
    return (shape[1], *(1,) * (len(shape) - 2))
