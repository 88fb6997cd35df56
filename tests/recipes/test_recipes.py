"""The table of convolution types: what every entry must hold, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from convcalc import analyze
from convcalc.errors import NotationError
from convcalc.notation import type_spelling
from convcalc.notation.relatives import RELATIVES
from convcalc.recipes import BY_NAME, RECIPES, named_dims, recipe_named
from convcalc.recipes.recipe import Recipe
from tests.cases import CASES

NAMES = {
    "standard": {"conv", "1d", "2d", "3d"},
    "pointwise": {"1x1"},
    "dilated": {"atrous"},
    "transposed": {"deconv", "t"},
    "grouped": set(),
    "depthwise": {"dw"},
    "depthwise-separable": {"ds", "separable"},
    "spatially-separable": {"spatial"},
    "flattened": set(),
    "pointwise-grouped": set(),
    "shuffled-grouped": {"shuffled"},
}
"""Type -> the other names that it is promised to be found under."""

EVERY = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
DIMS = pytest.mark.parametrize("dims", [1, 2, 3])


def test_every_promised_name_is_there() -> None:
    assert {recipe.name: set(recipe.aliases) for recipe in RECIPES} == NAMES


def test_names_are_unique() -> None:
    names = [name for recipe in RECIPES for name in (recipe.name, *recipe.aliases)]
    assert len(names) == len(set(names)) == len(BY_NAME)


@EVERY
def test_every_name_finds_its_type(recipe: Recipe) -> None:
    for name in (recipe.name, *recipe.aliases):
        assert recipe_named(name) is recipe


@EVERY
def test_every_type_says_what_it_is_and_who_says_so(recipe: Recipe) -> None:
    for text in (recipe.summary, recipe.multiplications, recipe.source):
        assert text.strip() == text != ""
        assert "\n" not in text


@EVERY
@DIMS
def test_every_type_lowers_in_every_dimension(recipe: Recipe, dims: int) -> None:
    report = analyze(recipe.name, input=(6, *(11, 13, 7)[:dims]), filters=6)
    assert len(report.input) == len(report.output) == dims + 1
    assert report.output[0] == 6
    assert report.type == recipe.name
    assert len({stage.name for stage in report.stages}) == len(report.stages)
    for before, after in zip(report.stages, report.stages[1:], strict=False):
        assert before.output == after.input
    assert (report.stages[0].input, report.stages[-1].output) == (report.input, report.output)


@EVERY
@DIMS
def test_every_type_is_in_the_table_of_cases(recipe: Recipe, dims: int) -> None:
    if (recipe.name, dims) == ("spatially-separable", 1):
        return
    of_dims = [c for c in CASES if len(analyze(c.type, **c.options).input) == dims + 1]
    assert recipe in {recipe_named(case.type) for case in of_dims}


STAGES = {
    "standard": [("conv", 6, 10, (3, 5), 1)],
    "pointwise": [("conv", 6, 10, (1, 1), 1)],
    "dilated": [("conv", 6, 10, (3, 5), 1)],
    "transposed": [("conv_transpose", 6, 10, (3, 5), 1)],
    "grouped": [("conv", 6, 10, (3, 5), 2)],
    "depthwise-separable": [("conv", 6, 6, (3, 5), 6), ("conv", 6, 10, (1, 1), 1)],
    "spatially-separable": [("conv", 6, 10, (3, 1), 1), ("conv", 10, 10, (1, 5), 1)],
    "flattened": [("conv", 6, 10, (1, 1), 1), ("conv", 10, 10, (3, 1), 10), ("conv", 10, 10, (1, 5), 10)],
    "pointwise-grouped": [("conv", 6, 10, (1, 1), 2)],
    "shuffled-grouped": [("conv", 6, 10, (3, 5), 2), ("channel_shuffle", 10, 10, (1, 1), 2)],
    "depthwise": [("conv", 6, 12, (3, 5), 6)],
}
"""Type -> op, in channels, out channels, kernel and groups of its stages, from the papers that define them."""


@EVERY
def test_the_stages_are_those_of_the_paper(recipe: Recipe) -> None:
    options: dict[str, Any] = {"multiplier": 2} if recipe.name == "depthwise" else {"filters": 10}
    if recipe.default_kernel != 1:
        options["kernel"] = (3, 5)
    stages = analyze(recipe.name, input=(6, 11, 13), **options).to_dict()["stages"]
    assert [(s["op"], s["in_channels"], s["out_channels"], tuple(s["kernel"]), s["groups"]) for s in stages] == STAGES[
        recipe.name
    ]


@pytest.mark.parametrize(
    ("name", "type", "dims"),
    [("Conv2d", "standard", 2), ("conv1d", "standard", 1), ("3d", "standard", 3), ("ConvTranspose3d", "transposed", 3),
     ("deconvolution", "transposed", None), ("DepthwiseConv2D", "depthwise", 2),
     ("separable-conv", "depthwise-separable", None)],
)  # fmt: skip
def test_names_of_other_libraries_find_their_type(name: str, type: str, dims: int | None) -> None:
    assert recipe_named(name).name == type
    assert named_dims(name) == dims


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("deformable", "its taps move with the data; use --type standard, which counts the kernel on its regular grid"),
        ("DeformConv2d", "its taps move with the data; use --type standard, which counts the kernel on its"),
        ("involution", "its kernel depends on the data; use --type depthwise, which has its multiplications"),
        ("octave", "it works at two resolutions; use --type standard, once for each of its four paths"),
        ("conv lstm", "it is recurrent; use --type standard, on input plus hidden channels with 4 times the filters"),
        ("gated", "it is two convolutions, one of which gates the other; use --type standard, with twice the"),
        ("MaxPool2d", "it is a pool; write it as a layer word, such as max:k2"),
        ("causal", "it is a padding; use --padding causal instead"),
        ("causal_conv", "it is a padding; use --padding causal instead"),
        ("winograd", "it is a way to compute any type; use --algorithm winograd with run"),
        ("MBConv", "it is a block of several layers; write its layers as words or as a TOML file"),
    ],
)
def test_what_people_know_and_is_no_type_is_told_what_answers(name: str, message: str) -> None:
    with pytest.raises(NotationError, match=f"^type: '{name}' is no type here: {message}"):
        recipe_named(name)


def test_every_relative_names_a_type_and_is_none() -> None:
    for name, known in RELATIVES.items():
        assert known.type in ("", *BY_NAME)
        assert name not in BY_NAME
        assert type_spelling(name) not in BY_NAME


def test_a_name_close_to_one_is_suggested() -> None:
    with pytest.raises(NotationError, match=r"unknown convolution type 'depthwse'; did you mean depthwise\? "):
        recipe_named("depthwse")


@pytest.mark.parametrize("name", ["", " ", "Standart", "4d", "conv4d", "💥"])
def test_an_unknown_name_is_refused_with_all_the_names(name: str) -> None:
    with pytest.raises(NotationError, match=r"^type: unknown convolution type .*standard, pointwise, dilated"):
        recipe_named(name)


def test_dimensions_that_a_name_states() -> None:
    assert {name: dims for name in BY_NAME if (dims := named_dims(name))} == {"1d": 1, "2d": 2, "3d": 3}
