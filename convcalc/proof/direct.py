"""The definition itself, output by output, which the engine's values are checked against.

Nothing is shared with the engine: every output gathers the input values under its taps, multiplies them by its
weights and sums in a wider type.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import prod

import numpy as np

from convcalc.axis.window import Window
from convcalc.graph.primitives import Convolution, TransposedCorrelate, windows

WIDE = {
    np.dtype(result): np.dtype(wide)
    for result, wide in (
        (np.int64, np.int64),
        (np.float16, np.float64),
        (np.float32, np.float64),
        (np.float64, np.longdouble),
        (np.complex64, np.complex128),
        (np.complex128, np.clongdouble),
    )
}
"""For every dtype of a result, one in which a sum's own error is negligible; integers are exact."""


@dataclass(frozen=True, slots=True)
class DirectSums:
    """Outputs (positions, filters): their values, the sums of their finite products' magnitudes, their terms.

    `largest`, (positions, 1), is the largest finite magnitude of the input under each window.
    """

    values: np.ndarray
    magnitudes: np.ndarray
    terms: np.ndarray
    largest: np.ndarray


def direct_sums(
    primitive: Convolution,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    positions: np.ndarray,
    filters: np.ndarray,
    dtype: np.dtype,
    padding_mode: str = "zeros",
) -> DirectSums:
    """The outputs of `filters` (all in one group) at some positions, by the definition, computed in `dtype`.

    x: (batch, channels, *spatial); weight in the primitive's layout; positions: (count, 1 + dims), batch first.
    """
    group = int(filters[0]) // (primitive.out_channels // primitive.groups)
    per_group = primitive.in_channels // primitive.groups
    channels = np.arange(group * per_group, (group + 1) * per_group)
    transposed = isinstance(primitive, TransposedCorrelate)
    axes = range(x.ndim - 2)
    met = []
    for axis, (size, window) in enumerate(zip(x.shape[2:], windows(primitive), strict=True)):
        at = positions[:, 1 + axis, np.newaxis]
        taps = _reaching(at, size, window) if transposed else _under_taps(at, size, window, padding_mode)
        met.append(taps.reshape(-1, 1, *(window.kernel if a == axis else 1 for a in axes)))
    here = reduce(np.logical_and, [pixels >= 0 for pixels in met])  # (positions, 1, *kernel)
    batch, channel = positions[:, 0].reshape(-1, 1, *(1 for _ in axes)), channels.reshape(-1, *(1 for _ in axes))
    seen = x[(batch, channel, *(np.maximum(pixels, 0) for pixels in met))].astype(dtype)
    if transposed:
        own = weight[channels][:, filters - group * weight.shape[1]].swapaxes(0, 1)
    else:
        own = weight[filters]
        seen[~np.broadcast_to(here, seen.shape)] = 0  # padding is zero
    with np.errstate(all="ignore"):
        products = seen[:, np.newaxis] * own.astype(dtype)
        if transposed:  # a tap without an input has no product at all, not even with a weight of NaN
            products[~np.broadcast_to(here[:, np.newaxis], products.shape)] = 0
        products = products.reshape(*products.shape[:2], -1)
        values, sizes = products.sum(axis=-1), np.abs(products)
        sizes[~np.isfinite(sizes)] = 0
        magnitudes = sizes.sum(axis=-1)
        if bias is not None:
            added = bias[filters].astype(dtype)
            values, magnitudes = values + added, magnitudes + np.where(np.isfinite(added), np.abs(added), 0)
    every = per_group * prod(primitive.kernel)
    terms = per_group * here.reshape(len(positions), -1).sum(axis=1) if transposed else np.full(len(positions), every)
    largest = np.where(np.isfinite(seen), np.abs(seen), 0).reshape(len(positions), -1).max(axis=1)
    return DirectSums(values, magnitudes, terms[:, np.newaxis] + 1, largest[:, np.newaxis])


def _under_taps(at: np.ndarray, size: int, window: Window, mode: str) -> np.ndarray:
    """(positions, taps): the input pixel under each tap, -1 if it is a padding zero."""
    pixels = at * window.stride - window.before + np.arange(window.kernel) * window.dilation
    match mode:
        case "replicate":
            return np.clip(pixels, 0, size - 1)
        case "circular":
            return pixels % size
        case "reflect":  # the border is the mirror
            while ((pixels < 0) | (pixels >= size)).any():
                pixels = np.abs(pixels)
                pixels = np.where(pixels >= size, 2 * (size - 1) - pixels, pixels)
            return pixels
        case "zeros":
            return np.where((pixels >= 0) & (pixels < size), pixels, -1)
        case _:
            raise ValueError(f"padding mode: must be one that the engine has, got {mode}")


def _reaching(at: np.ndarray, size: int, window: Window) -> np.ndarray:
    """(positions, taps): the input pixel that reaches this output with each tap, -1 if there is none."""
    pixels, rest = np.divmod(at + window.before - np.arange(window.kernel) * window.dilation, window.stride)
    return np.where((rest == 0) & (pixels >= 0) & (pixels < size), pixels, -1)
