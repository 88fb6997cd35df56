"""Names that people know and that are no convolution type here: what each of them is, and what answers instead."""

from __future__ import annotations

from typing import NamedTuple

from convcalc.notation.spellings import simplified


class Relative(NamedTuple):
    """Why a name is no type, the type to ask for instead (empty if none), and what that answers or else to do."""

    why: str
    type: str
    what: str


_DATA = "its kernel depends on the data"
_STEP = "it is recurrent and no convolution"
_BLOCK = "it is a block of several layers"
_TOML = "write its layers as words or as a TOML file"
_KNOWN = {
    "deformable dcn dcnv2 deformableconv deform deformconv": Relative(
        "its taps move with the data", "standard", "which counts the kernel on its regular grid"
    ),
    "involution": Relative(_DATA, "depthwise", "which has its multiplications, without those that make the kernel"),
    "dynamic dynamicconv condconv conditional": Relative(
        _DATA, "standard", "which has its multiplications, without those that mix the kernel"
    ),
    "octave octconv octaveconv": Relative(
        "it works at two resolutions", "standard", "once for each of its four paths, with their channels and sizes"
    ),
    "partial partialconv pconv": Relative(
        "it convolves only some pixels or some channels", "standard", "with the channels that it convolves"
    ),
    "gated gatedconv": Relative(
        "it is two convolutions, one of which gates the other", "standard", "with twice the filters, which counts both"
    ),
    "sparse sparseconv submanifold": Relative(
        "its cost depends on which pixels are there", "standard", "which counts all of them, the most it can cost"
    ),
    "convlstm convgru lstmconv": Relative(
        "it is recurrent", "standard", "on input plus hidden channels with 4 times the filters (GRU: 3), for each step"
    ),
    "lstm gru rnn": Relative(_STEP, "", "count its linear layers, with words such as fc512"),
    "attention selfattention mha transformer": Relative(
        "it is no convolution", "", "export the network to ONNX, for net"
    ),
    "coordconv": Relative("it is a convolution with coordinates added", "standard", "with 2 more input channels"),
    "ghost ghostmodule mbconv fusedmbconv invertedresidual bottleneck residual resblock": (Relative(_BLOCK, "", _TOML)),
    "squeezeexcitation se inception fire": Relative(_BLOCK, "", _TOML),
    "weightstandardized spectralnorm": Relative(
        "it is a convolution with other weights", "standard", "which costs as much"
    ),
    "max maxpool avg avgpool average": Relative("it is a pool", "", "write it as a layer word, such as max:k2"),
    "linear dense fc fullyconnected": Relative("it is no convolution", "", "write it as a layer word, such as fc10"),
    "relu gelu silu sigmoid batchnorm bn layernorm ln softmax dropout": Relative(
        "no convolution", "", "write it as a layer word, such as relu or bn"
    ),
    "upsample upsampling resize interpolate": Relative(
        "it is no convolution", "", "write it as a layer word, such as up2"
    ),
    "pixelshuffle subpixel subpixelconv": Relative(
        "it is a convolution whose channels become pixels",
        "standard",
        "with factor^2 times the filters, which costs as much",
    ),
    "causal same valid full": Relative("it is a padding", "", "use --padding {name} instead"),
    "reflect replicate circular": Relative("it is a padding mode", "", "use --padding-mode {name} instead"),
    "winograd fft direct": Relative("it is a way to compute any type", "", "use --algorithm {name} with run"),
    "channelsfirst channelslast nchw nhwc": Relative("it is a layout", "", "use --layout {name} instead"),
}
RELATIVES = {name: relative for names, relative in _KNOWN.items() for name in names.split()}
"""By name, in small letters without hyphens."""


def relative(name: str) -> Relative | None:
    """What a name that people know is, if it is no type here.

    >>> relative("Deformable Conv").type, relative("conv_lstm").why, relative("depthwise")
    ('standard', 'it is recurrent', None)
    """
    key = simplified(name)
    for ending in ("", "1d", "2d", "3d", "convolution", "conv", "convolution2d", "conv2d"):
        known = key.removesuffix(ending)
        found = RELATIVES.get(known) if key.endswith(ending) else None
        if found is not None:
            return found._replace(what=found.what.format(name=known))
    return None
