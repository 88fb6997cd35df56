"""Make every file in this folder: small arrays, and what other libraries compute from them by their own conventions.

    pip install numpy scipy tensorflow keras jax
    python examples/diagnosing/make.py

`docs/diagnosing.md` tells the story of each.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import tensorflow
from scipy.signal import convolve2d

HERE = Path(__file__).parent


def filled(*shape: int) -> np.ndarray:
    """Numbers without a pattern, always the same."""
    count = np.arange(prod(shape))
    return (count * 37 % 19 - 9 + count // 5 % 3).reshape(shape)


def last(image: np.ndarray) -> np.ndarray:
    """(C, H, W) as (1, H, W, C)."""
    return np.moveaxis(image, 0, -1)[np.newaxis].astype(np.float32)


def first(result: Any) -> np.ndarray:
    """(1, H, W, C) as (C, H, W)."""
    return np.ascontiguousarray(np.moveaxis(np.asarray(result)[0], -1, 0))


def main() -> None:
    image, kernel = filled(2, 6, 7), filled(3, 2, 3, 3)
    raw, up = filled(3, 2, 2, 2), filled(2, 3, 3, 4)
    layer = keras.layers.DepthwiseConv2D((3, 2), depth_multiplier=2, use_bias=False)
    layer.build((None, 6, 7, 2))
    layer.set_weights([raw])
    flipped = [sum(convolve2d(x, w, "valid") for x, w in zip(image, taps, strict=True)) for taps in kernel]
    sums = [[convolve2d(x, w[::-1, ::-1], "valid") for x, w in zip(image, taps, strict=True)] for taps in kernel]
    transposed = jax.lax.conv_transpose(
        last(image), np.transpose(up, (2, 3, 0, 1)).astype(np.float32), (2, 2), "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip
    arrays = {
        "image": image.astype(np.int8),
        "kernel": kernel.astype(np.int8),
        "scipy": np.stack(flipped),
        "tensorflow": first(tensorflow.nn.conv2d(last(image), np.transpose(kernel, (2, 3, 1, 0)), 2, "SAME")),
        "depthwise": raw.reshape(4, 1, 3, 2).astype(np.int8),
        "keras": first(layer(last(image))),
        "transposed": up.astype(np.int8),
        "jax": first(transposed),
        "int8": np.sum(sums, axis=1).astype(np.int8),
    }
    for name, array in arrays.items():
        np.save(HERE / f"{name}.npy", array, allow_pickle=False)
        print(f"{name}.npy", "x".join(map(str, array.shape)), array.dtype)


if __name__ == "__main__":
    main()
