"""The pixels of a PNG file, read with the standard library alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

CHANNELS = {2: 3, 6: 4}
"""Of RGB and RGBA, by PNG's number of the colour type."""


class Image(NamedTuple):
    width: int
    height: int
    channels: int
    rows: list[bytearray]

    def colour(self, x: float, y: float) -> str:
        """The colour of the pixel at a point, such as '#ff8000'."""
        start = int(x) * self.channels
        return "#" + self.rows[int(y)][start : start + 3].hex()


def read_png(path: Path) -> Image:
    """An image of 8 bits per channel that is not interlaced. Source: the PNG specification, sections 5 and 9."""
    data, at, packed = path.read_bytes(), 8, b""
    width = height = channels = 0
    while at < len(data):
        [length] = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, interlaced) == (8, 0)
            channels = CHANNELS[colours]
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    raw, stride, rows = zlib.decompress(packed), width * channels, list[bytearray]()
    above = bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        above = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, channels)
        rows.append(above)
    assert len(rows) == height
    return Image(width, height, channels, rows)


def _unfiltered(kind: int, row: bytearray, above: bytearray, step: int) -> bytearray:
    match kind:
        case 0:
            return row
        case 1:
            for i in range(step, len(row)):
                row[i] = row[i] + row[i - step] & 255
            return row
        case 2:
            return bytearray(x + y & 255 for x, y in zip(row, above, strict=True))
    left, corner = [0] * step, [0] * step
    for i, (value, up) in enumerate(zip(row, above, strict=True)):
        beside, across = left[i % step], corner[i % step]
        if kind == 3:
            guess = (beside + up) // 2
        else:
            to_left, to_up, to_corner = abs(up - across), abs(beside - across), abs(beside + up - 2 * across)
            guess = beside if to_left <= to_up and to_left <= to_corner else up if to_up <= to_corner else across
        row[i] = left[i % step] = value + guess & 255
        corner[i % step] = up
    return row
