"""From options to stages: defaults, which option belongs to which type, and what every refusal says."""

from __future__ import annotations

import re
from contextlib import suppress
from random import Random
from typing import Any

import pytest

import convcalc
from convcalc import ConvcalcError, analyze
from convcalc.recipes import RECIPES
from convcalc.recipes.options import EXAMPLE_NOTE, LayerOptions

OPTIONS: dict[str, Any] = {
    "groups": 3, "multiplier": 2, "mid_channels": 5, "output_padding": 1, "output_size": 15,
}  # fmt: skip
OWNERS = {
    "groups": {
        "standard", "pointwise", "dilated", "transposed", "grouped", "depthwise", "pointwise-grouped",
        "shuffled-grouped",
    },
    "multiplier": {"depthwise", "depthwise-separable"},
    "mid_channels": {"spatially-separable"},
    "output_padding": {"transposed"},
    "output_size": {"transposed"},
}  # fmt: skip
"""Option -> the types that it means something for."""


def geometry(type: str, **options: Any) -> dict[str, Any]:
    """The options of the first stage."""
    stage = analyze(type, **options).to_dict()["stages"][0]
    return {key: stage[key] for key in ("input", "output", "kernel", "stride", "padding", "dilation", "groups")}


def test_nothing_given_is_the_worked_example() -> None:
    report = analyze()
    assert (report.type, report.batch, report.dtype) == ("standard", 1, "float32")
    assert (report.input, report.output) == ((3, 7, 7), (128, 5, 5))
    assert EXAMPLE_NOTE in report.notes
    assert geometry("standard")["kernel"] == [3, 3]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_type_has_a_worked_example(recipe: Any) -> None:
    report = analyze(recipe.name)
    assert report.input[1:] == (7, 7)
    assert any("worked example" in note for note in report.notes)
    assert report.output[0] == (report.input[0] if recipe.name == "depthwise" else 128)


@pytest.mark.parametrize(
    ("type", "options", "supplied"),
    [
        ("standard", {"kernel": 5}, "input 3x7x7, filters 128"),
        ("standard", {"input": (3, 9, 9)}, "kernel 3, filters 128"),
        ("standard", {"input": (3, 9, 9), "filters": 2}, "kernel 3"),
        ("pointwise", {"input": (3, 9, 9)}, "filters 128"),
        ("depthwise", {"input": (3, 9, 9)}, "kernel 3"),
        ("standard", {"kernel": 5, "layout": "channels-last"}, "input 7x7x3, filters 128"),
        ("standard", {"kernel": 5, "layout": "NHWC"}, "input 7x7x3, filters 128"),
        ("grouped", {"groups": 2, "kernel": 5}, "input 4x7x7, filters 128"),
    ],
)
def test_what_the_worked_example_supplied_is_noted(type: str, options: dict[str, Any], supplied: str) -> None:
    assert f"not given, so taken from the worked example: {supplied}" in analyze(type, **options).notes


def test_a_layer_given_whole_has_no_such_note() -> None:
    notes = analyze("standard", input=(3, 9, 9), kernel=3, filters=2).notes
    assert not [note for note in notes if "worked example" in note]


@pytest.mark.parametrize(
    ("type", "key", "expected"),
    [
        ("dilated", "dilation", [2, 2]),
        ("standard", "dilation", [1, 1]),
        ("grouped", "groups", 2),
        ("pointwise-grouped", "groups", 2),
        ("shuffled-grouped", "groups", 2),
        ("standard", "groups", 1),
        ("pointwise", "kernel", [1, 1]),
        ("pointwise-grouped", "kernel", [1, 1]),
        ("depthwise", "groups", 6),
    ],
)
def test_defaults_of_the_types(type: str, key: str, expected: Any) -> None:
    assert geometry(type, input=(6, 11, 13))[key] == expected


def test_the_filters_of_a_depthwise_convolution() -> None:
    """channels * multiplier, whichever of the two is given."""
    assert analyze("depthwise", input=(5, 7, 7)).output[0] == 5
    assert analyze("depthwise", input=(5, 7, 7), multiplier=3).output[0] == 15
    assert analyze("depthwise", input=(5, 7, 7), filters=15).output[0] == 15
    assert analyze("depthwise", input=(5, 7, 7), filters=15, multiplier=3).output[0] == 15
    assert analyze("depthwise", input=(5, 7, 7), groups=5).output[0] == 5


@pytest.mark.parametrize(
    ("options", "input"),
    [
        ({"kernel": (3, 5)}, (3, 7, 7)),
        ({"kernel": (3, 3, 3)}, (3, 7, 7, 7)),
        ({"kernel": "3x5x2"}, (3, 7, 7, 7)),
        ({"stride": (1, 2, 1)}, (3, 7, 7, 7)),
        ({"padding": ((0, 1), (1, 0), (0, 0))}, (3, 7, 7, 7)),
        ({"dilation": [2, 1]}, (3, 7, 7)),
    ],
)
def test_per_axis_values_say_the_dimension_where_the_input_does_not(options: dict[str, Any], input: Any) -> None:
    assert analyze("standard", **options).input == input


