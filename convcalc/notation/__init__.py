"""The notation people type and pass: sizes, per-axis values, paddings, layer words and pasted constructors.

Text in, data out: nothing here knows what a layer does.
"""

from convcalc.notation.layer_word import MAX_LAYERS, LayerWord
from convcalc.notation.spellings import (
    LAYOUTS,
    PADDING_WORDS,
    POOL_WORDS,
    Layout,
    parse_dtype_name,
    stated_dims,
    type_spelling,
)
from convcalc.notation.values import (
    FAST_PATH_LIMIT,
    MAX_DIGITS,
    Axes,
    Number,
    Padding,
    PaddingValue,
    Pairs,
    PerAxis,
    axis_count,
    parse_axes,
    parse_features,
    parse_layout,
    parse_padding,
    parse_size,
    show_axes,
    show_padding,
    show_size,
    whole_number,
)
from convcalc.notation.words import LETTERS, is_size, parse_layer, parse_words, split_words

__all__ = [
    "FAST_PATH_LIMIT",
    "LAYOUTS",
    "LETTERS",
    "MAX_DIGITS",
    "MAX_LAYERS",
    "PADDING_WORDS",
    "POOL_WORDS",
    "Axes",
    "LayerWord",
    "Layout",
    "Number",
    "Padding",
    "PaddingValue",
    "Pairs",
    "PerAxis",
    "axis_count",
    "is_size",
    "parse_axes",
    "parse_dtype_name",
    "parse_features",
    "parse_layer",
    "parse_layout",
    "parse_padding",
    "parse_size",
    "parse_words",
    "show_axes",
    "show_padding",
    "show_size",
    "split_words",
    "stated_dims",
    "type_spelling",
    "whole_number",
]
