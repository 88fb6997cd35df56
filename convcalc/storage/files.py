"""Files written without losing the file that was there, and their names in messages."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import BinaryIO, TypeAlias

from convcalc.errors import DataError, one_line
from convcalc.storage.ending import LOCK, Undone, last

Write: TypeAlias = Callable[[BinaryIO], None]


def write_file(path: str, write: Write) -> None:
    """Lets `write` fill the file at exactly this path, or stdout for `-`.

    A temporary file in the same directory is written and then renamed, so that a full disk or a signal leaves the old
    file as it was; in a command it is renamed last, when the answer has been printed. An existing file keeps its mode,
    a symbolic link stays one. Devices and pipes are written directly. Raises DataError if that fails; a reader of
    stdout that went away is a BrokenPipeError.
    """
    check_writable(path)
    try:
        if path == "-":
            write(sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        target = os.path.realpath(path)
        mode = mode_of(target)
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "wb") as file:
                write(file)
            return
        _replace(target, mode, write, path)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _not_written(path, error) from None


def _not_written(path: str, error: OSError) -> DataError:
    name = "stdout" if path == "-" else shown(path)
    return DataError(f"{name}: must be written whole, got {reason(error)}; try another place")


def created(folder: str) -> None:
    """Makes sure that the directory is there. Raises DataError if it cannot be."""
    try:
        os.makedirs(folder, exist_ok=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{shown(folder)}: must be a directory, got {reason(error)}; choose another place") from None


def check_writable(path: str) -> None:
    """Raises DataError if writing to this path is sure to fail, so that nothing is computed in vain."""
    if path == "-":
        if sys.stdout is None or sys.stdout.isatty():
            raise DataError("stdout: binary data needs a file or a pipe, got a terminal; redirect it or name a file")
        return
    name = shown(path)
    try:
        target = os.path.realpath(path)
        mode = mode_of(target)
    except (OSError, ValueError) as error:
        raise DataError(f"{name}: must be a file to write, got {reason(error)}; choose another place") from None
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


def shown(path: str) -> str:
    r"""A file name for messages, without control characters to steer a terminal with.

    >>> print(shown("a\x1b[31m\n.npy"))
    a\x1b[31m\n.npy
    """
    return one_line(path) or "''"


def _replace(target: str, mode: int | None, write: Write, path: str) -> None:
    """Writes a temporary file next to `target`, which takes its name and the mode of the file there when all is well.

    `path` is the target as it was given, for messages.
    """
    temporary = os.path.join(os.path.dirname(target), f".convcalc-{secrets.token_hex(8)}.tmp")
    begun = Undone(partial(_remove, temporary))

    def rename() -> None:
        try:
            with LOCK:
                os.replace(temporary, target)
                begun.keep()
        except OSError as error:
            raise _not_written(path, error) from None

    with ExitStack() as stack:
        stack.enter_context(begun)
        with LOCK:  # "x" creates it like any new file, so that the umask decides if no mode is given
            file = stack.enter_context(open(temporary, "x+b"))
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        write(file)
        file.flush()
        os.fsync(file.fileno())
        file.close()
        last(rename)
        stack.pop_all()


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def mode_of(path: str) -> int | None:
    """Type and permissions of the file at a path, None if there is none."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
