"""Parts of arrays in .npy files that are too large for memory, read and written region by region."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from numpy.lib import format as npy_format

from convcalc.errors import DataError
from convcalc.notation import Axes
from convcalc.storage.files import shown
from convcalc.storage.npy import read_header
from convcalc.storage.source import HEAD, SLAB


class Stored(NamedTuple):
    """An array in an open .npy file: its shape and dtype, and the byte that it begins at.

    `again` is how x must be saved for its rows to be read by themselves, empty if they can be.
    """

    name: str
    file: BinaryIO
    shape: Axes
    dtype: np.dtype
    begin: int
    again: str = ""


@contextmanager
def stored(path: str) -> Iterator[Stored | None]:
    """The array in a regular .npy file; None for anything else."""
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed below; what cannot be opened is refused by the reader
    except (OSError, ValueError):
        yield None
        return
    with file:
        status = os.fstat(file.fileno())
        found = None
        if stat.S_ISREG(status.st_mode) and file.read(HEAD).startswith(b"\x93NUMPY"):
            file.seek(0)
            found = _described(shown(path), file, status.st_size)
        yield found


def _described(name: str, file: io.BufferedReader, size: int) -> Stored | None:
    try:
        shape, fortran, dtype, begin = read_header(name, file)
    except DataError:
        return None
    whole = begin + prod(shape) * dtype.itemsize == size
    # Of bools all bytes are checked before any is used.
    again = "x.astype('u1', order='C')" if dtype.kind == "b" else "numpy.ascontiguousarray(x)" if fortran else ""
    return Stored(name, file, shape, dtype, begin, again) if whole else None


def read_region(array: Stored, region: Sequence[slice]) -> np.ndarray:
    """The values under one slice per axis (start and stop), read run by run."""
    out = np.empty([part.stop - part.start for part in region], array.dtype)
    flat, at, file = out.reshape(-1).view(np.uint8).data, 0, cast(io.BufferedReader, array.file)
    for begin, count in _runs(array.shape, region, array.dtype.itemsize):
        file.seek(array.begin + begin)
        end = at + count
        while at < end:
            got = file.readinto(flat[at : min(end, at + SLAB)])
            if not got:
                raise DataError(f"{array.name}: must stay as it is while it is read, got a shorter file")
            at += got
    return out


def begin_array(file: BinaryIO, name: str, shape: Axes, dtype: np.dtype) -> Stored:
    """An array of this shape in a file that is being written, without its values."""
    header = io.BytesIO()
    described = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy_format.write_array_header_1_0(header, described)
    file.write(header.getvalue())
    return Stored(name, file, shape, dtype, header.tell())


def write_region(array: Stored, region: Sequence[slice], values: np.ndarray) -> None:
    """Puts values under one slice per axis (start and stop)."""
    flat, at = np.ascontiguousarray(values, array.dtype).reshape(-1).view(np.uint8).data, 0
    for begin, count in _runs(array.shape, region, array.dtype.itemsize):
        array.file.seek(array.begin + begin)
        for start in range(at, at + count, SLAB):
            array.file.write(flat[start : min(at + count, start + SLAB)])
        at += count


def _runs(shape: Axes, region: Sequence[slice], item: int) -> Iterator[tuple[int, int]]:
    """(first byte, bytes) of every run of a region that lies side by side in the file, in order."""
    whole = len(shape)  # the axes from here on are taken whole
    while whole and region[whole - 1] == slice(0, shape[whole - 1]):
        whole -= 1
    if not whole:
        yield 0, prod(shape) * item
        return
    last, inner = region[whole - 1], prod(shape[whole:]) * item
    strides = [prod(shape[axis + 1 :]) * item for axis in range(whole - 1)]
    outer = [range(part.start, part.stop) for part in region[: whole - 1]]
    for number in range(prod(map(len, outer))):
        begin, left = last.start * inner, number
        for axis, stride in zip(reversed(outer), reversed(strides), strict=True):
            left, place = divmod(left, len(axis))
            begin += axis[place] * stride
        yield begin, (last.stop - last.start) * inner
