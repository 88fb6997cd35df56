"""Elements moved and left out, but not changed: channels shuffled, axes cut, padded and gathered."""

from __future__ import annotations

import numpy as np

from convcalc.graph.primitives import Pad, Slice, Take


def shuffled(x: np.ndarray, groups: int) -> np.ndarray:
    """Channels (groups, n) as (n, groups), C-contiguous.

    >>> shuffled(np.arange(6).reshape(1, 6, 1), 2).ravel().tolist()
    [0, 3, 1, 4, 2, 5]
    """
    batch, channels, *spatial = x.shape
    dealt = x.reshape(batch, groups, channels // groups, *spatial).swapaxes(1, 2)
    return np.ascontiguousarray(dealt).reshape(x.shape)


def sliced(primitive: Slice, x: np.ndarray) -> np.ndarray:
    """A view of the positions first, first + step, ... along one axis."""
    stop = primitive.first + primitive.length * primitive.step
    part = slice(primitive.first, None if stop < 0 else stop, primitive.step)  # a stop of -1 would mean the last
    return x[(slice(None),) * primitive.axis + (part,)]


def taken(primitive: Take, x: np.ndarray) -> np.ndarray:
    """Positions of one axis by number, in an array of the primitive's shape at that axis's place."""
    axis = primitive.axis
    gathered: np.ndarray = np.take(x, primitive.indices, axis)
    return gathered.reshape(*x.shape[:axis], *primitive.shape, *x.shape[axis + 1 :])


def padded(primitive: Pad, x: np.ndarray) -> np.ndarray:
    """Negative numbers crop; positive ones are then added, by NumPy's mode of that name."""
    kept = tuple(
        slice(max(0, -before), size - max(0, -after))
        for (before, after), size in zip(primitive.pairs, x.shape, strict=True)
    )
    added = [(max(0, before), max(0, after)) for before, after in primitive.pairs]
    if primitive.mode == "constant":
        return np.pad(x[kept], added, constant_values=primitive.value)
    return np.pad(x[kept], added, primitive.mode)  # type: ignore[call-overload,no-any-return]