@pytest.mark.parametrize(("type", "input"), [("1d", (3, 7)), ("2d", (3, 7, 7)), ("3d", (3, 7, 7, 7))])
def test_names_say_the_dimension_where_the_input_does_not(type: str, input: Any) -> None:
    assert analyze(type).input == input


@pytest.mark.parametrize(
    ("type", "input", "message"),
    [
        ("1d", "3x9x9", "input: type 1d is for 1-D data, got '3x9x9', which is 2-D; write 3x32 or another type"),
        ("2d", (3, 9), r"input: type 2d is for 2-D data, got \(3, 9\), which is 1-D; write 1x3x9 or another type"),
        ("3d", "3x9x9", "input: type 3d is for 3-D data, got '3x9x9', which is 2-D; write 3x32x32x32 or another type"),
    ],
)
def test_names_check_the_dimension(type: str, input: Any, message: str) -> None:
    with pytest.raises(ConvcalcError, match=f"^{message}$"):
        analyze(type, input=input)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_options_of_another_type_are_refused(recipe: Any, option: str) -> None:
    name = option.replace("_", "-")
    value = {"input": (6, 11, 13), "stride": 2, "filters": 6, option: OPTIONS[option]}
    if recipe.name in OWNERS[option]:
        if recipe.name == "depthwise":
            value = {**value, "filters": None} | ({"groups": 6} if option == "groups" else {})
        if option == "output_size":
            value[option] = (24, 28)
        analyze(recipe.name, **value)
        return
    owners = " or ".join(other.name for other in RECIPES if other.name in OWNERS[option])
    with pytest.raises(ConvcalcError, match=f"^{name}: is not an option of {recipe.name}; use --type {owners}$"):
        analyze(recipe.name, **value)


