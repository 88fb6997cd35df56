"""People's everyday spellings, such as NHWC, SAME_UPPER, fp16 and Conv2d, and the one name that each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from heapq import nlargest
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

from convcalc.errors import MAX_ECHOED

PADDING_WORDS = ("valid", "same", "same-lower", "full", "causal")
POOL_WORDS = ("valid", "same", "same-lower")
"""The words that pools and transposed convolutions accept."""
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
"""What the padding holds, by PyTorch's names."""
Layout: TypeAlias = Literal["channels-first", "channels-last"]
"""Whether channels come before or after the spatial axes, in sizes and arrays."""
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

_PADDINGS = {word.replace("-", ""): word for word in PADDING_WORDS} | {"sameupper": "same"}
_MODES = {mode: mode for mode in PADDING_MODES} | {
    **dict.fromkeys(["zero", "constant"], "zeros"),
    "reflection": "reflect",
    **dict.fromkeys(["edge", "border", "replication"], "replicate"),
    **dict.fromkeys(["wrap", "periodic"], "circular"),
}
_LAYOUTS: dict[str, Layout] = {
    **dict.fromkeys(["channelsfirst", "chw", "nchw", "cl", "ncl", "cw", "ncw", "cdhw", "ncdhw"], "channels-first"),
    **dict.fromkeys(["channelslast", "hwc", "nhwc", "lc", "nlc", "wc", "nwc", "dhwc", "ndhwc"], "channels-last"),
}
_DTYPES = {
    **dict.fromkeys(["fp64", "f64", "double"], "float64"),
    **dict.fromkeys(["fp32", "f32", "float", "single"], "float32"),
    **dict.fromkeys(["fp16", "f16", "half"], "float16"),
    "bf16": "bfloat16",
}
_LIBRARY = re.compile(r"(?:torch|np|numpy|tf|jnp)\.")
_DIGIT = re.compile("([123])d")
_TYPES = {
    "standard": "convolution convolutional",
    "pointwise": "pointwiseconv pointwiseconvolution conv1x1 1x1conv",
    "dilated": "dilatedconv dilatedconvolution atrousconv atrousconvolution",
    "transposed": "convtranspose convolutiontranspose convtransposed transposedconv transposedconvolution transpose "
    "transposeconv deconvolution upconv",
    "grouped": "groupedconv groupedconvolution groupconv groupconvolution",
    "depthwise": "depthwiseconv depthwiseconvolution dwconv",
    "depthwise-separable": "separableconv separableconvolution sepconv depthwiseseparableconv dsconv "
    "depthwiseseparableconvolution",
    "spatially-separable": "spatiallyseparableconv spatiallyseparableconvolution spatialseparable",
    "flattened": "flattenedconv flattenedconvolution",
    "pointwise-grouped": "pointwisegroupedconv pointwisegroupedconvolution",
    "shuffled-grouped": "shuffledgroupedconv shuffledgroupedconvolution",
}
_SHORT = "conv 1d 2d 3d 1x1 atrous deconv t dw ds separable spatial shuffled"
"""Short names of convolution types that stay as they are, whatever their case."""
_TYPE_NAMES = {
    **{name: name for name in _SHORT.split()},
    **{name.replace("-", ""): name for name in _TYPES},
    **{spelling: name for name, spellings in _TYPES.items() for spelling in spellings.split()},
}
_POOLS = {
    **dict.fromkeys(["max", "maxpool", "maxpooling"], "max_pool"),
    **dict.fromkeys(["avg", "avgpool", "avgpooling", "average", "averagepool", "averagepooling"], "avg_pool"),
}


def simplified(name: str) -> str:
    """The name in small letters, without the hyphens, underscores and spaces in it.

    >>> simplified("SAME_UPPER"), simplified("same-upper")
    ('sameupper', 'sameupper')
    """
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def padding_spelling(text: str) -> str | None:
    """The padding word that the text means, in any case and with - or _; None if it is none.

    >>> padding_spelling("SAME_UPPER"), padding_spelling("same_lower"), padding_spelling("some")
    ('same', 'same-lower', None)
    """
    return _PADDINGS.get(simplified(text))


