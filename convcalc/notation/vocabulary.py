"""The words without a kernel, such as `gap`, `fc1000` and `relu`, and the op of network files that each stands for."""

from __future__ import annotations

import re

from convcalc.notation.spellings import simplified

WORDS = {
    "gap": "global_avg_pool",
    "gmp": "global_max_pool",
    "bn": "batch_norm",
    "ln": "layer_norm",
    "in": "instance_norm",
    "flatten": "flatten",
    "relu": "relu",
    "relu6": "relu6",
    "lrelu": "leaky_relu",
    "prelu": "prelu",
    "elu": "elu",
    "selu": "selu",
    "celu": "celu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "mish",
    "sigmoid": "sigmoid",
    "hsigmoid": "hard_sigmoid",
    "hswish": "hard_swish",
    "tanh": "tanh",
    "softplus": "softplus",
    "softmax": "softmax",
    "dropout": "dropout",
    "identity": "identity",
}
"""A new word is one line here."""

NUMBERED = {
    "fc": ("linear", "filters", "fc1000"),
    "linear": ("linear", "filters", "linear1000"),
    "dense": ("linear", "filters", "dense1000"),
    "up": ("upsample", "factor", "up2"),
    "upsample": ("upsample", "factor", "upsample2"),
    "shuffle": ("channel_shuffle", "groups", "shuffle3"),
    "gn": ("group_norm", "groups", "gn32"),
}
"""Words that end in a number: the op, the option that the number is, and an example."""

_ALSO = {
    "globalavgpool": "gap", "globalaveragepool": "gap", "globalaveragepooling": "gap", "globalmaxpool": "gmp",
    "globalmaxpooling": "gmp", "batchnorm": "bn", "batchnormalization": "bn", "layernorm": "ln",
    "layernormalization": "ln", "instancenorm": "in", "leakyrelu": "lrelu", "swish": "silu", "hardswish": "hswish",
    "hardsilu": "hswish", "hardsigmoid": "hsigmoid",
}  # fmt: skip
_DIMS = re.compile("[123]d$")


def plain_op(name: str) -> str | None:
    """The op that a word without a number stands for, in any case and spelling; None if it is no such word.

    >>> plain_op("gap"), plain_op("ReLU"), plain_op("BatchNorm2d"), plain_op("hard_swish"), plain_op("fc")
    ('global_avg_pool', 'relu', 'batch_norm', 'hard_swish', None)
    """
    key = _DIMS.sub("", simplified(name))
    return WORDS.get(_ALSO.get(key, key))
