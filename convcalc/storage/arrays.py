"""Arrays from files of every form, from stdin or written out on the command line; and results written as files."""

from __future__ import annotations

import io
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple, TypeAlias, cast

import numpy as np

from convcalc.errors import DataError, shortened
from convcalc.storage.files import check_writable, mode_of, reason, shown, write_file
from convcalc.storage.source import Source, is_literal, opened

PIXELS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"P4", b"P5", b"P6")
"""How image files begin: PNG, JPEG, GIF, BMP, TIFF, WebP, portable maps."""
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".pbm", ".pgm", ".ppm")
_NPZ = re.compile(r"\.npz:", re.IGNORECASE)
Writer: TypeAlias = Callable[[BinaryIO, np.ndarray], None]


class Written(NamedTuple):
    """How an output file is written: a check of the array before, and the writing itself."""

    check: Callable[[str, np.ndarray], None]
    write: Writer


def read_array(given: str, *, channels_last: bool = False) -> np.ndarray:
    """The array that is given: a file's name, `-` for stdin, `file.npz:name`, or the numbers, as in `[[1, 2], [3, 4]]`.

    Files are read by their content: .npy, .npz, images (with the channels first unless `channels_last`), and text of
    one or two axes. Never unpickles, never maps a file. bool, integers, floats and complex numbers.
    Raises DataError, naming the file, for anything else, before memory is allocated if the size can be known.
    """
    if is_literal(given) and not os.path.exists(given):
        from convcalc.storage.text import literal

        return literal(given)
    path, member = _parted(given)
    name = "stdin" if path == "-" else shown(given)
    try:
        if path == "-":
            if sys.stdin is None:
                raise DataError("stdin: must be open, got a closed one; name a file instead")
            return _read(opened(name, cast("io.BufferedReader", sys.stdin.buffer), None), "", member, channels_last)
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            size = status.st_size if stat.S_ISREG(status.st_mode) else None
            return _read(opened(name, file, size), os.path.splitext(path)[1].lower(), member, channels_last)
    except OSError as error:
        raise DataError(f"{name}: must be a readable file with an array, got {reason(error)}; check the name") from None
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        # open() refuses names with a NUL in them
        raise DataError(f"{name}: must be a file name, got {error}; check the name") from None


def called(given: str) -> str:
    """What to call an array in messages: by its file, or by the beginning of its numbers."""
    return shortened(given) if is_literal(given) else given


def _parted(given: str) -> tuple[str, str | None]:
    """The path, and the array in it that is named after a colon, if one is; its name may have colons too."""
    ends = [found.end() - 1 for found in _NPZ.finditer(given)] if not os.path.exists(given) else []
    at = next((end for end in ends if os.path.isfile(given[:end])), ends[-1] if ends else None)
    return (given, None) if at is None else (given[:at], given[at + 1 :])


def _read(source: Source, extension: str, member: str | None, channels_last: bool) -> np.ndarray:
    """The array in a file, by its first bytes; text has none of its own, so that the extension decides about it."""
    if source.head.startswith(b"\x93NUMPY") or (extension == ".npy" and not source.head.startswith(b"PK")):
        from convcalc.storage.npy import read_npy

        return read_npy(source)
    if source.head.startswith(b"PK") or extension == ".npz":
        from convcalc.storage.npz import read_npz

        return read_npz(source, member)
    if source.head.startswith(PIXELS) or extension in IMAGES:
        from convcalc.storage.images import read_image

        return read_image(source, channels_last)
    from convcalc.storage.text import read_text

    return read_text(source)


def write_array(path: str, array: np.ndarray) -> None:
    """Writes an array to exactly this path in the form that its extension says, or as .npy to stdout for `-`.

    As `write_file` does: a file that was there is kept if anything fails. Raises DataError for an array that the form
    cannot hold.
    """
    form = _form(path)
    form.check(shown(path), array)
    write_file(path, lambda file: form.write(file, array))


def check_output(path: str, inputs: Iterable[str], force: bool = False) -> None:
    """Raises DataError unless an array may be written to this path: a file of a known form that is none of the inputs.

    With `force` an input is overwritten, under whatever names it has. Devices and pipes have no extension.
    """
    check_writable(path)
    mode = None if path == "-" else mode_of(path)
    if path == "-" or (mode is not None and not stat.S_ISREG(mode)):
        return
    name, (stem, extension) = shown(path), os.path.splitext(path)
    if extension.lower() not in (".npy", ".npz", ".csv", ".png"):
        raise DataError(
            f"{name}: the output is a .npy, .npz, .csv or .png file, got "
            f"{f'the extension {shown(extension)}' if extension else 'no extension'}; "
            f"use -o {shlex.quote(f'{shown(stem)}.npy')}"
        )
    if extension.lower() == ".png":
        from convcalc.storage.images import pillow

        pillow(name)
    if mode is not None and not force:
        same = next((each for each in inputs if _is_file(each, path)), None)
        if same is not None:
            raise DataError(f"{name}: the output must not be an input, got the file of {shown(same)}; add --force")


def _is_file(input: str, path: str) -> bool:
    """Whether an input, or what is redirected to stdin, is the file at this path, under whatever name."""
    try:
        read = os.fstat(sys.stdin.fileno()) if input == "-" else os.stat(_parted(input)[0])
        return os.path.samestat(read, os.stat(path))
    except (OSError, ValueError, AttributeError):  # an input that cannot be read is refused when it is read
        return False


def _any(name: str, array: np.ndarray) -> None:
    """For forms that hold every array."""
    del name, array


def _form(path: str) -> Written:
    """How an array is written to this path; devices and pipes get .npy."""
    match os.path.splitext(path)[1].lower():
        case ".csv":
            from convcalc.storage import text

            return Written(text.check_table, text.write_text)
        case ".png":
            from convcalc.storage import images

            return Written(images.check_pixels, images.write_png)
        case ".npz":
            from convcalc.storage import npz

            return Written(_any, npz.write_npz)
        case _:
            from convcalc.storage import npy

            return Written(_any, npy.write_npy)
