"""Arrays in a separate file next to the model."""

from __future__ import annotations

import os
import stat

from onnx import TensorProto

from convcalc.errors import DataError
from convcalc.readers.onnx.names import clean
from convcalc.storage.memory import check_memory


def external_bytes(tensor: TensorProto, needed: int, folder: str, name: str) -> bytes:
    """The bytes of an array that lies outside the model.

    Raises DataError unless the file is inside the model's own directory and there are exactly `needed` bytes.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    root = os.path.realpath(folder or ".")
    try:
        path = os.path.realpath(os.path.join(root, location))
        inside = bool(location) and not os.path.isabs(location) and os.path.commonpath([root, path]) == root
        offset, length = int(entries.get("offset", "0")), int(entries.get("length", str(needed)))
    except ValueError:
        raise DataError(f"{name}: its external data must have numbers for place and length, got others") from None
    if not inside or path == root:
        raise DataError(f"{name}: its external data must be in the model's directory, got {clean(location)!r}")
    if length != needed or offset < 0:
        raise DataError(f"{name}: its external data must have {needed} bytes, got {length} at {offset}")
    try:
        data = _read_part(path, offset, length, location, name)
    except OSError as error:
        raise DataError(
            f"{name}: its external data must be readable, got {(error.strerror or str(error)).lower()} "
            f"for {clean(location)}; put the file next to the model"
        ) from None
    if len(data) != length:
        raise DataError(f"{name}: its external data must have {length} bytes, got {len(data)}")
    return data


def _read_part(path: str, offset: int, length: int, location: str, name: str) -> bytes:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode) or offset + length > status.st_size:
        raise DataError(
            f"{name}: its external data must be {length} bytes at {offset} of {clean(location)}, "
            f"got a file of {status.st_size}"
        )
    check_memory(length, name)
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)
