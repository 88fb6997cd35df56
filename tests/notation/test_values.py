"""What people type and pass: every way of writing a value, and the message for what cannot be read."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from convcalc.errors import NotationError
from convcalc.notation import (
    axis_count,
    parse_axes,
    parse_dtype_name,
    parse_layout,
    parse_padding,
    parse_size,
    show_axes,
    show_padding,
    show_size,
    stated_dims,
    type_spelling,
    whole_number,
)
from convcalc.notation.spellings import _TYPE_NAMES
from convcalc.recipes import BY_NAME


def refused(message: str) -> Any:
    return pytest.raises(NotationError, match=message)


@pytest.mark.parametrize("value", [3, "3", " 3 ", "003", np.int64(3), np.uint8(3), np.array(3)])
def test_a_whole_number_in_every_way_of_writing_it(value: Any) -> None:
    number = whole_number(value, "stride")
    assert number == 3
    assert type(number) is int


NOT_WHOLE = [
    "", " ", "-3", "+3", "3.0", "3e2", "1_000", "0x3", "３", "٣", "²", "x", "3x", "nan", "3 3", "--3",
    3.0, np.float32(3), Fraction(3), 3 + 0j, True, False, None, b"3", [3], (3,), {3}, {"a": 3}, object(), "9" * 101,
    10**100, -(10**200), 0, -1, "0",
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_WHOLE)
def test_what_is_no_whole_number_is_refused_by_name(value: Any) -> None:
    with refused(r"^mid-channels: ") as raised:
        whole_number(value, "mid-channels")
    assert "\n" not in str(raised.value)
    assert "got" in str(raised.value)


@pytest.mark.parametrize("value", [np.True_, np.array(3.0), np.array([3]), np.array([3, 3]), bytearray(b"3")])
def test_arrays_that_are_no_number_are_refused_by_name(value: Any) -> None:
    with refused("^stride: "):
        whole_number(value, "stride")


def test_the_least_number_is_said() -> None:
    with refused("^groups: must be at least 1, got 0$"):
        whole_number(0, "groups")
    with refused("^padding: must be at least 0, got -2$"):
        whole_number(-2, "padding", 0)


def test_numbers_of_a_hundred_digits_are_read() -> None:
    assert whole_number("9" * 100, "batch") == 10**100 - 1
    with refused("^batch: a number may have 100 digits, got 101$"):
        whole_number("1" + "0" * 100, "batch")


@pytest.mark.parametrize(
    ("value", "layout", "expected"),
    [
        ("3x224x224", "channels-first", (3, 224, 224)),
        ("3,5,7", "channels-first", (3, 5, 7)),
        ("3×5×7", "channels-first", (3, 5, 7)),
        ("3x5,7×11", "channels-first", (3, 5, 7, 11)),
        (" 3 x 5 ", "channels-first", (3, 5)),
        ((3, 5, 7), "channels-first", (3, 5, 7)),
        ([3, np.int64(5)], "channels-first", (3, 5)),
        (["3", 5], "channels-first", (3, 5)),
        ("(3, 5, 7)", "channels-first", (3, 5, 7)),
        ("[3, 5, 7]", "channels-first", (3, 5, 7)),
        (" ( 3,5 ) ", "channels-first", (3, 5)),
        ("(3, 5,)", "channels-first", (3, 5)),
        ("3, 5, 7", "channels-first", (3, 5, 7)),
        ("(3x5x7)", "channels-first", (3, 5, 7)),
        ("(5, 7, 3)", "NHWC", (3, 5, 7)),
        ("5x7x3", "HWC", (3, 5, 7)),
        ("3x5x7", "NCHW", (3, 5, 7)),
        ("5x7x3", "channels-last", (3, 5, 7)),
        ((16000, 1), "channels-last", (1, 16000)),
        ((2, 3, 5, 7), "channels-last", (7, 2, 3, 5)),
    ],
)
def test_sizes(value: Any, layout: str, expected: tuple[int, ...]) -> None:
    size = parse_size(value, layout=layout)
    assert size == expected
    assert all(type(number) is int for number in size)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "input: must be a whole number"),
        (
            "7",
            r"input: a size has channels and 1 to 3 spatial axes, got '7'; write 3x7x7 for 2-D, 1x7 for 1-D, 7x1 for",
        ),
        ("3x3x3x3x3", "input: a size has channels and 1 to 3 spatial axes"),
        ("3x0x5", "input: must be at least 1, got 0"),
        ("3x-1x5", "input: must be a whole number of at least 1, got '-1'"),
        ("3xx5", "input: must be a whole number of at least 1, got ''"),
        ("3x5x", "input: must be a whole number of at least 1, got ''"),
        ("3*5", r"input: must be a whole number of at least 1, got '3\*5'"),
        ("3x5.5", "input: must be a whole number of at least 1, got '5.5'"),
        (7, "input: a size has channels"),
        ((), "input: a size has channels"),
        ((3, 5.0), "input: must be a whole number of at least 1, got 5.0"),
        ((3, True), "input: must be a whole number of at least 1, got True"),
        ((3, (5, 7)), "input: must be a whole number"),
        (b"3x5", "input: "),
        ("(3, 5", r"input: must be a whole number of at least 1, got '\(3'"),
        ("(3, 5]", "input: must be a whole number"),
        ("3, 5)", "input: must be a whole number"),
        ("((3, 5), 7)", "input: must be a whole number"),
        ("(3)", "input: a size has channels"),
        ("()", "input: must be a whole number"),
        ("(,)", "input: must be a whole number"),
        ("[", "input: must be a whole number"),
        (None, "input: must be a whole number"),
    ],
)
def test_sizes_that_cannot_be_read(value: Any, message: str) -> None:
    with refused(f"^{message}"):
        parse_size(value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("3 224 224", "3x224x224"), ("3*224*224", "3x224x224"), ("3x224x224x", "3x224x224"), ("=3x224", "3x224"),
        ("-3x224", "3x224"), ("3x224.0x224.0", "3x224x224"), ("3:224:224", "3x224x224"), ("{3,9}", "3x9"),
        ("3x0x224x", "for example 3x224x224"), ("3xHxW", "for example 3x224x224"), ("1 1 1 1 1", "for example 3x"),
    ],
)  # fmt: skip
def test_a_size_that_cannot_be_read_is_told_the_form_that_can(text: str, meant: str) -> None:
    with refused(f"^input: .*; write {meant}") as raised:
        parse_size(text)
    assert parse_size(str(raised.value).rpartition(" ")[2])


@pytest.mark.parametrize(("size", "meant"), [("1x3x5x7x9", "3x5x7x9"), ("8x3x5x7x9", "3x5x7x9 --batch 8")])
def test_a_size_of_five_numbers_has_a_batch(size: str, meant: str) -> None:
    with refused(f"^input: a size has channels and 1 to 3 spatial axes, got '{size}'; write {meant}$"):
        parse_size(size)


def test_a_size_in_channels_last_is_explained_in_channels_last() -> None:
    for layout in ("channels-last", "NHWC"):
        with refused("write 7x7x3 for 2-D, 7x1 for 1-D, 1x7 for features alone"):
            parse_size("7", layout=layout)
        with refused("got 'big'; write for example 224x224x3"):
            parse_size("big", layout=layout)


FIRST = ["channels-first", "channels_first", "CHANNELS-FIRST", "NCHW", "CHW", "nchw", "NCL", "CL", "NCDHW", "CDHW"]
LAST = ["channels-last", "channels_last", "NHWC", "HWC", "nhwc", "NLC", "LC", "NWC", "NDHWC", "DHWC"]


@pytest.mark.parametrize("text", FIRST + LAST)
def test_layouts(text: str) -> None:
    layout = "channels-last" if text in LAST else "channels-first"
    assert parse_layout(text) == layout
    assert show_size((3, 5, 7), text) == show_size((3, 5, 7), layout)


@pytest.mark.parametrize("value", ["NHW", "HW", "", "first", None, 3, ["NHWC"]])
def test_layouts_that_there_are_not(value: Any) -> None:
    with refused(f"^layout: must be channels-first or channels-last, got {re.escape(repr(value))}; .*NCHW, NHWC"):
        parse_layout(value)


def test_a_layout_misspelled() -> None:
    with refused("got 'nwhc'; did you mean NHWC[?]"):
        parse_layout("nwhc")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fp16", "float16"), ("half", "float16"), ("bf16", "bfloat16"), ("fp32", "float32"), ("float", "float32"),
        ("FP64", "float64"), ("double", "float64"), ("torch.float16", "float16"), ("torch.half", "float16"),
        ("np.float32", "float32"), ("tf.bfloat16", "bfloat16"), (" Float32 ", "float32"), ("int8", "int8"),
        ("INT8", "int8"), ("fp17", "fp17"), ("", ""),
    ],
)  # fmt: skip
def test_dtype_names(text: str, name: str) -> None:
    assert parse_dtype_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Conv1d", "1d"), ("conv2d", "2d"), ("CONV3D", "3d"), ("Conv2D", "2d"), ("Convolution2D", "2d"), ("2D", "2d"),
        ("convolution", "standard"), ("conv", "conv"), ("Conv", "conv"), ("Standard", "standard"),
        ("ConvTranspose2d", "transposed"), ("Conv2DTranspose", "transposed"), ("conv_transpose3d", "transposed"),
        ("deconvolution", "transposed"), ("Deconv2d", "deconv"), ("transposed_conv", "transposed"), ("T", "t"),
        ("SeparableConv2D", "depthwise-separable"), ("depthwise_separable", "depthwise-separable"), ("DS", "ds"),
        ("DepthwiseConv2D", "depthwise"), ("DW", "dw"), ("dilated conv", "dilated"), ("Atrous", "atrous"),
        ("Conv1x1", "pointwise"), ("spatially_separable", "spatially-separable"),
        ("pointwiseGrouped", "pointwise-grouped"),
        ("nothing", "nothing"), ("Max", "Max"), ("", ""),
    ],
)  # fmt: skip
def test_everyday_spellings_of_types(text: str, name: str) -> None:
    assert type_spelling(text) == name
    assert type_spelling(name) == name


def test_every_spelling_means_a_type_that_there_is() -> None:
    assert set(_TYPE_NAMES.values()) <= set(BY_NAME)
    assert all(type_spelling(name) == name for name in BY_NAME), "a type's own names stay as they are"


@pytest.mark.parametrize(
    ("name", "dims"),
    [("Conv1d", 1), ("Conv2DTranspose", 2), ("3d", 3), ("MaxPool3d", 3), ("1x1", None), ("Conv4d", None)],
)
def test_axes_that_a_name_states(name: str, dims: int | None) -> None:
    assert stated_dims(name) == dims


@pytest.mark.parametrize(
    ("value", "dims", "expected"),
    [
        ("3", 3, (3, 3, 3)),
        (3, 1, (3,)),
        ("3x5", 2, (3, 5)),
        ("2,3", 2, (2, 3)),
        ((2, 3, 5), 3, (2, 3, 5)),
        ([7], 2, (7, 7)),
        ("(3, 5)", 2, (3, 5)),
        ("[3,5,7]", 3, (3, 5, 7)),
        ("(3,)", 2, (3, 3)),
        ("3, 5", 2, (3, 5)),
    ],
)
def test_per_axis_values(value: Any, dims: int, expected: tuple[int, ...]) -> None:
    assert parse_axes(value, "kernel", dims) == expected


@pytest.mark.parametrize(
    ("value", "dims", "works"),
    [
        ("3x5", 1, "5"), ("3x5", 3, "3x3x5"), ((), 2, "for example 1"), ((1, 2, 3), 2, "2x3"), ("3x3x3", 2, "3x3"),
        ("1x1x1x1", 3, "1x1x1"),
    ],
)  # fmt: skip
def test_as_many_values_as_axes(value: Any, dims: int, works: str) -> None:
    message = f"kernel: takes one value for all axes or {dims}, one per spatial axis, got {value!r}; write {works}"
    with refused(f"^{re.escape(message)}$"):
        parse_axes(value, "kernel", dims)


@pytest.mark.parametrize(
    ("value", "dims", "expected"),
    [
        (1, 2, ((1, 1), (1, 1))),
        ("1", 1, ((1, 1),)),
        ("1x2", 2, ((1, 1), (2, 2))),
        ((1, 2), 2, ((1, 1), (2, 2))),
        ("0:1", 2, ((0, 1), (0, 1))),
        ("0:1x2:2", 2, ((0, 1), (2, 2))),
        ("0:1x2", 2, ((0, 1), (2, 2))),
        ("0:1×2,3:4", 3, ((0, 1), (2, 2), (3, 4))),
        (((0, 1), (2, 3)), 2, ((0, 1), (2, 3))),
        ([[0, 1]], 3, ((0, 1), (0, 1), (0, 1))),
        (((0, 1), 2), 2, ((0, 1), (2, 2))),
        ((np.int64(1), [np.int8(0), 3]), 2, ((1, 1), (0, 3))),
        ("same", 2, "same"),
        (" same-lower ", 1, "same-lower"),
        ("valid", 3, "valid"),
        ("full", 3, "full"),
        ("causal", 3, "causal"),
        ("SAME", 2, "same"),
        ("Same", 2, "same"),
        ("VALID", 2, "valid"),
        ("SAME_UPPER", 2, "same"),
        ("same-upper", 2, "same"),
        ("SAME_LOWER", 2, "same-lower"),
        ("same_lower", 2, "same-lower"),
        ("Causal", 1, "causal"),
        ("(1, 2)", 2, ((1, 1), (2, 2))),
        ("((0, 1), (2, 3))", 2, ((0, 1), (2, 3))),
        ("[[0, 1], [2, 3]]", 2, ((0, 1), (2, 3))),
        ("((0, 1), 2)", 2, ((0, 1), (2, 2))),
        ("((0, 1),)", 2, ((0, 1), (0, 1))),
        ("(0:1, 2:3)", 2, ((0, 1), (2, 3))),
    ],
)
def test_paddings(value: Any, dims: int, expected: Any) -> None:
    assert parse_padding(value, dims) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "must be numbers like 1, 1x2, 0:1x2:2 or a word, got ''; the words: valid, same, same-lower, full"),
        ("sames", "must be numbers like .*, got 'sames'; did you mean same[?] the words"),
        ("SAME_LOWR", "must be numbers like .*; did you mean same-lower[?]"),
        ("same upper lower", "must be numbers like"),
        ("(same)", "must be numbers like"),
        ("((0, 1), (2, 3)", "must be a whole number"),
        ("(0, 1), (2, 3)", "must be a whole number"),
        ("-1", "must be at least 0, got '-1'; write 1$"),
        ("-1x0", "must be at least 0, got '-1x0'; write 1x0$"),
        ("0,1,0,1", "takes one value .* 2, one per spatial axis, got '0,1,0,1'; write 0:1x0:1 for begin:end of each"),
        ((1, 2, 3, 4), r"takes one value .*, got \(1, 2, 3, 4\); write 1:2x3:4 for begin:end of each"),
        ("1x1x1", "takes one value .*, got '1x1x1'; write 1$"),
        (":1", "must be numbers like"),
        ("1:", "must be a whole number of at least 0, got ''"),
        ("1:2:3", "an axis takes one number or begin:end, got '1:2:3'"),
        ("1x", "must be a whole number of at least 0, got ''"),
        ("1xsame", "must be a whole number of at least 0, got 'same'"),
        ("1.5", "must be a whole number of at least 0, got '1.5'"),
        (-1, "must be at least 0, got -1"),
        (1.0, "must be a whole number of at least 0, got 1.0"),
        (True, "must be a whole number of at least 0, got True"),
        (None, "must be a whole number of at least 0, got None"),
        ((), "takes one value for all axes or 2"),
        (((1, 2, 3),), "an axis takes one number or begin:end"),
        ((((1, 2), 3),), "must be a whole number"),
        ((1, 2, 3), r"takes one value for all axes or 2, one per spatial axis, got \(1, 2, 3\)"),
        ("1x2x3", "takes one value for all axes or 2, one per spatial axis, got '1x2x3'"),
        ((1, -2), "must be at least 0, got -2"),
        (("same", "same"), "must be a whole number"),
        (b"1", ""),
    ],
)
def test_paddings_that_cannot_be_read(value: Any, message: str) -> None:
    with refused(f"^padding: {message}"):
        parse_padding(value, 2)


@pytest.mark.parametrize(
    ("size", "layout", "expected"), [((3, 5, 7), "channels-first", "3x5x7"), ((3, 5, 7), "channels-last", "5x7x3")]
)
def test_sizes_are_shown_as_typed(size: tuple[int, ...], layout: str, expected: str) -> None:
    assert show_size(size, layout) == expected
    assert parse_size(expected, layout=layout) == size


@pytest.mark.parametrize("text", ["1", "1x2", "0:1", "0:1x2:3", "0:1x2", "0:1x2:3x4"])
def test_paddings_are_shown_as_typed(text: str) -> None:
    pairs = parse_padding(text, text.count("x") + 1)
    assert not isinstance(pairs, str)
    assert show_padding(pairs) == text


def test_values_that_agree_are_shown_once() -> None:
    assert show_axes((3, 3)) == "3"
    assert show_axes((3, 5)) == "3x5"
    assert show_padding(((0, 1), (0, 1))) == "0:1"


@pytest.mark.parametrize(
    ("value", "count"),
    [(None, 1), (3, 1), ("3", 1), ("3x5", 2), ("(3, 5)", 2), ("(3,)", 1), ("same-lower", 1), ("SAME", 1), ("0:1x2", 2),
     ("((0, 1), (2, 3))", 2), ((1, 2, 3), 3), (np.array([1, 2]), 2)],
)  # fmt: skip
def test_axes_that_a_value_names(value: Any, count: int) -> None:
    assert axis_count(value) == count
