"""Images as arrays, with the extra `images` (Pillow)."""

from __future__ import annotations

import re
import warnings
from types import ModuleType
from typing import BinaryIO

import numpy as np

from convcalc.errors import DataError
from convcalc.storage.source import Source, check_fits, whole

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
DTYPES = {"1": "bool", "L": "uint8", "I;16": "uint16", "I;16B": "uint16", "I": "int32", "F": "float32"}
"""Modes of one channel that become arrays as they are; all others are brought to L, LA, RGB or RGBA."""
_DEEP = re.compile(rb"\x89PNG.{20}\x10[\2\4\6]", re.DOTALL)
"""A PNG of 16 bits in colour or with opacity."""
PLAIN = ("RGB", "RGBA", "LA")


def pillow(name: str) -> ModuleType:
    """Pillow's Image module. Raises DataError without it."""
    try:
        from PIL import Image
    except ImportError:
        raise DataError(f"{name}: images need Pillow, got none; pip install 'convcalc[images]'") from None
    return Image


def read_image(source: Source, channels_last: bool) -> np.ndarray:
    """The pixels of an image: (height, width) if it is grey, else (channels, height, width) or with them last.

    uint8, or what the file has; the first picture of several. Raises DataError for an image that is damaged or, by the
    size that it states, does not fit the available memory.
    """
    name, image_module = source.name, pillow(source.name)
    data = whole(source)
    if _DEEP.match(data.getbuffer()[:26]):
        raise DataError(f"{name}: colours must have 8 bits, got 16, of which Pillow keeps 8; save it with numpy.save")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked here
            with image_module.open(data, formats=FORMATS) as image:
                width, height = image.size
                check_fits(name, width * height * 8)  # while pixels are converted
                if image.mode in DTYPES:
                    return np.array(image).astype(DTYPES[image.mode], copy=False)
                mode = image.mode if image.mode in PLAIN else "RGBA" if _has_alpha(image) else "RGB"
                pixels = np.array(image.convert(mode))
    except image_module.DecompressionBombError:
        most = 2 * (image_module.MAX_IMAGE_PIXELS or 0)
        raise DataError(f"{name}: must have at most {most} pixels, got more; save it with numpy.save") from None
    except MemoryError:
        raise DataError(f"{name}: must fit memory, got too many pixels; use a smaller image") from None
    except Exception as error:  # Pillow's readers raise a dozen types for damaged files
        if isinstance(error, DataError | KeyboardInterrupt):
            raise
        kind = str(error).split(" <")[0].lower() or "damaged data"
        raise DataError(f"{name}: must be a whole image, got {kind[:80]}; save it again as PNG") from None
    return pixels if channels_last else np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def _has_alpha(image: object) -> bool:
    return getattr(image, "mode", "") in ("PA", "La", "RGBa") or "transparency" in getattr(image, "info", {})


def check_pixels(name: str, array: np.ndarray) -> None:
    """Raises DataError for an array that is no image as it is: nothing is scaled in silence."""
    pillow(name)
    if _as_pixels(array) is None:
        raise DataError(
            f"{name}: a .png file has (height, width), or 3 or 4 channels of them, got shape {array.shape}; "
            "write a .npy file"
        )
    if array.dtype.kind == "c" or not np.isfinite(array).all():
        raise DataError(f"{name}: a .png file has whole numbers from 0 to 255, got {array.dtype}; write a .npy file")
    low, high = array.min(), array.max()
    if array.dtype != bool and (low < 0 or high > 255):
        raise DataError(
            f"{name}: a .png file has numbers from 0 to 255, got {low:g} to {high:g}; write a .npy file, or see it "
            "with --preview"
        )


def _as_pixels(array: np.ndarray) -> np.ndarray | None:
    """(height, width) or (height, width, channels), if the shape is an image's."""
    if array.ndim == 2:
        return array
    if array.ndim == 3 and array.shape[0] in (3, 4):
        return np.moveaxis(array, 0, -1)
    return array if array.ndim == 3 and array.shape[2] in (3, 4) else None


def write_png(target: BinaryIO, array: np.ndarray) -> None:
    """Writes an image; floats are rounded to the nearest whole number."""
    pixels = _as_pixels(array)
    assert pixels is not None
    whole_numbers = pixels * np.uint8(255) if array.dtype == bool else np.rint(pixels).astype(np.uint8)
    pillow("png").fromarray(np.ascontiguousarray(whole_numbers)).save(target, "PNG")
