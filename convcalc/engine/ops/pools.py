"""Maxima and averages over windows, one axis at a time, since the axes are independent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from convcalc.axis.window import Window
from convcalc.graph.primitives import Pool, windows
from convcalc.notation import Axes

NORMS = {f"l{power}": power for power in range(1, 17)}
"""Pools that give the p-norm of the values under the window, by name."""
POOLED = ("max", "avg", *NORMS)


def pool(primitive: Pool, x: np.ndarray) -> np.ndarray:
    """The primitive's output for x (batch, channels, *spatial); its padding must be numbers.

    A maximum ignores the padding, as if it were -inf. An average divides by the pixels of the window that lie in the
    padded input, or without `count_include_pad` in the input; pixels beyond the end, which `ceil_mode` adds, never
    count. A p-norm is the sum of the p-th powers of magnitudes, to 1/p.
    Source: PyTorch, torch.nn.functional.max_pool2d and avg_pool2d.
    """
    power = NORMS.get(primitive.kind)
    out = x if power is None else np.abs(x) ** power
    for axis, window in enumerate(windows(primitive), 2):
        starts = window_starts(x.shape[axis], window, primitive.ceil_mode)
        if primitive.kind == "max":
            out = _over_window(out, axis, window, starts, -np.inf, np.maximum)
        elif primitive.kind in NORMS:
            out = _over_window(out, axis, window, starts, 0.0, np.add)
        else:
            out = _over_window(out, axis, window, starts, 0.0, np.add)
            divisor = _counted(x.shape[axis], window, starts, primitive.count_include_pad).astype(out.dtype)
            out = out / divisor.reshape(-1, *(1,) * (x.ndim - axis - 1))
    return out if power is None else np.asarray(out ** (1 / power), x.dtype)


def window_starts(size: int, window: Window, ceil_mode: bool) -> range:
    """Where windows begin on the padded axis; with `ceil_mode` also one that begins inside and ends beyond it.

    >>> list(window_starts(6, Window(3, stride=2), False)), list(window_starts(6, Window(3, stride=2), True))
    ([0, 2], [0, 2, 4])
    """
    last = window.before + size + window.after - window.extent
    if not ceil_mode:
        return range(0, last + 1, window.stride)
    return range(0, min(last + window.stride, window.before + size), window.stride)


def _over_window(
    x: np.ndarray, axis: int, window: Window, starts: range, fill: float, join: Callable[..., np.ndarray]
) -> np.ndarray:
    """The values under every window along one axis joined by a function of two arrays, `fill` in the padding."""
    end = starts[-1] + window.extent
    room = max(0, end - window.before - x.shape[axis])
    if window.before or room:
        pairs = [(0, 0)] * x.ndim
        pairs[axis] = (window.before, room)
        x = np.pad(x, pairs, constant_values=fill)
    taps = [
        x[(slice(None),) * axis + (slice(first, first + starts[-1] + 1, window.stride),)]
        for first in range(0, window.extent, window.dilation)
    ]
    out = taps[0].copy()
    for tap in taps[1:]:
        join(out, tap, out=out)
    return out


def _counted(size: int, window: Window, starts: range, padding_too: bool) -> np.ndarray:
    """The number of pixels to divide the sum under each window by, along one axis."""
    low, high = (0, window.before + size + window.after) if padding_too else (window.before, window.before + size)
    taps = np.array(starts)[:, np.newaxis] + np.arange(0, window.extent, window.dilation)
    inside: np.ndarray = ((taps >= low) & (taps < high)).sum(axis=1)
    return inside


def adaptive_pool(kind: str, x: np.ndarray, sizes: Axes) -> np.ndarray:
    """The last axes of x pooled to `sizes`: position i of n reads floor(i*size/n) up to ceil((i + 1)*size/n)."""
    joined = np.max if kind == "max" else np.mean
    for axis, count in enumerate(sizes, x.ndim - len(sizes)):
        size = x.shape[axis]
        if count != size:
            before = (slice(None),) * axis
            ranges = [slice(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
            x = np.stack([joined(x[(*before, part)], axis=axis) for part in ranges], axis=axis)
    return x


REDUCED: dict[str, Callable[[np.ndarray, Axes], np.ndarray]] = {
    "mean": lambda x, axes: np.mean(x, axes, keepdims=True),
    "max": lambda x, axes: np.max(x, axes, keepdims=True),
    "min": lambda x, axes: np.min(x, axes, keepdims=True),
    "sum": lambda x, axes: np.sum(x, axes, keepdims=True),
    "prod": lambda x, axes: np.prod(x, axes, keepdims=True),
    "l1": lambda x, axes: np.sum(np.abs(x), axes, keepdims=True),
    "l2": lambda x, axes: np.sqrt(np.sum(x * x, axes, keepdims=True)),
    "sum_square": lambda x, axes: np.sum(x * x, axes, keepdims=True),
    "log_sum": lambda x, axes: np.log(np.sum(x, axes, keepdims=True)),
    "log_sum_exp": lambda x, axes: np.logaddexp.reduce(x, axes, keepdims=True),
}
"""Functions that reduce some axes to length 1, by name."""


def reduced(kind: str, x: np.ndarray, axes: Sequence[int], keep: bool) -> np.ndarray:
    """The axes reduced to one value each, which stay with length 1 if `keep`."""
    out = REDUCED[kind](x, tuple(axes))
    return out if keep else out.reshape([n for axis, n in enumerate(out.shape) if axis not in axes])
