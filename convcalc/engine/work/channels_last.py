"""The padded input with its channels last, which is how tiles and taps are found in long runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod

import numpy as np

from convcalc.engine import tuning
from convcalc.engine.padded import Pieces
from convcalc.engine.work.blocks import even_parts
from convcalc.engine.work.gather import clear_gaps, copy_padded, copy_pieces


def copy_channels_last(x: np.ndarray, axes: Sequence[Pieces], slab: np.ndarray, spare: np.ndarray) -> None:
    """Writes the padded input into `slab`, both (batch, groups, channels, *spatial), where channels vary fastest.

    One value of every channel is read in turn, and the lines they are in must stay in the cache for the next. Planes a
    multiple of a large power of two apart share few places of it; then they are read some channels at a time, or first
    copied to `spare`, a flat workspace of `spare_values`, where planes are an odd number of lines apart.
    """
    apart = gcd(abs(x.strides[2]), tuning.CACHE_WAY)
    together = tuning.CACHE_WAY // max(apart, tuning.CACHE_LINE) * tuning.CACHE_WAYS
    channels = x.shape[2]
    if channels <= together or together >= tuning.MIN_CHANNELS_TOGETHER:
        clear_gaps(axes, slab)
        step = even_parts(channels, together)
        for start in range(0, channels, step):
            some = slice(start, start + step)
            copy_pieces(x[:, :, some], axes, slab[:, :, some])
        return
    sizes = slab.shape[3:]
    plane = _odd_lines(prod(sizes), slab.itemsize)
    padded = spare[: prod(slab.shape[:3]) * plane].reshape(*slab.shape[:3], plane)[..., : prod(sizes)]
    padded = padded.reshape(slab.shape)
    copy_padded(x, axes, padded)
    slab[...] = padded


def spare_values(planes: int, plane: int, itemsize: int) -> int:
    """Values that `copy_channels_last` may need to copy so many planes to first."""
    return planes * _odd_lines(plane, itemsize)


def _odd_lines(values: int, itemsize: int) -> int:
    """At least so many values, an odd number of the cache's lines."""
    lines = -(-values * itemsize // tuning.CACHE_LINE)
    return (lines + (lines + 1) % 2) * tuning.CACHE_LINE // itemsize
