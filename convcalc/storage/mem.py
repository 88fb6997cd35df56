"""Whole numbers as hexadecimal text, one a line in two's complement, as Verilog's $readmemh reads memories."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np


def write_mem(target: BinaryIO, array: np.ndarray, bits: int) -> None:
    """Writes the array in C order, below a comment with its shape; every number has so many bits.

    >>> import io
    >>> file = io.BytesIO()
    >>> write_mem(file, np.array([[1, -1]], np.int8), 8)
    >>> file.getvalue().decode().splitlines()
    ['// 1x2, 8 bits', '01', 'ff']
    """
    digits = -(-bits // 4)
    lines = [f"// {'x'.join(map(str, array.shape))}, {bits} bits"]
    lines += [f"{value & ((1 << bits) - 1):0{digits}x}" for value in array.ravel().tolist()]
    target.write(("\n".join(lines) + "\n").encode("ascii"))
