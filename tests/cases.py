"""The table of named cases that the tests of shape, cost, receptive field, JSON and engine all read.

The sizes are small enough to count every multiplication one by one, and chosen to tell mistakes apart: distinct
primes, unequal kernel, stride, dilation and padding per axis, several channels in every group.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

TORCH = (
    "measured with torch.nn.functional on arrays of ones: the shape of the result, numel of the weights, the sum of "
    "the results over a padded input of ones (multiplications) and over zero-padded ones (effective); transposed: "
    "the sum of the full result, and of what the crop leaves"
)
LETTERS = {
    "k": "kernel", "s": "stride", "p": "padding", "d": "dilation", "g": "groups", "f": "filters", "m": "multiplier",
    "a": "output_padding",
}  # fmt: skip
_LETTER = re.compile("([kspdgfma])(valid|same-lower|same|full|causal|[0-9x:]+)|b")


@dataclass(frozen=True)
class Case:
    """A layer as `convcalc.analyze(type, **options)` takes it, what is known of it, and from whom.

    output: (channels, *spatial) of the last stage; weights, multiplications, effective: sums over the stages for
    the whole batch, without biases. `size` and `word` are the same layer as typed in a row, `word` being None if
    letters do not say all of it.
    """

    name: str
    type: str
    options: MappingProxyType[str, Any]
    output: tuple[int, ...]
    weights: int
    multiplications: int
    effective: int
    source: str
    size: str
    word: str | None

    def __str__(self) -> str:
        return self.name


def case(
    name: str, type: str, input: str, letters: str, output: str, weights: int, multiplications: int, effective: int,
    source: str = "", **more: Any,
) -> Case:  # fmt: skip
    """A case on one line: the layer in the letters of layer words, read here and not by the package.

    `more` are options without a letter; `source` is known besides what PyTorch says.
    """
    options = {"input": _numbers(input), **more}
    at = 0
    while at < len(letters):
        found = _LETTER.match(letters, at)
        assert found is not None, letters
        at = found.end()
        if found[1] is None:
            options["bias"] = True
        else:
            options[LETTERS[found[1]]] = _value(found[2])
    source = f"{source}; {TORCH}" if source else TORCH
    word = None if more.keys() - {"batch"} else f"{type}:{letters}"
    layer, size = MappingProxyType(options), _numbers(output)
    return Case(name, type, layer, size, weights, multiplications, effective, source, input, word)


def _value(text: str) -> Any:
    """A number, one number or pair per axis, or a word."""
    if text[0].isalpha():
        return text
    if ":" in text:
        parts = [part.split(":") for part in text.split("x")]
        return tuple((int(part[0]), int(part[-1])) for part in parts)
    numbers = _numbers(text)
    return numbers if len(numbers) > 1 else numbers[0]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("x")))


# Name, type, input, layer, output, weights, multiplications, effective multiplications.
CASES = (
    case("1d-everything", "standard", "3x23", "k5s2p1:3d2f4", "4x10", 60, 600, 552),
    case("1d-one-channel", "standard", "1x13", "k4f1", "1x10", 4, 40, 40),
    case("1d-groups-batch-bias", "1d", "6x17", "k3s3p2d2g3f9b", "9x6", 54, 648, 576, batch=2),
    case("1d-kernel-longer-than-input", "standard", "2x3", "k7p2:5f3", "3x4", 42, 168, 66),
    case("1d-causal", "standard", "2x19", "k3pcausald4f5", "5x19", 30, 570, 450,
         "causal pads 4*(3 - 1) = 8 before and none after (van den Oord et al. 2016, WaveNet, section 2.1)"),
    case("1d-same-stride", "standard", "3x7", "k2s2psamef5", "5x4", 30, 120, 105,
         "SAME pads (4 - 1)*2 + 2 - 7 = 1, at the end; output ceil(7/2) = 4 (TensorFlow, tf.nn.convolution)"),
    case("1d-same-lower", "standard", "2x11", "k6s3psame-lowerf3", "3x4", 36, 144, 120,
         "SAME_LOWER pads (4 - 1)*3 + 6 - 11 = 4, two and two (ONNX, Conv, auto_pad)"),
    case("1d-same-lower-odd", "standard", "2x11", "k4psame-lowerf3", "3x11", 24, 264, 240,
         "SAME_LOWER puts the odd pixel of 3 at the beginning (ONNX, Conv, auto_pad)"),
    case("1d-full", "standard", "2x5", "k3pfulld3f7", "7x11", 42, 462, 210,
         "full padding is extent - 1 on both sides (Dumoulin & Visin 2016, relationship 4, with dilation)"),
    case("1d-pointwise-stride", "pointwise", "5x11", "s3f7", "7x4", 35, 140, 140),
    case("1d-dilated", "dilated", "3x17", "k3p2:3d5f2", "2x12", 18, 216, 186),
    case("1d-transposed-groups", "transposed", "4x7", "k5s3p1:0g2f6a2", "6x24", 60, 420, 408),
    case("1d-transposed-gaps", "transposed", "2x5", "k2s5f3a3b", "3x25", 12, 60, 60),
    case("1d-transposed-same", "transposed", "3x7", "k5s2psamef2", "2x14", 30, 210, 192,
         "same crops the full (7 - 1)*2 + 5 = 17 to 7*2 = 14, the odd pixel at the end"),
    case("1d-transposed-same-short", "transposed", "3x7", "k2s3psamef2", "2x21", 12, 84, 84,
         "a window of 2 on stride 3 gives 20; same lengthens it to 7*3 = 21"),
    case("1d-transposed-dilated", "transposed", "2x5", "k3s2p1d3f3a2", "3x15", 18, 90, 84),
    case("1d-grouped", "grouped", "6x13", "k4s2g3f9", "9x5", 72, 360, 360),
    case("1d-depthwise", "depthwise", "5x13", "k3s2p0:1m3", "15x6", 45, 270, 270),
    case("1d-separable", "depthwise-separable", "5x17", "k4s3d2f7b", "7x4", 55, 220, 220),
    case("1d-flattened", "flattened", "3x11", "k4p3:0f5", "5x11", 35, 385, 355),
    case("1d-pointwise-grouped", "pointwise-grouped", "6x7", "g3f9", "9x7", 18, 378, 378, batch=3),
    case("1d-shuffled", "shuffled-grouped", "4x11", "k3p1f6", "6x11", 36, 396, 372, "two groups unless given"),
    case("worked-example", "standard", "3x7x7", "k3f128", "128x5x5", 3456, 86_400, 86_400,
         "86,400 = 5*5*128*27 multiplications and 3,456 = 128*27 weights"),
    case("worked-example-separable", "depthwise-separable", "3x7x7", "k3f128", "128x5x5", 411, 10_275, 10_275,
         "675 + 9,600 multiplications and 27 + 384 weights"),
    case("one-3x3-filter", "standard", "1x5x5", "k3f1", "1x3x3", 9, 81, 81, "9 positions of 9 taps"),
    case("one-3x3-filter-separable", "spatially-separable", "1x5x5", "k3f1", "1x3x3", 6, 72, 72,
         "45 + 27 multiplications, 3 + 3 weights"),
    case("padded-effective", "standard", "3x5x5", "k3p1f4", "4x5x5", 108, 2700, 2028,
         "per axis 13 of 15 taps touch data: 12*13*13 = 2,028 of 12*15*15 = 2,700"),
    case("2d-everything", "standard", "3x11x13", "k3x2s2x3p0:2x1:0d2x1f5b", "5x5x5", 90, 4500, 3780, batch=2),
    case("2d-alias", "2d", "2x7x5", "k2x3s3x1p1:0x2d1x2f3", "3x3x5", 36, 540, 330),
    case("2d-groups", "standard", "4x7x11", "k5x3s1x2p2x0g2f6", "6x7x5", 180, 6300, 5220),
    case("2d-same", "standard", "2x11x7", "k4x3s3x2psamed1x2f3", "3x4x4", 72, 1152, 840,
         "SAME pads (4 - 1)*3 + 4 - 11 = 2 and (4 - 1)*2 + 5 - 7 = 4"),
    case("2d-valid", "standard", "2x7x5", "k2x5pvalidf3", "3x6x1", 60, 360, 360),
    case("2d-causal", "standard", "2x5x7", "k2x3s1x2pcausald3x1f3", "3x5x4", 36, 720, 420),
    case("2d-pointwise-padded", "pointwise", "4x5x7", "s1x2p1:0x0:2g2f6", "6x6x5", 12, 360, 240),
    case("2d-dilated-default", "dilated", "2x7x11", "k3x2f3", "3x3x9", 36, 972, 972, "dilation 2 unless given"),
    case("transposed-3x3-on-2x2", "transposed", "1x2x2", "k3f1", "1x4x4", 9, 36, 36,
         "Dumoulin & Visin 2016, figure 4.1: 2x2 becomes 4x4"),
    case("transposed-3x3-on-2x2-stride-2", "transposed", "1x2x2", "k3s2f1", "1x5x5", 9, 36, 36,
         "Dumoulin & Visin 2016, figure 4.5: 2x2 becomes 5x5"),
    case("transposed-doubling", "transposed", "16x8x8", "k4s2p1f8", "8x16x16", 2048, 131_072, 115_200,
         "8*8*16*8*16 = 131,072 multiplications"),
    case("2d-transposed-everything", "transposed", "6x3x5", "k3x4s2x3p0:1x2:0d2x1g2f4a1x2b", "4x9x16", 144, 4320, 3888,
         batch=2),
    case("2d-transposed-output-size", "deconv", "3x5x7", "k2x3s3x2p0x1f2", "2x15x14", 36, 1260, 1200,
         "without output padding 14x13", output_size=(15, 14)),
    case("2d-transposed-same", "transposed", "2x5x3", "k2x6s3x2psamef3", "3x15x6", 72, 1080, 840, "input*stride: 15x6"),
    case("2d-transposed-same-lower", "transposed", "2x5x3", "k4x5s1x2psame-lowerf3", "3x5x6", 120, 1800, 1152,
         "input*stride: 5x6, the odd pixel cropped at the beginning"),
    case("2d-grouped", "grouped", "6x7x5", "k2x3s2x1f4", "4x3x3", 72, 648, 648, "two groups unless given"),
    case("2d-depthwise", "dw", "3x7x11", "k3x2s1x3p1x0m2", "6x7x4", 36, 1008, 912),
    case("2d-depthwise-filters", "depthwise", "3x7x5", "k3psamed1x2f9b", "9x7x5", 81, 2835, 1881,
         "9 filters on 3 channels are 3 each"),
    case("2d-separable", "depthwise-separable", "5x11x7", "k3x2s2x1p1:0x0:1d1x3f7m2b", "7x5x5", 130, 6500, 6020,
         batch=2),
    case("2d-spatial", "spatially-separable", "3x11x13", "k5x3s2x3p0:3x1:0d2x1f7", "7x3x4", 72, 1674, 1554,
         mid_channels=2),
    case("2d-spatial-same", "spatial", "2x7x5", "k4x3psamef3b", "3x7x5", 51, 1785, 1539,
         "mid-channels are the filters unless given"),
    case("2d-flattened", "flattened", "3x11x7", "k2x5s3x1p1:0x2:1d1x2f4b", "4x4x2", 40, 1308, 1232),
    case("2d-pointwise-grouped", "pointwise-grouped", "6x5x3", "s2x1g3f9", "9x3x3", 18, 162, 162),
    case("2d-shuffled", "shuffled-grouped", "6x7x5", "k3x2p1x0:1g3f9", "9x7x5", 108, 7560, 6156, batch=2),
    case("3d-everything", "3d", "2x5x7x6", "k2x3x1s1x2x3p1:0x0:2x1:1d2x1x3f3b", "3x4x4x3", 36, 1728, 840),
    case("3d-pointwise", "1x1", "3x2x5x3", "f4", "4x2x5x3", 12, 360, 360),
    case("3d-dilated", "atrous", "1x7x5x6", "k3x2x2d1x3x2f2", "2x5x2x4", 24, 960, 960),
    case("3d-transposed", "t", "4x2x3x5", "k3x2x4s2x3x1p1:0x0:0x1:2g2f6a1x2x0", "6x5x10x5", 288, 8640, 5760),
    case("3d-grouped", "grouped", "4x3x5x4", "k2x1x3s2x1x1p1x0x2f2", "2x2x5x6", 24, 1440, 720),
    case("3d-depthwise", "depthwise", "2x5x3x7", "k3x2x5s2x1x1d1x2x1m3", "6x2x1x3", 180, 1080, 1080),
    case("3d-separable", "ds", "3x5x2x7", "k2x1x3s1x1x2psamef4", "4x5x2x4", 30, 1200, 1020),
    case("3d-spatial", "spatially-separable", "2x5x7x3", "k3x5x2s2x1x1p0:1x2:0x0:0f4", "4x2x5x2", 87, 2586, 2424,
         mid_channels=3),
    case("3d-flattened", "flattened", "2x5x3x7", "k2x3x4s1x1x2f3", "3x4x1x2", 33, 1482, 1482),
    case("3d-pointwise-grouped", "pointwise-grouped", "4x3x2x5", "f6b", "6x3x2x5", 12, 360, 360,
         "two groups unless given"),
    case("3d-shuffled", "shuffled", "6x4x3x5", "k1x2x3d1x1x2g3f3", "3x4x2x1", 36, 288, 288),
)  # fmt: skip
