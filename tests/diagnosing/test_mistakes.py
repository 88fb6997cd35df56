"""Every kind of mistake, made by plain NumPy and the definition on layers of every type, is named and mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.diagnosing.asking import asked, mended, names
from tests.diagnosing.layers import Layer, layers, output

LAYERS = {layer.name: layer for layer in layers()}
Mistake = Callable[[Layer], np.ndarray]


def flip(*axes: int, number: int = 0) -> Mistake:
    return lambda layer: output(layer.but(number, w=np.flip(layer.stages[number].w, axes)))


def stage(number: int = 0, **changes: object) -> Mistake:
    return lambda layer: output(layer.but(number, **changes))


def weights(change: Callable[[np.ndarray], np.ndarray], number: int = 0) -> Mistake:
    return lambda layer: output(layer.but(number, w=change(layer.stages[number].w)))


def biased(change: Callable[[np.ndarray], np.ndarray | None]) -> Mistake:
    def made(layer: Layer) -> np.ndarray:
        bias = layer.bias
        assert bias is not None
        return output(layer.but(len(layer.stages) - 1, b=change(bias)))

    return made


def input_as(change: Callable[[np.ndarray], np.ndarray], **changes: object) -> Mistake:
    return lambda layer: output(replace(layer, x=change(layer.x)).but(**changes))


def output_as(change: Callable[[np.ndarray], np.ndarray]) -> Mistake:
    return lambda layer: change(output(layer))


def lost(*at: object) -> Callable[[np.ndarray], np.ndarray]:
    """Weights without those at an index."""

    def change(w: np.ndarray) -> np.ndarray:
        cut = w.copy()
        cut[at] = 0
        return cut

    return change


def without_border(kept: bool) -> Mistake:
    """Outputs next to the border that are not computed: 0, or the input's pixels."""

    def made(layer: Layer) -> np.ndarray:
        right = output(layer)
        out = layer.x.copy() if kept else np.zeros_like(right)
        out[:, :, 1:-1, 1:-1] = right[:, :, 1:-1, 1:-1]
        return out

    return made


def lengthened_by(zeros: bool) -> Mistake:
    """A transposed convolution whose output padding is appended as zeros, or as bias."""

    def made(layer: Layer) -> np.ndarray:
        right, bias = output(layer), layer.bias
        short = output(layer.but(output_padding=()))
        assert bias is not None
        out = np.broadcast_to(0 * bias[:, None, None] if zeros else bias[:, None, None], right.shape).copy()
        out[:, :, : short.shape[2], : short.shape[3]] = short
        return out

    return made


