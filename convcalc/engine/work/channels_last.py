"""The padded input with its channels last, so that tiles and taps lie in long runs, without cache conflicts.

A cache line that is read for one value is wanted again for the next. Reading one value per channel therefore needs as
many lines in the cache as there are channels. Planes that are a multiple of a large power of two apart share few
places in the cache, and drive each other's lines out:

    planes 4096 bytes apart: all lines in one place     an odd number of lines apart: spread over all places

    place 0  [c0][c1][c2][c3][c4]  8 fit, then misses   place 0  [c0]
    place 1                                             place 1  [c1]
    place 2                                             place 2  [c2]   ...
"""

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

    If only few channels stay in the cache together, they are read that many at a time; if very few, all are first
    copied to `spare`, a flat workspace of `spare_values`, with planes an odd number of lines apart.
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
    """Values that `copy_channels_last` may need for its first copy of `planes` planes of `plane` values."""
    return planes * _odd_lines(plane, itemsize)


def _odd_lines(values: int, itemsize: int) -> int:
    """At least `values` values, in an odd number of cache lines."""
    lines = -(-values * itemsize // tuning.CACHE_LINE)
    return (lines + (lines + 1) % 2) * tuning.CACHE_LINE // itemsize
