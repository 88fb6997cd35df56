"""The ops of a network: their keys, and the primitives they become on the shapes of their inputs.

Layers that are described by an op and keys become primitives here: the tables of a file, and layer words. Messages name
the key at fault; callers add the file and the layer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from convcalc.errors import MAX_ECHOED, NotationError, quoted
from convcalc.notation import Axes, plain_op, pool_spelling, similar, type_spelling
from convcalc.readers.toml.keys import check_keys
from convcalc.readers.toml.ops.convolutions import CONVOLUTION_KEYS, convolution
from convcalc.readers.toml.ops.elementwise import ACTIVATIONS, IGNORED, activation, normalize, prelu, scale, softmax
from convcalc.readers.toml.ops.features import flatten, linear, reshape
from convcalc.readers.toml.ops.merging import concat, merge, shuffle, split
from convcalc.readers.toml.ops.op import FILTERS, Keys, Lowered, Op, row
from convcalc.readers.toml.ops.pools import adaptive_pool, global_pool, pool
from convcalc.readers.toml.ops.resizing import FACTORS, crop, pad, pixel_shuffle, pixel_unshuffle, upsample
from convcalc.recipes import BY_NAME

__all__ = ["ACTIVATIONS", "ALL_OPS", "FILTERS", "OPS", "SPELLED", "Lowered", "Op", "by_our_names", "check_inputs",
           "lower", "op_named", "takes_filters"]  # fmt: skip

ALL_OPS = "docs/networks.md lists all ops, such as conv, max_pool, linear, batch_norm, relu, add"
WINDOW = ("kernel", "stride", "padding", "ceil_mode")
LEARNED = ("affine", "scale", "shift")
OPS: dict[str, Op] = {
    **{name: Op(CONVOLUTION_KEYS, convolution) for name in BY_NAME},
    "max_pool": row(pool, *WINDOW, "dilation"),
    "avg_pool": row(pool, *WINDOW, "count_include_pad"),
    "global_avg_pool": row(global_pool),
    "global_max_pool": row(global_pool),
    "adaptive_avg_pool": row(adaptive_pool, "output_size"),
    "adaptive_max_pool": row(adaptive_pool, "output_size"),
    "linear": row(linear, *FILTERS, "bias"),
    "flatten": row(flatten),
    "reshape": row(reshape, "size"),
    "batch_norm": row(normalize, *LEARNED),
    "layer_norm": row(normalize, *LEARNED, "size"),
    "group_norm": row(normalize, *LEARNED, "groups"),
    "instance_norm": row(normalize, *LEARNED),
    **{name: row(activation, *IGNORED.get(name, ())) for name in ACTIVATIONS},
    **{name: row(activation, "alpha") for name in ("leaky_relu", "elu", "celu")},
    "prelu": row(prelu, "per_channel"),
    "softmax": row(softmax),
    "log_softmax": row(softmax),
    "scale": row(scale),
    **{name: row(merge, inputs=(2, None)) for name in ("add", "subtract", "multiply", "maximum")},
    "concat": row(concat, "axis", inputs=(2, None)),
    "split": row(split, "parts", "sizes"),
    "upsample": row(upsample, *FACTORS, "size", "mode", "align_corners", inputs=(1, 2)),
    "pad": row(pad, "padding", "mode"),
    "crop": row(crop, "padding", inputs=(1, 2)),
    "channel_shuffle": row(shuffle, "groups"),
    "pixel_shuffle": row(pixel_shuffle, "factor"),
    "pixel_unshuffle": row(pixel_unshuffle, "factor"),
}
SPELLED = {name.replace("-", "_"): name for name in BY_NAME} | {
    "relu_6": "relu6", "hardswish": "hard_swish", "hardsigmoid": "hard_sigmoid", "hardtanh": "hard_tanh",
    "leakyrelu": "leaky_relu", "batchnorm": "batch_norm", "layernorm": "layer_norm", "maxpool": "max_pool",
    "avgpool": "avg_pool", "fc": "linear", "dense": "linear", "mul": "multiply", "shuffle": "channel_shuffle",
    "channel_split": "split", "conv1d": "1d", "conv2d": "2d", "conv3d": "3d", "conv_transpose": "transposed",
}  # fmt: skip
"""Other accepted spellings of ops."""


def lower(op: str, keys: Keys, shapes: Sequence[Axes]) -> Lowered:
    """The primitives of a layer on inputs of these shapes, each (batch, channels, *spatial) or (batch, features).

    A list of (suffix, layer): one layer without a suffix, or one for each part of a split. Raises NotationError
    or ShapeError, naming the key, for an unknown op, for keys that it does not take and for values that do not fit.

    >>> lower("fc", {"filters": 10, "bias": True}, [(1, 16, 3, 3)])
    [('', Linear(in_features=144, out_features=10, bias=True, flatten=True))]
    """
    name = op_named(op)
    check_keys(keys, OPS[name].keys, name)
    check_inputs(name, len(shapes))
    return OPS[name].lower(name, keys, shapes)


def op_named(written: str) -> str:
    """The op of that name or other spelling. Raises NotationError, suggesting one, if there is none."""
    name = _spelled(written)
    if name not in OPS:
        raise NotationError(f"op: unknown op {quoted(written)}; {_suggested_op(written)}{ALL_OPS}")
    return name


def _spelled(written: str) -> str:
    """The op that a name means in any of its spellings; a name that means none comes back as it is."""
    if written in OPS:
        return written
    if not isinstance(written, str):
        return str(written)
    name = SPELLED.get(written) or pool_spelling(written) or plain_op(written) or type_spelling(written)
    return name if name in OPS else written


def by_our_names(keys: Keys) -> Keys:
    """The keys with `kernel` for PyTorch's `kernel_size`. Raises NotationError if both are there."""
    if "kernel_size" not in keys:
        return keys
    if "kernel" in keys:
        raise NotationError("kernel_size: is another name for kernel, got both; give one")
    return {"kernel" if key == "kernel_size" else key: value for key, value in keys.items()}


def check_inputs(op: str, count: int) -> None:
    """Raises NotationError unless the op reads that many layers."""
    least, most = OPS[op].inputs
    if not least <= count <= (most or count):
        wanted = f"{least} or more" if most is None else f"{least}" if most == least else f"{least} or {most}"
        layers = "layer" if wanted == "1" else "layers"
        advice = "name them in a list" if count < least else "leave the others out"
        raise NotationError(f"from: {op} reads {wanted} {layers}, got {count}; {advice}")


def takes_filters(op: str) -> bool:
    """Whether a layer's number of outputs can be chosen; a depthwise convolution's follows from its input."""
    op = _spelled(op)
    return op == "linear" or (op in BY_NAME and BY_NAME[op].name != "depthwise")


def _suggested_op(name: str) -> str:
    """The op that is meant by another library's name for it, such as Conv2d or MaxPool."""

    def plain(name: str) -> str:
        return re.sub("(?<=[a-z])[123]d$", "", re.sub("[^a-z0-9]", "", name.lower()))

    known = {plain(spelled): op for spelled, op in SPELLED.items()} | {plain(op): op for op in OPS}
    near = similar(plain(name[:MAX_ECHOED]), known, 1)
    return f"did you mean {known[near[0]]}? " if near else ""
