"""Arrays in .npy files: read without trusting the file, written without losing the file that was there."""

from __future__ import annotations

import io
import os
import secrets
import shlex
import stat
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from math import prod
from typing import BinaryIO, cast

import numpy as np
from numpy.lib import format as npy_format

from convcalc.errors import DataError
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
        raise DataError(f"{name}: must be a readable .npy file, got {_reason(error)}; check the name") from None
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        # open() refuses names with a NUL in them
        raise DataError(f"{name}: must be a file name, got {error}; check the name") from None


def write_npy(path: str, array: np.ndarray) -> None:
    """Writes an array to exactly this path, or to stdout for `-`.

    A temporary file in the same directory is written and then renamed, so that a full disk or an interrupt leaves the
    old file as it was; an existing file keeps its mode, a symbolic link stays one. Devices and pipes are written
    directly. Raises DataError if that fails; a reader of stdout that went away is a BrokenPipeError.
    """
    check_writable(path)
    try:
        if path == "-":
            _write(sys.stdout.buffer, array)
            sys.stdout.buffer.flush()
            return
        target = os.path.realpath(path)
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "wb") as file:
                _write(file, array)
            return
        _replace(target, mode, array)
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "stdout" if path == "-" else shown(path)
        raise DataError(f"{name}: must be written whole, got {_reason(error)}; try another place") from None


def check_writable(path: str) -> None:
    """Raises DataError if writing to this path is sure to fail, so that nothing is computed in vain."""
    if path == "-":
        if sys.stdout is None or sys.stdout.isatty():
            raise DataError("stdout: binary data needs a file or a pipe, got a terminal; redirect it or name a file")
        return
    name = shown(path)
    try:
        target = os.path.realpath(path)
        mode = _mode(target)
    except (OSError, ValueError) as error:
        raise DataError(f"{name}: must be a file to write, got {_reason(error)}; choose another place") from None
    folder = os.path.dirname(target)
    if (mode is not None and stat.S_ISDIR(mode)) or not path or path.endswith(os.sep):
        raise DataError(f"{name}: must be a file to write, got a directory; add a file name")
    if not os.path.isdir(folder):
        raise DataError(f"{name}: its directory must exist, got no {shown(folder)}; create it first")
    if mode is not None and not os.access(target, os.W_OK):
        raise DataError(f"{name}: must be writable, got a file without write permission; choose another name")
    if (mode is None or stat.S_ISREG(mode)) and not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(
            f"{name}: its directory must be writable, got no write permission on {shown(folder)}; choose another place"
        )


def check_output(path: str, inputs: Iterable[str], force: bool = False) -> None:
    """Raises DataError unless an array may be written to this path: a .npy file that is none of the inputs.

    With `force` an input is overwritten, under whatever names it has. Devices and pipes have no extension.
    """
    check_writable(path)
    mode = None if path == "-" else _mode(path)
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


def shown(path: str) -> str:
    r"""A file name for messages, without control characters to steer a terminal with.

    >>> print(shown("a\x1b[31m\n.npy"))
    a\x1b[31m\n.npy
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path) or "''"


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


def _replace(target: str, mode: int | None, array: np.ndarray) -> None:
    """Writes a temporary file next to `target` and renames it, with the mode of the file it replaces."""
    temporary = os.path.join(os.path.dirname(target), f".convcalc-{secrets.token_hex(8)}.tmp")
    try:
        # "x" creates it like any new file, so that the umask decides if no mode is given.
        with open(temporary, "xb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            _write(file, array)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:  # KeyboardInterrupt too: nothing is left behind
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(path: str) -> int | None:
    """Type and permissions of the file at a path, None if there is none."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)


def _short(value: object) -> str:
    text = shown(str(value))
    return text if len(text) <= 80 else f"{text[:80]}..."
