"""Normalization: values less their mean, divided by their deviation, then a learned scale and shift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convcalc.graph.primitives import Normalize, parameter_shapes
from convcalc.notation import Axes

KINDS = (
    "batch_norm", "layer_norm", "rms_norm", "group_norm", "instance_norm", "mean_variance_norm", "lrn", "lp_norm",
)  # fmt: skip


def normalize(primitive: Normalize, x: np.ndarray, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """x (batch, channels, ...) normalized; `arrays` are scale and shift if there are any, then batch_norm's statistics.

    Variances divide by the number of values; rms_norm does not subtract the mean.
    Source: PyTorch, torch.nn.functional.batch_norm and others; ONNX operators of these names.
    """
    count = len(parameter_shapes(primitive))
    learned, statistics = arrays[:count], arrays[count:]
    along = primitive.over[-len(primitive.shape) :] if primitive.kind in ("layer_norm", "rms_norm") else (1,)
    if primitive.kind == "group_norm":  # one scale per group is repeated for its channels
        learned = [array.repeat(x.shape[1] // array.size) for array in learned]
    aligned = [_aligned(array, along, x.ndim) for array in learned]
    scale, *shift = aligned if aligned and primitive.scale else [np.ones((), x.dtype), *aligned]
    epsilon = x.dtype.type(primitive.epsilon)
    if primitive.kind == "batch_norm":
        mean, variance = (_aligned(array, (1,), x.ndim) for array in statistics)
        scale = scale / np.sqrt(variance + epsilon)
        out: np.ndarray = x * scale
        out += shift[0] - mean * scale if shift else -mean * scale
        return out
    if primitive.kind == "lrn":
        return _local(x, dict(primitive.settings))
    if primitive.kind == "lp_norm":
        power = dict(primitive.settings)["p"]
        result: np.ndarray = x / (np.abs(x) ** power).sum(primitive.over, keepdims=True) ** x.dtype.type(1 / power)
        return result
    if primitive.kind == "rms_norm":
        out = x / np.sqrt((x * x).mean(primitive.over, keepdims=True) + epsilon)
    elif primitive.kind == "group_norm":
        grouped = x.reshape(x.shape[0], primitive.groups, -1, *x.shape[2:])
        out = _standard(grouped, tuple(range(2, grouped.ndim)), epsilon).reshape(x.shape)
    else:
        out = _standard(x, primitive.over, epsilon)
    out = out * scale
    return np.add(out, shift[0]) if shift else out


def _local(x: np.ndarray, settings: dict[str, float]) -> np.ndarray:
    """Every value by the sum of squares of `size` channels around it; if that is even, one more after it than before.

    Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3, with alpha divided by the size; ONNX operator LRN.
    """
    size, channels = int(settings["size"]), x.shape[1]
    before = (size - 1) // 2
    squares = np.pad(x * x, [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)])
    total = sum((squares[:, i : i + channels] for i in range(size)), np.zeros_like(x))
    result: np.ndarray = x / (settings["bias"] + settings["alpha"] / size * total) ** x.dtype.type(settings["beta"])
    return result


def _standard(x: np.ndarray, axes: Axes, epsilon: np.floating) -> np.ndarray:
    centred = x - x.mean(axes, keepdims=True)
    result: np.ndarray = centred / np.sqrt((centred * centred).mean(axes, keepdims=True) + epsilon)
    return result


def _aligned(array: np.ndarray, axes: Axes, rank: int) -> np.ndarray:
    """The array with its axes at these places among `rank`."""
    shape = [1] * rank
    for axis, size in zip(axes, array.shape, strict=True):
        shape[axis] = size
    return array.reshape(shape)


def softmax(x: np.ndarray, axis: int, log: bool) -> np.ndarray:
    """exp(x) over its sum along an axis, or the logarithm of that, without overflow."""
    shifted = x - x.max(axis, keepdims=True)
    total = np.exp(shifted).sum(axis, keepdims=True)
    result: np.ndarray = shifted - np.log(total) if log else np.exp(shifted) / total
    return result