def wrapped(bits: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda y: (y + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


ALL = slice(None)
MISTAKES: list[tuple[str, str, Mistake]] = [
    # the kernel
    ("1-D", "kernel-flipped", flip(-1)),
    ("2-D", "kernel-flipped", flip(-1, -2)),
    ("2-D", "kernel-flipped-height", flip(-2)),
    ("2-D", "kernel-axes-width-height", weights(lambda w: w.transpose(0, 1, 3, 2))),
    ("2-D", "kernel-axes-width-height-flipped-height", weights(lambda w: np.rot90(w, 1, (2, 3)))),
    ("2-D", "kernel-written-HWIO", weights(lambda w: w.transpose(2, 3, 1, 0).reshape(w.shape))),
    ("2-D", "kernel-read-OHWI", weights(lambda w: w.reshape(6, 3, 2, 4).transpose(0, 3, 1, 2))),
    ("square", "kernel-in-out", weights(lambda w: w.swapaxes(0, 1))),
    ("3-D", "kernel-flipped-height", flip(-2)),
    ("3-D", "kernel-written-DHWIO", weights(lambda w: w.transpose(2, 3, 4, 1, 0).reshape(w.shape))),
    ("grouped", "kernel-flipped", flip(-1, -2)),
    ("depthwise", "kernel-written-MCHW", weights(lambda w: w.reshape(3, 2, 3, 2).swapaxes(0, 1).reshape(w.shape))),
    ("separable", "depthwise/kernel-flipped", flip(-1, -2)),
    ("spatial", "row/kernel-flipped", flip(-1, number=1)),
    ("flattened", "vertical/kernel-flipped", flip(-2, number=1)),
    ("2-D", "kernel-without-last-height", weights(lost(ALL, ALL, -1))),
    ("2-D", "kernel-without-last-tap", weights(lost(ALL, ALL, -1, -1))),
    # where the windows lie
    ("2-D", "padding-missing", stage(padding=())),
    ("2-D", "padding-0:1", stage(padding=((0, 1), (0, 1)))),
    ("2-D", "stride-1x2", stage(stride=(1, 2))),
    ("2-D", "dilation-2x1", stage(dilation=(2, 1))),
    ("dilated", "dilation-1x1", stage(dilation=(1, 1))),
    ("spatial", "column/phase-1-height", input_as(lambda x: x[:, :, 1:])),
    ("square", "mode-reflect", stage(mode="reflect")),
    ("square", "mode-circular", stage(mode="circular")),
    ("separable", "depthwise/mode-replicate", stage(mode="replicate")),
    ("square", "border-zero", without_border(kept=False)),
    ("square", "border-input", without_border(kept=True)),
    # transposed
    ("transposed", "kernel-flipped", flip(-1, -2)),
    ("transposed", "padding-0x1:0-0x2", stage(padding=((0, 1), (1, 0)))),
    ("transposed 1-D", "padding-1:2-0", stage(padding=((1, 3),))),
    ("transposed", "output-padding-missing", stage(output_padding=())),
    ("transposed", "output-padding-zero", lengthened_by(zeros=True)),
    ("transposed", "output-padding-blank", lengthened_by(zeros=False)),
    ("transposed", "padding-missing", stage(padding=())),
    (
        "transposed", "padding-of-input",
        input_as(lambda x: np.pad(x, [(0, 0), (0, 0), (1, 0), (0, 1)]), padding=()),
    ),
    ("transposed 1-D", "groups-in-interleaved-2", input_as(lambda x: x[:, [0, 2, 1, 3]])),
    # channels
    ("grouped", "groups-in-interleaved-2", input_as(lambda x: x[:, [0, 2, 4, 1, 3, 5]])),
    ("grouped", "groups-out-interleaved-2", output_as(lambda y: y[:, [0, 2, 1, 3]])),
    (
        "grouped", "groups-interleaved-2",
        lambda layer: output(replace(layer, x=layer.x[:, [0, 2, 4, 1, 3, 5]]))[:, [0, 2, 1, 3]],
    ),
    ("grouped", "groups-reversed", input_as(lambda x: x[:, [3, 4, 5, 0, 1, 2]])),
    ("shuffled", "shuffle-missing", stage(shuffle=0)),
    ("shuffled", "shuffle-inverse", stage(shuffle=2)),
    ("2-D", "channel-last-lost", weights(lost(ALL, -1))),
    ("2-D", "channel-first-only", weights(lost(ALL, slice(1, None)))),
    ("2-D", "output-channels-moved", output_as(lambda y: y[:, [3, 0, 1, 5, 4, 2]])),
    ("pointwise", "input-channels-reversed", input_as(lambda x: x[:, ::-1])),
    # input and output as a whole
    ("2-D", "input-flipped-height-width", input_as(lambda x: x[..., ::-1, ::-1])),
    ("square", "input-axes-width-height", input_as(lambda x: x.swapaxes(2, 3))),
    ("2-D", "input-written-HWC", input_as(lambda x: x.transpose(0, 2, 3, 1).reshape(x.shape))),
    ("2-D", "input-read-HWC", input_as(lambda x: x.reshape(2, 9, 11, 4).transpose(0, 3, 1, 2))),
    ("2-D", "output-order-HWC", output_as(lambda y: y.transpose(0, 2, 3, 1))),
    ("2-D", "output-axes-width-height", output_as(lambda y: y.swapaxes(2, 3))),
    ("3-D", "output-order-DHWC", output_as(lambda y: np.moveaxis(y, 1, -1))),
    # values
    ("1-D", "bias-missing", biased(lambda _: None)),
    ("2-D", "bias-twice", biased(lambda b: 2 * b)),
    ("separable", "pointwise/bias-subtracted", biased(lambda b: -b)),
    ("2-D", "bias-other", biased(lambda b: b + np.array([5, 0, 7, 1, 2, 3]))),
    ("shuffled", "bias-added", output_as(lambda y: y + np.array([5, 0, 7, 1, 2, 3]).reshape(-1, 1, 1))),
    ("2-D", "constant", output_as(lambda y: y + 7)),
    ("2-D", "activation-relu", output_as(lambda y: np.maximum(y, 0))),
    ("2-D", "scale-1/255", output_as(lambda y: y / 255)),
    ("2-D", "mean", output_as(lambda y: y / 24)),
    ("grouped", "factor", output_as(lambda y: 3.7 * y)),
    (
        "grouped", "normalized",
        output_as(lambda y: y * np.array([2, 3, 1, 4]).reshape(-1, 1, 1) + np.array([1, 2, 3, 4]).reshape(-1, 1, 1)),
    ),
    # integers
    ("2-D", "wrapped-int8", output_as(wrapped(8))),
    ("2-D", "wrapped-uint8", output_as(lambda y: y % 256)),
    ("2-D", "saturated-int8", output_as(lambda y: np.clip(y, -128, 127))),
    ("2-D", "shifted-3-floor", output_as(lambda y: y >> 3)),
    ("2-D", "shifted-1-even-int8", output_as(lambda y: np.clip(np.rint(y / 2), -128, 127))),
    ("2-D", "unsigned-16", output_as(lambda y: np.where(y < 0, y + 65536, y))),
    # two at once
    ("1-D", "kernel-flipped + activation-relu", lambda layer: np.maximum(flip(-1)(layer), 0)),
    (
        "1-D", "bias-missing + kernel-flipped",
        lambda layer: output(layer.but(w=np.flip(layer.stages[0].w, 2), b=None)),
    ),
    (
        "1-D", "kernel-flipped + padding-1:2",
        lambda layer: output(layer.but(w=np.flip(layer.stages[0].w, 2), padding=((1, 2),))),
    ),
    (
        "transposed 1-D", "groups-in-interleaved-2 + kernel-flipped",
        lambda layer: flip(-1)(replace(layer, x=layer.x[:, [0, 2, 1, 3]])),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "id", "mistake"), MISTAKES, ids=[f"{name}: {id}" for name, id, _ in MISTAKES])
def test_every_mistake_is_named(layer: str, id: str, mistake: Mistake) -> None:
    right, y = LAYERS[layer], mistake(LAYERS[layer])
    found = asked(right.x, right.kernels, y, b=right.bias, **right.options)
    assert not found["agrees"]
    assert id in names(found)
    fix = found["explanations"][0]["fix"]
    assert not fix or mended(right.x, right.kernels, y, fix, b=right.bias, **right.options)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_right_output_of_every_type_agrees(layer: str) -> None:
    right = LAYERS[layer]
    found = asked(right.x, right.kernels, output(right), b=right.bias, **right.options)
    assert found["agrees"]
    assert (found["max_abs_error"], found["explanations"], found["first_difference"]) == (0, [], [])
