"""Whole numbers as hexadecimal text, one a line in two's complement, as Verilog's $readmemh reads memories."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np


def write_mem(target: BinaryIO, array: np.ndarray) -> None:
    """Writes the array in C order, below a comment with its shape; every number has the digits of its dtype.

    >>> import io
    >>> file = io.BytesIO()
    >>> write_mem(file, np.array([[1, -1]], np.int8))
    >>> file.getvalue().decode().splitlines()
    ['// 1x2 int8', '01', 'ff']
    """
    bits, digits = 8 * array.itemsize, 2 * array.itemsize
    lines = [f"// {'x'.join(map(str, array.shape))} {array.dtype}"]
    lines += [f"{value & ((1 << bits) - 1):0{digits}x}" for value in array.ravel().tolist()]
    target.write(("\n".join(lines) + "\n").encode("ascii"))
