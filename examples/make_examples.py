"""Make every file in this folder from its original, always the same bytes.

    pip install numpy pillow scikit-image==0.26.0 statsmodels==0.15.0
    python examples/make_examples.py

The photographs are in scikit-image's wheel and the sunspot numbers in statsmodels', so nothing else is downloaded.
The kernels are written out below. Sources and licences: README.md beside this script.
"""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

HERE = Path(__file__).parent


def photograph(name: str) -> npt.NDArray[np.uint8]:
    """(height, width) or (height, width, 3) uint8 pixels of a picture in scikit-image's wheel."""
    with (files("skimage") / "data" / name).open("rb") as stream, Image.open(stream) as picture:
        return np.asarray(picture, dtype=np.uint8)


def reduced(picture: npt.NDArray[np.uint8], factor: int) -> npt.NDArray[np.uint8]:
    """The mean of every factor x factor block, rounded; rows and columns that fill no block are left out."""
    height, width = (size // factor for size in picture.shape[:2])
    blocks = picture[: height * factor, : width * factor].reshape(height, factor, width, factor, *picture.shape[2:])
    return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)


def sunspots() -> npt.NDArray[np.float32]:
    """(309,) yearly means, 1700 to 2008."""
    with (files("statsmodels.datasets.sunspots") / "sunspots.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    years = [float(row["YEAR"]) for row in rows]
    assert years == list(range(1700, 2009)), "statsmodels' table has changed; check the years in README.md too"
    return np.array([float(row["SUNACTIVITY"]) for row in rows], dtype=np.float32)


def compass() -> npt.NDArray[np.int8]:
    """(8, 3, 3, 3): Sobel's kernel turned by 0, 45, ..., 315 degrees anticlockwise, the same on each of three channels.

    Turning by 45 degrees moves the eight outer weights one place round the middle.
    """
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]  # clockwise from the top left
    weights = [-1, 0, 1, 2, 1, 0, -1, -2]
    bank = np.zeros((8, 3, 3, 3), dtype=np.int8)
    for turn in range(8):
        for place, (row, column) in enumerate(ring):
            bank[turn, :, row, column] = weights[(place + turn) % 8]
    return bank


def main() -> None:
    camera = photograph("camera.png")[32:416]  # 384 of 512 rows: from above the hat to the legs of the tripod
    coffee = reduced(photograph("coffee.png"), 3)
    binomial = np.array([1, 4, 6, 4, 1], dtype=np.float32)
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "photo": reduced(camera, 2),
        "photo-rgb": np.ascontiguousarray(coffee.transpose(2, 0, 1)),
        "sobel": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=np.int8),
        "blur": np.outer(binomial, binomial) / np.float32(256),
        "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], dtype=np.int8),
        "edges-bank": compass(),
        "luma": np.array([0.299, 0.587, 0.114], dtype=np.float32).reshape(3, 1, 1),
        "sunspots": sunspots(),
        "eleven-years": np.full(11, 1 / 11, dtype=np.float32),
    }
    for name, array in arrays.items():
        np.save(HERE / f"{name}.npy", array, allow_pickle=False)
        print(f"{name}.npy", "x".join(map(str, array.shape)), array.dtype)


if __name__ == "__main__":
    main()
