"""Arrays in .npy files: read without trusting the file, written without losing the file that was there."""

from __future__ import annotations

import io
import os
import shlex
import stat
import sys
import warnings
from collections.abc import Iterable
from math import prod
from typing import BinaryIO, cast

import numpy as np
from numpy.lib import format as npy_format

from convcalc.errors import DataError
from convcalc.storage.files import check_writable, mode_of, reason, shown, write_file
from convcalc.storage.memory import available_memory

MAX_HEADER = 10_000  # bytes; NumPy writes 128 for any plain array
MAX_AXES = 32
SLAB = 16 * 2**20  # bytes moved at a time, so that Ctrl-C is heard

_SAVE_AGAIN = "save the array again with numpy.save"


class _Header:
    """Reads a header and counts its bytes; refuses the length of up to 4 GiB that a header may claim."""

    def __init__(self, source: io.BufferedReader) -> None:
        self.source = source
        self.bytes = 0

    def read(self, size: int = 0, /) -> bytes:
        if size > MAX_HEADER:
            raise ValueError("header too long")
        data = self.source.read(size)
        self.bytes += len(data)
        return data


def read_npy(path: str) -> np.ndarray:
    """The array in a .npy file, or on stdin for `-`, with its dtype, byte order and Fortran order.

    Never unpickles. Accepts bool, integers, floats and complex numbers in format versions 1.0 and 2.0, with
    positive dimensions and exactly as many bytes of data as they need, if those fit the available memory.
    Raises DataError for anything else, before memory is allocated if the size can be known.
    Source: the format's description in numpy.lib.format.
    """
    name = "stdin" if path == "-" else shown(path)
    try:
        if path == "-":
            if sys.stdin is None:
                raise DataError("stdin: must be open, got a closed one; name a file instead")
            return _read(name, cast("io.BufferedReader", sys.stdin.buffer), None)
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            return _read(name, file, status.st_size if stat.S_ISREG(status.st_mode) else None)
    except OSError as error:
        raise DataError(f"{name}: must be a readable .npy file, got {reason(error)}; check the name") from None
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        # open() refuses names with a NUL in them
        raise DataError(f"{name}: must be a file name, got {error}; check the name") from None


def write_npy(path: str, array: np.ndarray) -> None:
    """Writes an array to exactly this path, or to stdout for `-`, as `write_file` does."""
    write_file(path, lambda file: _write(file, array))


def check_output(path: str, inputs: Iterable[str], force: bool = False) -> None:
    """Raises DataError unless an array may be written to this path: a .npy file that is none of the inputs.

    With `force` an input is overwritten, under whatever names it has. Devices and pipes have no extension.
    """
    check_writable(path)
    mode = None if path == "-" else mode_of(path)
    if path == "-" or (mode is not None and not stat.S_ISREG(mode)):
        return
    name, (stem, extension) = shown(path), os.path.splitext(path)
    if extension.lower() != ".npy":
        raise DataError(
            f"{name}: the output is a .npy file, got {f'the extension {extension}' if extension else 'no extension'}; "
            f"use -o {shlex.quote(f'{shown(stem)}.npy')}"
        )
    if mode is not None and not force:
        same = next((each for each in inputs if _is_file(each, path)), None)
        if same is not None:
            raise DataError(f"{name}: the output must not be an input, got the file of {shown(same)}; add --force")


def _is_file(input: str, path: str) -> bool:
    """Whether an input, or what is redirected to stdin, is the file at this path, under whatever name."""
    try:
        return os.path.samestat(os.fstat(sys.stdin.fileno()) if input == "-" else os.stat(input), os.stat(path))
    except (OSError, ValueError, AttributeError):  # an input that cannot be read is refused when it is read
        return False


def _read(name: str, source: io.BufferedReader, size: int | None) -> np.ndarray:
    """The array in a source of `size` bytes, None if only reading tells."""
    header = _Header(source)
    shape, fortran, dtype = _read_header(name, header)
    needed = prod(shape) * dtype.itemsize
    promise = f"{needed} bytes of data as shape {_short(shape)} of {dtype} needs"
    if size is not None and size - header.bytes != needed:
        raise DataError(f"{name}: must hold {promise}, got {size - header.bytes}; {_SAVE_AGAIN}")
    available = available_memory()
    if available is not None and needed > available:
        raise DataError(f"{name}: must fit memory, got {needed} bytes with {available} available; use a smaller array")
    try:
        flat = np.empty(prod(shape), dtype)
    except (MemoryError, ValueError):
        raise DataError(f"{name}: must fit memory, got {needed} bytes; use a smaller array") from None
    view = flat.view(np.uint8).data
    done = 0
    while done < needed:
        got = source.readinto(view[done : done + SLAB])
        if not got:
            raise DataError(f"{name}: must hold {promise}, got {done}; {_SAVE_AGAIN}")
        done += got
    if source.read(1):
        raise DataError(f"{name}: must hold {promise}, got more; {_SAVE_AGAIN}")
    if dtype.kind == "b" and flat.view(np.uint8).max() > 1:
        raise DataError(f"{name}: bools must be bytes 0 and 1, got {flat.view(np.uint8).max()}; {_SAVE_AGAIN}")
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _read_header(name: str, header: _Header) -> tuple[tuple[int, ...], bool, np.dtype]:
    magic = header.read(npy_format.MAGIC_LEN)
    if not magic:
        raise DataError(f"{name}: must be a .npy file, got an empty one; {_SAVE_AGAIN}")
    if magic.startswith(b"PK"):
        raise DataError(f"{name}: must be a .npy file, got a zip archive such as .npz; unpack it and name one array")
    try:
        version = npy_format.read_magic(io.BytesIO(magic))
    except ValueError:
        raise DataError(f"{name}: must be a .npy file, got other data; {_SAVE_AGAIN}") from None
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    if version not in readers:  # 3.0 differs in the names of fields, and plain numbers have none
        raise DataError(
            f"{name}: .npy version must be 1.0 or 2.0, got {version[0]}.{version[1]}; "
            "save a plain array with numpy.save"
        )
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
    return shape, fortran, dtype


def _write(target: BinaryIO, array: np.ndarray) -> None:
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
