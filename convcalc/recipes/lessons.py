"""What each convolution type is good for, what it costs, and an example small enough for pencil and paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Lesson(NamedTuple):
    """A type for a student: what it is for, what it saves, what it costs, and options for an example.

    `picture` is what `convcalc draw` shows of the example: a name of its pictures, or None for the window. `beside` are
    more examples, each with a few words, whose numbers are given in one line. `compared` says whether the standard
    convolution for the same map is a fair comparison: not if it multiplies as often or needs another kernel.
    """

    purpose: str
    saves: str
    costs: str
    example: Mapping[str, Any]
    picture: str | None = None
    beside: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    fields: tuple[str, ...] = ()
    """A row of layer words whose receptive fields are worth seeing."""
    compared: bool = True


LESSONS = {
    "standard": Lesson(
        "The convolution of every network: each filter looks at a small window of all channels at once, and the same "
        "weights serve every place.",
        "Against a fully connected layer: weights do not grow with the image.",
        "Every filter meets every channel, so the cost is channels times filters times taps.",
        {"input": (3, 7, 7), "kernel": 3, "filters": 128},
        compared=False,
    ),
    "pointwise": Lesson(
        "Mixes channels and sees one pixel: to have fewer channels before an expensive layer, or more after it, or one "
        "more nonlinearity.",
        "A ninth of a 3x3 layer with the same channels.",
        "It never looks at a neighbour; something else has to.",
        {"input": (3, 7, 7), "filters": 2},
        "channels",
        compared=False,
    ),
    "dilated": Lesson(
        "Sees further with the same taps, by leaving gaps between them: for segmentation and audio, where the output "
        "must be as large as the input.",
        "With dilations 1, 2, 4 and so on, the receptive field doubles with every layer, at no more weights or "
        "multiplications.",
        "The gaps: with the same dilation in every layer some pixels are never seen together (gridding). Use dilations "
        "such as 1, 2, 4.",
        {"input": (1, 7, 7), "kernel": 3, "dilation": 2, "padding": 2, "filters": 1},
        fields=("k3", "k3d2", "k3d4"),
        compared=False,
    ),
    "transposed": Lesson(
        "Makes maps larger with learned weights: decoders, generators, U-Nets. It is the transpose of a convolution, "
        "not its inverse.",
        "Against inserting zeros and convolving: all multiplications by those zeros.",
        "If the stride does not divide the kernel, outputs sum unequal numbers of values: a checkerboard. Kernel 4 "
        "with stride 2 has none.",
        {"input": (1, 2, 2), "kernel": 3, "stride": 2, "filters": 1},
        beside=(
            ("stride 1", {"input": (1, 2, 2), "kernel": 3, "filters": 1}),
            ("stride 2", {"input": (1, 2, 2), "kernel": 3, "stride": 2, "filters": 1}),
        ),
        compared=False,
    ),
    "grouped": Lesson(
        "Splits the channels into groups that do not see each other: to share a layer among machines, or for more "
        "filters at the same cost.",
        "Divides weights and multiplications by the number of groups.",
        "Channels of different groups never meet; mix them in the next layer.",
        {"input": (4, 5, 5), "kernel": 3, "filters": 4, "groups": 2},
        "channels",
    ),
    "depthwise": Lesson(
        "Filters every channel alone: the spatial half of a depthwise separable convolution.",
        "Divides the multiplications by the number of channels.",
        "No channel learns of another, and there is little to compute for every value that is read, so that it is "
        "bound by memory rather than arithmetic.",
        {"input": (3, 7, 7), "kernel": 3},
        "channels",
    ),
    "depthwise-separable": Lesson(
        "Looks around in every channel alone, then mixes the channels pixel by pixel: MobileNet's layer.",
        "Multiplications fall to 1/filters + 1/taps of the standard convolution's.",
        "Fewer weights, so that a small network may lose accuracy; the depthwise half is bound by memory.",
        {"input": (3, 7, 7), "kernel": 3, "filters": 128},
        "channels",
    ),
    "spatially-separable": Lesson(
        "A column, then a row, in place of a square kernel: blurs, Sobel, and long kernels such as 1x7 and 7x1.",
        "2k taps in place of k*k.",
        "With one channel between the two, only kernels of rank 1 can be written so, and trained ones seldom have it.",
        {"input": (1, 5, 5), "kernel": 3, "filters": 1},
    ),
    "flattened": Lesson(
        "Across the channels, then along each axis alone: a whole filter as three one-dimensional ones.",
        "Taps along every axis add instead of multiply, and so do channels.",
        "Only filters of rank 1 can be written so.",
        {"input": (3, 7, 7), "kernel": 3, "filters": 8},
        "channels",
    ),
    "pointwise-grouped": Lesson(
        "A 1x1 convolution within groups of channels, for networks whose 1x1 layers cost most.",
        "Divides the multiplications by the number of groups.",
        "Groups never meet; a channel shuffle after it mends that.",
        {"input": (6, 5, 5), "filters": 6, "groups": 3},
        "channels",
    ),
    "shuffled-grouped": Lesson(
        "A grouped convolution whose outputs are then dealt out to all groups of the next layer: ShuffleNet's way to "
        "make groups meet.",
        "Divides the multiplications by the number of groups; the shuffle itself multiplies nothing.",
        "The shuffle moves memory.",
        {"input": (6, 5, 5), "kernel": 3, "filters": 6, "groups": 3},
        "channels",
    ),
}
