"""Options by the names that other tools have for them: what to type instead."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from convcalc.errors import shortened
from convcalc.notation import PADDING_WORDS, nearest
from convcalc.recipes import BY_NAME

_ALSO = {
    "type": "conv-type convolution kind op layer layer-type",
    "input": "input-size input-shape in-size size shape image image-size img-size resolution",
    "kernel": "kernel-size kernel-shape kernel-dim kernels filter-size ksize window window-size pool-size",
    "filters": "out-channels filter num-filters n-filters output-channels channels-out num-outputs out-ch units "
    "out-planes",
    "in-channels": "input-channels channels channels-in num-channels in-ch in-planes in-features",
    "stride": "strides step steps",
    "padding": "pad pads paddings",
    "padding-mode": "pad-mode border border-mode",
    "dilation": "dilations dilation-rate rate atrous-rate",
    "groups": "group num-groups n-groups cardinality",
    "multiplier": "depth-multiplier channel-multiplier depthwise-multiplier",
    "mid-channels": "hidden-channels middle-channels",
    "output-padding": "out-padding output-adj",
    "output-size": "out-size output-shape target-size",
    "bias": "use-bias with-bias",
    "batch": "batch-size batchsize bs",
    "layout": "data-format format memory-format",
    "dtype": "data-type element-type precision",
    "width": "alpha width-mult width-multiplier",
    "compare": "versus vs against",
    "output": "out out-file output-file save",
    "array": "data",
    "explain": "verbose why how formula formulas",
    "check": "verify prove",
    "no-check": "nocheck skip-check",
    "dims": "ndim spatial-dims",
    "rate": "sample-rate sampling-rate samplerate sr fs",
    "chunk": "chunk-size block block-size frame frame-size buffer buffer-size hop hop-length",
    "axis": "time-axis dim time",
    "flip": "flipped true-convolution",
}  # fmt: skip
"""Our option, and other names for it."""
_OF_A_LAYER = (*_ALSO,)[: [*_ALSO].index("bias")]
"""The options of a layer that have a value."""
_OPTION_OF = {other: ours for ours, others in _ALSO.items() for other in others.split()}
_WHOLE = {
    **{name: f"--type {name}" for name in BY_NAME},
    **{word: f"--padding {word}" for word in PADDING_WORDS},
    **{name: f"--dtype {name}" for name in ("fp16", "fp32", "bf16", "float16", "float32", "int8", "half")},
    **{name: f"--layout {name}" for name in ("channels-last", "channels-first", "nhwc", "nchw")},
}
"""Values that are typed as if they were options."""
_COLUMNS = {
    "cost": "flops macs mults multiplications multiply-adds additions memory bytes",
    "params": "params parameters weights biases",
    "rf": "rf receptive-field field jump coverage",
}
"""Which command answers what is asked for like an option."""
_COMMAND_OF = {column: command for command, columns in _COLUMNS.items() for column in columns.split()}
_VERBS = {
    "shape": "output size output-size output-shape out-shape dims",
    "cost": "mac flop mult count compare complexity",
    "rf": "receptive receptivefield fov",
    "net": "network networks model models summary zoo",
    "draw": "plot picture show visualize visualise diagram",
    "run": "convolve conv apply execute check verify",
    "types": "type explain list",
}
"""Other names of the commands, besides what they answer."""
_CALLED = _COMMAND_OF | {verb: command for command, verbs in _VERBS.items() for verb in verbs.split()}
_FROM_ARRAYS = (
    "-i", "--input", "-k", "--kernel", "--kernel-size", "-f", "--filters", "--out-channels", "--in-channels", "--batch",
    "-m", "--multiplier",
)  # fmt: skip
"""Options of a layer that `run` takes from its arrays."""
_PICTURE = ("o", "output", "out", "save", "png", "pdf", "jpg", "gif", "file")
NEAR = 0.65
"""How alike a name must be to be taken for a slip of the fingers."""


def command_meant(name: str) -> str | None:
    """The command for which people also have this name.

    >>> command_meant("receptive_field"), command_meant("FLOPs"), command_meant("frobnicate")
    ('rf', 'cost', None)
    """
    return _CALLED.get(name.lower().replace("_", "-"))


def as_options(words: Sequence[str]) -> str | None:
    """The options that `padding=same kernel=3` means; None if a word is no pair of a layer's option and its value.

    >>> as_options(["padding=same", "kernel_size=3"]), as_options(["k3"]), as_options(["color=3"])
    ('--padding same --kernel 3', None, None)
    """
    typed = []
    for word in words:
        name, sign, value = word.partition("=")
        plain = name.strip().lower().replace("_", "-")
        ours = _OPTION_OF.get(plain, plain)
        if not sign or ours not in _OF_A_LAYER:
            return None
        typed += [f"--{ours}", shlex.quote(value.strip())]
    return " ".join(typed)


def instead(name: str, command: str, options: Mapping[str, Mapping[str, bool]], arguments: Sequence[str]) -> str:
    """What to type instead of the option `name`, which `command` does not have; nothing if that cannot be told.

    `options` are the options of every command as typed, each with whether it is a flag.

    >>> instead("--strides", "shape", {"shape": {"--stride": False}}, ["shape", "--strides", "2"])
    'use --stride 2'
    """
    own = options.get(command, {})
    plain = name.lstrip("-").lower().replace("_", "-")
    long = name if len(plain) == 1 else f"--{plain}"
    ours = long if long in own else f"--{_OPTION_OF.get(plain, plain)}" if len(plain) > 1 else long
    value = _value(name, arguments)
    if plain == "op" and value is not None and value.isdigit() and "--output-padding" in own:
        ours = "--output-padding"
    if command == "solve" and ours in ("-t", "--type", "--output-size"):
        return _solved(ours, value)
    if ours in own:
        return f"use {_with_value(ours, own[ours], value)}"
    positive = long.replace("--no-", "--").replace("--without-", "--")
    if positive != long and positive in own:
        return f"leave it out, it is so without {positive}"
    whole = _WHOLE.get(plain, "")
    if whole and whole.split()[0] in own:
        return f"use {whole}"
    if command == "draw" and plain in _PICTURE:
        return "use --svg FILE.svg"
    owners = [other for other, names in options.items() if ours in names]
    if command == "run" and (ours in _FROM_ARRAYS or long in _FROM_ARRAYS):
        return "leave it out, the arrays give it"
    if plain in _COMMAND_OF:
        return _answered(plain, command)
    if owners:
        return f"{'it' if ours == name else ours} is an option of {' and '.join(', '.join(owners).rsplit(', ', 1))}"
    near = [
        each
        for each in nearest(plain, [each[2:] for each in own if each.startswith("--")])
        if SequenceMatcher(None, plain, each).ratio() > NEAR
    ]
    return f"did you mean --{near[0]}?" if near else ""


def _solved(ours: str, value: str | None) -> str:
    """What `solve` has in place of an option of a layer."""
    if ours == "--output-size":
        return f"use {_with_value('--output', False, value)}"
    return (
        "use --transposed"
        if BY_NAME.get(value or "") is BY_NAME["transposed"]
        else "leave it out, layers are convolutions"
    )


def _answered(column: str, command: str) -> str:
    """Where the numbers are that were asked for by name."""
    if command == _COMMAND_OF[column]:
        return f"leave it out, the answer has {column.replace('-', ' ')} anyway"
    if command == "net":
        return "leave it out, the table has parameters and multiplications (macs; flops are twice as many)"
    return f"use convcalc {_COMMAND_OF[column]}"


def _with_value(option: str, flag: bool, value: str | None) -> str:
    return option if flag or value is None else f"{option} {shlex.quote(shortened(value))}"


def _value(name: str, arguments: Sequence[str]) -> str | None:
    """The value given to an option: after `=`, or as the next argument."""
    for at, argument in enumerate(arguments):
        if argument.startswith(f"{name}="):
            return argument[len(name) + 1 :]
        if argument == name:
            return next((after for after in arguments[at + 1 : at + 2] if not after.startswith("-")), None)
    return None


def options_of(command: Any) -> dict[str, bool]:
    """The options of a Typer command as typed, each with whether it is a flag."""
    return {
        name: bool(getattr(param, "is_flag", False))
        for param in command.params
        for name in param.opts
        if name.startswith("-")
    }