def mode_spelling(text: str) -> str | None:
    """The padding mode that the text means, in any case, by PyTorch's or NumPy's name; None if it is none.

    >>> mode_spelling("ZEROS"), mode_spelling("edge"), mode_spelling("symmetric")
    ('zeros', 'replicate', None)
    """
    return _MODES.get(simplified(text))


def layout_spelling(text: str) -> Layout | None:
    """`channels-first` or `channels-last`, which the text means; None if it means neither.

    >>> layout_spelling("NHWC"), layout_spelling("channels_first"), layout_spelling("HW")
    ('channels-last', 'channels-first', None)
    """
    return _LAYOUTS.get(simplified(text))


def layout_dims(text: str) -> int | None:
    """The number of spatial axes that a layout's letters name; None for the long names.

    >>> layout_dims("NHWC"), layout_dims("CDHW"), layout_dims("channels-last")
    (2, 3, None)
    """
    letters = simplified(text)
    return None if letters.startswith("channels") else sum(letter in "dhwl" for letter in letters)


def parse_dtype_name(text: str) -> str:
    """The dtype's name as NumPy spells it; any other text comes back in small letters, to be looked up.

    `float` is float32, as in C and PyTorch (NumPy's own `float` is float64).

    >>> parse_dtype_name("fp16"), parse_dtype_name("torch.bfloat16"), parse_dtype_name("INT8")
    ('float16', 'bfloat16', 'int8')
    """
    name = _LIBRARY.sub("", text.strip().lower(), count=1)
    return _DTYPES.get(name, name)


def type_spelling(name: str) -> str:
    """The convolution type that an everyday spelling means, in any case; any other name comes back as it is.

    Short names such as `dw` stay short. A digit in the name is kept if the type has one: see stated_dims.

    >>> type_spelling("Conv2d"), type_spelling("ConvTranspose3d"), type_spelling("SeparableConv2D"), type_spelling("DW")
    ('2d', 'transposed', 'depthwise-separable', 'dw')
    """
    key = simplified(name)
    dims = _DIGIT.search(key)
    base = key.replace(dims[0], "", 1) if dims else key
    if dims and base in ("", "conv", "convolution"):
        return dims[0]
    return _TYPE_NAMES.get(base, name)


def pool_spelling(name: str) -> str | None:
    """`max_pool` or `avg_pool`, which the name means; None if it means neither.

    >>> pool_spelling("max"), pool_spelling("AvgPool2d"), pool_spelling("min")
    ('max_pool', 'avg_pool', None)
    """
    return _POOLS.get(_DIGIT.sub("", simplified(name), count=1))


def stated_dims(name: str) -> int | None:
    """The number of spatial axes that a name states, if it does.

    >>> stated_dims("Conv2DTranspose"), stated_dims("3d"), stated_dims("dw")
    (2, 3, None)
    """
    found = _DIGIT.search(name.lower())
    return int(found[1]) if found else None


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """`did you mean NAME? ` with the nearest of the names, or nothing if none is near.

    >>> did_you_mean("gpa", ["gap", "bn"])
    'did you mean gap? '
    """
    near = nearest(text, names)
    return f"did you mean {near[0]}? " if near else ""


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """Up to three names like the text, the likeliest first: those with the same letters before the others."""
    return sorted(similar(text, names), key=lambda name: sorted(name) != sorted(text))


MAX_COMPARED = 200
"""Most names that a text is compared with letter by letter."""


def similar(text: str, names: Iterable[str], most: int = 3, least: float = 0.6) -> list[str]:
    """Up to `most` names that are as similar as `least`, from 0 to 1, the most similar first.

    Of very long names the beginnings are compared, of very many names those with the most pairs of letters in common:
    difflib takes milliseconds for a pair of long ones.
    """
    text, pairs = text[:MAX_ECHOED], set(pairwise(text[:MAX_ECHOED]))
    short: dict[str, str] = {}
    for name in names:
        short.setdefault(name[:MAX_ECHOED], name)
    likely: Iterable[str] = short
    if len(short) > MAX_COMPARED:
        likely = nlargest(MAX_COMPARED, short, key=lambda name: len(pairs & {*pairwise(name)}))
    return [short[name] for name in get_close_matches(text, likely, most, least)]
