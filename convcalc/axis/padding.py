"""The padding words, resolved to numbers for one axis of known size."""

from __future__ import annotations

from convcalc.axis.window import Window
from convcalc.errors import ShapeError
from convcalc.notation import POOL_WORDS


def padded(word: str, size: int | None, window: Window) -> tuple[int, int]:
    """(before, after) in pixels that `word` means for a convolution window on `size` input pixels.

    `same` makes the output ceil(size/stride), the odd pixel at the end (SAME_UPPER); `same-lower` puts it at
    the beginning; `full` gives every position that touches data; `causal` lets an output see no later input.
    Without a size, all words are known but `same` and `same-lower` with a stride.

    >>> padded("same", 7, Window(kernel=2))
    (0, 1)
    """
    reach = window.extent - 1
    match word:
        case "valid":
            return 0, 0
        case "full":
            return reach, reach
        case "causal":
            return reach, 0
    if size is None and window.stride != 1:
        raise ShapeError(f"padding '{word}' with stride {window.stride} depends on the input size; give --input")
    size = 1 if size is None else size
    outputs = -(-size // window.stride)
    return _split(max(0, (outputs - 1) * window.stride + window.extent - size), word)


def cropped(word: str, window: Window) -> tuple[int, int, int]:
    """(before, after, output_padding) in pixels that `word` means for a transposed convolution.

    `same` crops the full result to size*stride, the odd pixel at the end; a window shorter than its stride
    leaves nothing to crop and the output is lengthened instead. `valid` crops nothing.

    >>> cropped("same", Window(kernel=3, stride=2))
    (0, 1, 0)
    """
    if word == "valid":
        return 0, 0, 0
    if word not in POOL_WORDS:
        raise ShapeError(
            f"padding of a transposed convolution crops its result, got '{word}'; use numbers or "
            + ", ".join(POOL_WORDS)
        )
    overlap = window.extent - window.stride
    return (*_split(max(0, overlap), word), max(0, -overlap))


def _split(total: int, word: str) -> tuple[int, int]:
    small, large = total // 2, total - total // 2
    return (large, small) if word == "same-lower" else (small, large)