@pytest.mark.parametrize(
    ("type", "neutral"),
    [
        ("depthwise-separable", {"groups": 1}),
        ("flattened", {"groups": 1, "multiplier": 1}),
        ("standard", {"multiplier": 1, "output_padding": 0}),
        ("transposed", {"output_padding": (0, 0)}),
    ],
)
def test_an_option_that_changes_nothing_is_accepted(type: str, neutral: dict[str, Any]) -> None:
    assert analyze(type, input=(6, 11, 13), **neutral).to_dict() == analyze(type, input=(6, 11, 13)).to_dict()


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    # groups: the counts that divide
    ("standard", {"input": (10, 7, 7), "groups": 4, "filters": 8},
     "conv: groups must divide in_channels, got groups=4 and in_channels=10; try "),
    ("standard", {"input": (8, 7, 7), "groups": 4, "filters": 9},
     "conv: groups must divide filters, got groups=4 and filters=9; try "),
    ("transposed", {"input": (6, 7, 7), "groups": 4, "filters": 8},
     "transposed: groups must divide in_channels, got groups=4 and in_channels=6; try "),
    ("shuffled-grouped", {"input": (6, 7, 7), "groups": 3, "filters": 8},
     "grouped: groups must divide filters, got groups=3 and filters=8; try "),
    ("depthwise", {"input": (6, 7, 7), "groups": 3},
     "groups: a depthwise convolution has as many as channels, got groups=3 and channels=6; leave --groups out"),
    # windows that do not fit: the smallest input
    ("standard", {"input": (3, 7, 2), "kernel": (3, 5)},
     r"conv: width: the window must fit the padded input, got extent 5 .*; the smallest input that fits is 5"),
    ("dilated", {"input": (3, 9, 6), "dilation": 4, "padding": ((1, 0), (0, 1))},
     r"dilated: width: .*extent 9 \(4\*\(3 - 1\) \+ 1\) on 6 \+ 0 \+ 1; the smallest input that fits is 8"),
    ("3d", {"input": (3, 2, 9, 9)}, "conv: depth: .*the smallest input that fits is 3"),
    ("1d", {"input": (3, 2)}, "conv: length: .*the smallest input that fits is 3"),
    ("depthwise-separable", {"input": (3, 2, 9)}, "depthwise: height: .*the smallest input that fits is 3"),
    ("spatially-separable", {"input": (3, 9, 2)}, "row: width: .*the smallest input that fits is 3"),
    ("flattened", {"input": (3, 2, 9)}, "vertical: height: .*the smallest input that fits is 3"),
    # transposed: crops, output padding, output sizes that exist
    ("transposed", {"input": (3, 2, 2), "kernel": 3, "padding": 2},
     "transposed: height: the crop must leave at least one output, got padding 2 [+] 2 of 4; use a total padding of at "
     "most 3"),
    ("transposed", {"input": (3, 5, 5), "stride": 2, "output_size": (11, 13)},
     "output-size: width must be from 11 to 12, got 13"),
    ("transposed", {"input": (3, 5), "stride": 3, "kernel": 4, "padding": 1, "output_size": 13},
     "output-size: length must be from 14 to 16, got 13"),
    ("transposed", {"input": (3, 5, 5), "stride": 2, "output_padding": 1, "output_size": 12},
     "output-size: it decides the output padding; leave --output-padding out"),
    ("transposed", {"input": (3, 5, 5), "padding": "full"},
     ".*padding of a transposed convolution crops its result, got 'full'; use numbers or valid, same, same-lower"),
    ("transposed", {"input": (3, 5, 5), "padding": "causal"}, ".*got 'causal'"),
    # values that a type fixes
    ("pointwise", {"kernel": 3}, "kernel: is 1 on every axis for this type, got 3; leave --kernel out"),
    ("pointwise-grouped", {"kernel": (1, 3)}, "kernel: is 1 on every axis for this type, got 1x3; leave --kernel out"),
    ("depthwise", {"input": (3, 7, 7), "filters": 8},
     "filters: .* has channels[*]multiplier, got filters=8, channels=3, multiplier=1; use --filters 3"),
    ("depthwise", {"input": (3, 7, 7), "filters": 6, "multiplier": 3},
     "filters: .*got filters=6, channels=3, multiplier=3; use --filters 9 or leave it out"),
    # values that cannot be read, by the name of their option
    ("standard", {"input": (3, 7, 7), "kernel": (3, 3, 3)}, "kernel: takes one value for all axes or 2"),
    ("standard", {"input": (3, 7, 7), "stride": 0}, "stride: must be at least 1, got 0"),
    ("standard", {"dilation": -1}, "dilation: must be at least 1, got -1"),
    ("standard", {"filters": 0}, "filters: must be at least 1, got 0"),
    ("standard", {"batch": 0}, "batch: must be at least 1, got 0"),
    ("standard", {"batch": True}, "batch: must be a whole number of at least 1, got True"),
    ("standard", {"groups": 0}, "groups: must be at least 1, got 0"),
    ("depthwise", {"multiplier": 0}, "multiplier: must be at least 1, got 0"),
    ("spatial", {"mid_channels": 0}, "mid-channels: must be at least 1, got 0"),
    ("transposed", {"output_padding": -1}, "output-padding: must be at least 0, got -1"),
    ("transposed", {"output_size": 0}, "output-size: must be at least 1, got 0"),
    ("standard", {"kernel": ()}, "kernel: takes one value for all axes"),
    ("standard", {"kernel": "1x2x3x4"}, "kernel: a layer has 1 to 3 spatial axes, got values for 4"),
    ("standard", {"layout": "NHCW", "input": (7, 7, 3)}, "layout: must be channels-first or channels-last, got 'NHCW'"),
    ("standard", {"layout": "NHCW"}, "layout: must be channels-first or channels-last, got 'NHCW'"),
    ("standard", {"layout": None}, "layout: "),
]  # fmt: skip


@pytest.mark.parametrize(("type", "options", "message"), REFUSALS)
def test_refusals_say_what_would_work(type: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvcalcError, match=f"^{message}") as raised:
        analyze(type, **options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("channels", "filters", "groups"), [(10, 20, 4), (12, 24, 5), (8, 9, 4), (10, 8, 4), (30, 42, 7), (7, 7, 3)]
)
def test_the_group_counts_offered_all_work(channels: int, filters: int, groups: int) -> None:
    with pytest.raises(ConvcalcError, match="groups must divide") as raised:
        analyze("standard", input=(channels, 7, 7), filters=filters, groups=groups)
    offered = [int(number) for number in re.findall(r"\d+", str(raised.value).partition("; try ")[2])]
    assert offered
    for count in offered:
        assert (channels % count, filters % count) == (0, 0), str(raised.value)


@pytest.mark.parametrize("padding", [3, 4])
def test_output_padding_is_smaller_than_stride_or_dilation(padding: int) -> None:
    """PyTorch: output padding must be smaller than either stride or dilation."""
    with pytest.raises(ConvcalcError, match=rf"output-padding.* smaller than stride or dilation, got {padding} "):
        analyze("transposed", input=(3, 5, 5), stride=(3, 4), dilation=(2, 5), output_padding=(padding, 4))


