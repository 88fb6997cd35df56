"""Arrays in .npy files: read without trusting the file."""

from __future__ import annotations

import io
import warnings
from math import prod
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from convcalc.errors import DataError
from convcalc.storage.files import shown
from convcalc.storage.source import SLAB, Readable, Source, check_fits

MAX_HEADER = 10_000  # bytes; NumPy writes 128 for any plain array
MAX_AXES = 32

_SAVE_AGAIN = "save the array again with numpy.save"


class _Header:
    """Reads a header and counts its bytes; refuses the length of up to 4 GiB that a header may claim."""

    def __init__(self, source: Readable) -> None:
        self.source = source
        self.bytes = 0

    def read(self, size: int = 0, /) -> bytes:
        if size > MAX_HEADER:
            raise ValueError("header too long")
        data = self.source.read(size)
        self.bytes += len(data)
        return data


def read_npy(source: Source) -> np.ndarray:
    """The array in a .npy file, with its dtype, byte order and Fortran order.

    Never unpickles. Accepts bool, integers, floats and complex numbers in the format's versions 1 to 3, with
    positive dimensions and exactly as many bytes of data as they need, if those fit the available memory.
    Raises DataError for anything else, before memory is allocated if the size can be known.
    Source: the format's description in numpy.lib.format.
    """
    name, stream, size, _ = source
    shape, fortran, dtype, begin = read_header(name, stream)
    needed = prod(shape) * dtype.itemsize
    promise = f"{needed} bytes of data as shape {_short(shape)} of {dtype} needs"
    if size is not None and size - begin != needed:
        raise DataError(f"{name}: must hold {promise}, got {size - begin}; {_SAVE_AGAIN}")
    check_fits(name, needed)
    try:
        flat = np.empty(prod(shape), dtype)
    except (MemoryError, ValueError):
        raise DataError(f"{name}: must fit memory, got {needed} bytes; use a smaller array") from None
    view = flat.view(np.uint8).data
    done = 0
    while done < needed:
        got = stream.readinto(view[done : done + SLAB])
        if not got:
            raise DataError(f"{name}: must hold {promise}, got {done}; {_SAVE_AGAIN}")
        done += got
    if stream.read(1):
        raise DataError(f"{name}: must hold {promise}, got more; {_SAVE_AGAIN}")
    if dtype.kind == "b" and flat.view(np.uint8).max() > 1:
        raise DataError(f"{name}: bools must be bytes 0 and 1, got {flat.view(np.uint8).max()}; {_SAVE_AGAIN}")
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def read_header(name: str, stream: Readable) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, whether in Fortran order, dtype, and the bytes of a file's header. Raises DataError, naming the file."""
    header = _Header(stream)
    magic = header.read(npy_format.MAGIC_LEN)
    if not magic:
        raise DataError(f"{name}: must be a .npy file, got an empty one; {_SAVE_AGAIN}")
    try:
        version = npy_format.read_magic(io.BytesIO(magic))
    except ValueError:
        raise DataError(f"{name}: must be a .npy file, got other data; {_SAVE_AGAIN}") from None
    # 3.0 differs from 2.0 in the names of fields alone, and plain numbers have none.
    two = npy_format.read_array_header_2_0
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): two, (3, 0): two}
    if version not in readers:
        raise DataError(f"{name}: .npy version must be 1.0 to 3.0, got {version[0]}.{version[1]}; {_SAVE_AGAIN}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers written by Python 2 are fine
            shape, fortran, dtype = readers[version](header, max_header_size=MAX_HEADER)
    except OSError:
        raise
    except Exception:  # damaged headers come out of ast, tokenize and dtype as errors of a dozen types
        raise DataError(f"{name}: must have a whole .npy header, got a damaged one; {_SAVE_AGAIN}") from None
    if dtype.hasobject:
        raise DataError(f"{name}: must hold numbers, got Python objects, which are never unpickled; save numbers")
    if dtype.kind not in "biufc":
        raise DataError(
            f"{name}: must hold bools, integers, floats or complex numbers, got {_short(dtype)}; convert it first"
        )
    if any(length < 1 for length in shape) or len(shape) > MAX_AXES:
        raise DataError(
            f"{name}: must have at most {MAX_AXES} axes, none of them empty, got shape {_short(shape)}; {_SAVE_AGAIN}"
        )
    if prod(shape) * dtype.itemsize >= 2**63:  # Python integers, which do not wrap around to something small
        raise DataError(f"{name}: must hold less than 2^63 bytes of data, got shape {_short(shape)}; {_SAVE_AGAIN}")
    return shape, fortran, dtype, header.bytes


def write_npy(target: BinaryIO, array: np.ndarray) -> None:
    """Writes an array as a .npy file, format version 1.0."""
    npy_format.write_array_header_1_0(target, npy_format.header_data_from_array_1_0(array))
    # Slabs, because ndarray.tofile wants to seek, which pipes cannot.
    slabs = np.nditer(
        array,
        flags=["external_loop", "buffered"],
        buffersize=max(1, SLAB // array.itemsize),
        order="F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C",
    )
    for slab in slabs:
        target.write(np.asarray(slab).tobytes("C"))


def _short(value: object) -> str:
    text = shown(str(value))
    return text if len(text) <= 80 else f"{text[:80]}..."
