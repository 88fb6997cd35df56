"""Normalization: values less their mean, divided by their deviation, and a scale and shift that are learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convcalc.network.operators import Normalize
from convcalc.stages import Axes

KINDS = ("batch_norm", "layer_norm", "group_norm", "instance_norm")


def normalize(operator: Normalize, x: np.ndarray, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """x (batch, channels, ...) normalized; `arrays` are scale and shift if there are any, then batch_norm's statistics.

    Variances divide by the number of values. Source: PyTorch, torch.nn.functional.batch_norm and others.
    """
    learned, statistics = (arrays[:2], arrays[2:]) if operator.shape else ((), arrays)
    along = operator.over[-len(operator.shape) :] if operator.kind == "layer_norm" else (1,)
    scale, *shift = [_aligned(array, along, x.ndim) for array in learned] or [np.ones((), x.dtype)]
    epsilon = x.dtype.type(operator.epsilon)
    if operator.kind == "batch_norm":
        mean, variance = (_aligned(array, (1,), x.ndim) for array in statistics)
        scale = scale / np.sqrt(variance + epsilon)
        out: np.ndarray = x * scale
        out += shift[0] - mean * scale if shift else -mean * scale
        return out
    if operator.kind == "group_norm":
        grouped = x.reshape(x.shape[0], operator.groups, -1, *x.shape[2:])
        out = _standard(grouped, tuple(range(2, grouped.ndim)), epsilon).reshape(x.shape)
    else:
        out = _standard(x, operator.over, epsilon)
    out = out * scale
    return np.add(out, shift[0]) if shift else out


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