def test_the_output_sizes_that_exist_are_those_that_are_accepted() -> None:
    """Whatever an error offers works: every size from the least to the most, and none beyond."""
    for options in (
        {"kernel": 4, "stride": 3, "padding": 1},
        {"kernel": 2, "stride": 1, "dilation": 4},
        {"kernel": 5, "stride": 2, "padding": "same"},
        {"kernel": 1, "stride": 3, "padding": "same"},
        {"kernel": 2, "stride": 4, "padding": "valid"},
    ):
        with pytest.raises(ConvcalcError, match=r"^output-size: length must be from \d+ to \d+, got 1000; ") as raised:
            analyze("transposed", input=(3, 5), output_size=1000, **options)
        least, most, *_ = (int(number) for number in re.findall(r"\d+", str(raised.value)))
        for size in range(least, most + 1):
            assert analyze("transposed", input=(3, 5), output_size=size, **options).output[1:] == (size,)
        for size in (least - 1, most + 1):
            with pytest.raises(ConvcalcError, match=r"^output-size: "):
                analyze("transposed", input=(3, 5), output_size=size, **options)


def test_the_padding_and_kernel_that_an_output_size_is_told_give_it() -> None:
    random, refused = Random(5), 0
    while refused < 150:
        dims = random.choice([1, 2])

        def drawn(most: int, dims: int = dims) -> tuple[int, ...]:
            return tuple(random.randint(1, most) for _ in range(dims))

        options: dict[str, Any] = {
            "input": (2, *drawn(9)), "kernel": drawn(6), "stride": drawn(4), "dilation": drawn(3), "filters": 3,
            "padding": random.choice([0, 1, 2, "same", "valid"]), "output_size": drawn(40),
        }  # fmt: skip
        try:
            analyze("transposed", **options)
        except ConvcalcError as error:
            remedy = str(error).partition("; use ")[2]
            if str(error).startswith("output-size: "):
                refused += 1
                told = dict(re.findall(r"--(padding|kernel) ([^\s;]+)", remedy))
                assert analyze("transposed", **{**options, **told}).output[1:] == options["output_size"]


def test_errors_are_value_errors() -> None:
    with pytest.raises(ValueError, match=r"^type: unknown convolution type"):
        convcalc.analyze("no-such-type")


WRONG_TYPES = [
    1.0, 2.5, True, -1, 0, [], (), {"a": 1}, {3}, b"3", [None], "", " ", "x", "3.5", "-1", "٣", object(), 3j,
    iter([3]), "3x", (1.5, 2), [[1, 2, 3]],
]  # fmt: skip


@pytest.mark.parametrize("name", sorted({*LayerOptions.__dataclass_fields__, "batch"} - {"bias", "layout"}))
@pytest.mark.parametrize("value", WRONG_TYPES, ids=lambda value: str(value)[:20])
def test_a_value_of_a_wrong_type_is_refused_or_means_what_it_says(name: str, value: Any) -> None:
    if (name in ("padding", "output_padding") and value == 0) or (name == "multiplier" and value is True):
        return
    with pytest.raises(ConvcalcError) as raised:
        analyze("transposed" if name.startswith("output") else "standard", **{name: value})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [None, 3, 3.0, True, ["standard"], {"standard": 1}, b"standard", ("standard",)])
def test_a_type_of_a_wrong_type_is_refused(value: Any) -> None:
    with pytest.raises(ConvcalcError, match=r"^type: "):
        analyze(value)


@pytest.mark.parametrize("value", ["no", "false", 2, 0.5, [0], "yes"])
def test_a_bias_is_yes_or_no(value: Any) -> None:
    """Any text is true in Python; here `bias="false"` would silently add biases."""
    with pytest.raises(ConvcalcError, match=r"^bias: "):
        analyze(bias=value)


def test_numpy_values_are_as_good_as_pythons() -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.zeros((3, 11, 13))
    report = analyze(
        "standard", input=array.shape, kernel=numpy.int64(3), stride=(numpy.int8(1), 2), filters=numpy.uint16(5)
    )
    assert report.to_dict() == analyze(input=(3, 11, 13), kernel=3, stride=(1, 2), filters=5).to_dict()
    assert all(type(size) is int for size in report.output)
    for stage in report.to_dict()["stages"]:
        assert all(type(size) is int for size in (*stage["stride"], *stage["kernel"], stage["multiplications"]))


@pytest.mark.parametrize("name", ["input", "kernel", "stride", "padding", "dilation"])
def test_a_numpy_array_of_sizes_is_read_or_refused(name: str) -> None:
    numpy = pytest.importorskip("numpy")
    value = (3, 7, 7) if name == "input" else (1, 2)
    with suppress(ConvcalcError):
        assert analyze(**{name: numpy.array(value)}).output == analyze(**{name: value}).output


def test_a_report_is_frozen() -> None:
    report = analyze()
    with pytest.raises(AttributeError):
        report.batch = 2
    first = report.to_dict()
    first["stages"][0]["kernel"][0] = 99
    first["notes"].clear()
    assert report.to_dict() == analyze().to_dict()
