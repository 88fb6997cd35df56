"""Rows of a slab read from the file once more, by nothing but the position of their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import prod

import numpy as np

from convcalc.notation import Layout
from convcalc.storage.regions import Stored


def rows_differ(array: Stored, slab: np.ndarray, images: slice, first: int, layout: Layout, mode: str) -> bool:
    """Whether the first, the middle or the last row of a slab is not in the file where it belongs.

    slab: (images, channels, rows, *inner), whose first row is row `first` of the array, padded in a mode.
    """
    form = len(array.shape) - (slab.ndim - 2)  # how many of its axes are not spatial
    last_first = layout == "channels-last" and form > 0
    size = array.shape[form - 1 if last_first else form]
    for image in (images.start, images.stop - 1):
        for row in {0, slab.shape[2] // 2, slab.shape[2] - 1}:
            source = _source(first + row, size, mode)
            ours = slab[image - images.start, :, row].reshape(slab.shape[1], -1)
            for channels, values in _stored(array, image, source, slab.shape, size, last_first):
                if not np.array_equal(ours[channels], values, equal_nan=values.dtype.kind in "fc"):
                    return True
    return False


def _source(position: int, size: int, mode: str) -> int | None:
    """The row that a padded position shows, None for a zero; on purpose not by axis/modes.py, which placed the slab."""
    if 0 <= position < size:
        return position
    match mode:
        case "replicate":
            return min(max(position, 0), size - 1)
        case "circular":
            return position % size
        case "reflect":
            around = position % (2 * size - 2)
            return min(around, 2 * size - 2 - around)
        case _:
            return None


def _stored(
    array: Stored, image: int, row: int | None, shape: tuple[int, ...], size: int, last_first: bool
) -> Iterator[tuple[slice, np.ndarray]]:
    """(channels, their values) of a row: all channels lie together if they are last, else the first and the last."""
    channels, inner, item = shape[1], prod(shape[3:]), array.dtype.itemsize
    if row is None:
        yield slice(None), np.zeros((channels, inner), array.dtype)
    elif last_first:
        length = inner * channels * item
        data = os.pread(array.file.fileno(), length, array.begin + (image * size + row) * length)
        yield slice(None), np.frombuffer(data, array.dtype).reshape(inner, channels).T
    else:
        for channel in {0, channels - 1}:
            begin = ((image * channels + channel) * size + row) * inner * item
            data = os.pread(array.file.fileno(), inner * item, array.begin + begin)
            yield slice(channel, channel + 1), np.frombuffer(data, array.dtype)[np.newaxis]
