"""Comparisons: which types map the same input to the same output, and their exact ratios to the base."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from convcalc.errors import ConvcalcError, NotationError, ShapeError
from convcalc.questions.compare import STAND_INS, Compared, Comparison, NetworkComparison, compare, compare_chain
from convcalc.questions.models import network
from convcalc.readers.words import row_graph
from convcalc.recipes import RECIPES, recipe_named
from convcalc.recipes.options import LayerOptions
from tests import formula
from tests.cases import CASES, Case
from tests.reference import counts


def compared(type: str, *types: str, **options: Any) -> Comparison:
    batch = options.pop("batch", 1)
    given = LayerOptions(**options)
    return compare(type, given, types, batch=batch, dtype="float32")


def by_loops(report: Any, options: dict[str, Any]) -> tuple[int, int]:
    """(multiplications, parameters), counted one by one."""
    bias, batch = options.get("bias", False), options.get("batch", 1)
    loops = [counts(stage, bias=bias, batch=batch) for stage in report.to_dict()["stages"]]
    return sum(loop.multiplications for loop in loops), sum(loop.weights + loop.biases for loop in loops)


def test_the_worked_example() -> None:
    """Howard et al. 2017, MobileNets, section 3.1: 1/N + 1/k^2 of the standard convolution."""
    comparison = compared("standard", "depthwise", input=(3, 7, 7), kernel=3, filters=128)
    [row] = comparison.compared
    assert row.report.type == "depthwise-separable"
    assert (comparison.base.multiplications, row.report.multiplications) == (86_400, 10_275)
    assert row.ratio_multiplications == row.ratio_parameters == Fraction(1, 128) + Fraction(1, 9)
    assert (row.ratio_formula, row.closed_form) == ("1/128 + 1/9", "1/N + 1/k²")
    written = row.to_dict()
    assert round(written["ratio_multiplications"], 5) == round(written["ratio_parameters"], 5) == 0.11892
    assert written["ratio_formula"] == "1/128 + 1/9"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_ratios_are_those_of_plain_loops(case: Case) -> None:
    options = dict(case.options)
    comparison = compared(case.type, "all", **options)
    base = by_loops(comparison.base, options)
    for row in comparison.compared:
        assert row.report.output == comparison.base.output == case.output
        assert row.report.input == comparison.base.input
        other = by_loops(row.report, options)
        assert row.ratio_multiplications == Fraction(other[0], base[0]), row.report.type
        assert row.ratio_parameters == Fraction(other[1], base[1]), row.report.type


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_type_is_compared_or_said_to_be_left_out(case: Case) -> None:
    comparison = compared(case.type, "all", **dict(case.options))
    rows = [row.report.type for row in comparison.compared]
    left_out = [note.partition(" is left out: ")[0] for note in comparison.notes]
    assert len(rows) == len(set(rows))
    expected = {recipe.name for recipe in RECIPES} - {recipe_named(case.type).name} - set(STAND_INS)
    assert sorted(rows + left_out) == sorted(expected)


def test_formulas_evaluate_to_the_ratios() -> None:
    fractions = closed = 0
    for case in CASES:
        options = dict(case.options)
        comparison = compared(case.type, "all", **options)
        kernel = comparison.base.to_dict()["stages"][0]["kernel"]
        for row in comparison.compared:
            if row.ratio_formula:
                assert formula.value(row.ratio_formula) == row.ratio_multiplications, (case.name, row.report.type)
                fractions += 1
            if row.closed_form:
                assert_closed_form(row, kernel, options)
                closed += 1
    assert fractions > 50
    assert closed > 20


def assert_closed_form(row: Compared, kernel: list[int], options: dict[str, Any]) -> None:
    """N filters, m multiplier and g groups of the compared type, k the base's kernel."""
    first, *_, last = [stage for stage in row.report.to_dict()["stages"] if stage["op"] == "conv"] * 2
    symbols: dict[str, int] = {"N": last["out_channels"], "m": options.get("multiplier", 1), "g": first["groups"]}
    symbols |= {f"k{axis}": size for axis, size in enumerate(kernel, 1)}
    if len(set(kernel)) == 1:
        symbols["k"] = kernel[0]
    assert row.closed_form is not None
    assert formula.value(row.closed_form, symbols) == row.ratio_multiplications, (row.closed_form, symbols)


@pytest.mark.parametrize(
    ("type", "options", "closed_form", "ratio_formula"),
    [
        ("ds", {"input": (4, 9, 9), "kernel": 3, "filters": 16}, "1/N + 1/k²", "1/16 + 1/9"),
        ("ds", {"input": (4, 9, 9), "kernel": 3, "filters": 16, "multiplier": 3}, "m/N + m/k²", "3/16 + 1/3"),
        ("ds", {"input": (4, 9, 9), "kernel": (3, 5), "filters": 16}, "1/N + 1/(k1·k2)", "1/16 + 1/15"),
        ("ds", {"input": (4, 9), "kernel": 5, "filters": 7}, "1/N + 1/k", "1/7 + 1/5"),
        ("ds", {"input": (4, 9, 9, 9), "kernel": 2, "filters": 3}, "1/N + 1/k³", "1/3 + 1/8"),
        ("grouped", {"input": (12, 9, 9), "kernel": 3, "filters": 6, "groups": 3}, "1/g", "1/3"),
        ("shuffled", {"input": (4, 9, 9), "kernel": 3, "filters": 6}, "1/g", "1/2"),
        ("dilated", {"input": (4, 9, 9), "kernel": 3, "filters": 6, "padding": "same"}, "1", "1"),
        ("pointwise", {"input": (4, 9, 9), "kernel": 3, "padding": "same", "filters": 6}, "1/k²", "1/9"),
    ],
)  # fmt: skip
def test_closed_forms(type: str, options: dict[str, Any], closed_form: str, ratio_formula: str) -> None:
    [row] = compare("standard", LayerOptions(**options), [type], batch=1, dtype="float32").compared
    assert (row.closed_form, row.ratio_formula) == (closed_form, ratio_formula)


def test_spatially_separable_has_a_formula_but_no_closed_form() -> None:
    """5x5, one 3x3 filter: 45/81 + 27/81."""
    [row] = compared("standard", "spatial", input=(1, 5, 5), kernel=3, filters=1).compared
    assert (row.ratio_formula, row.closed_form) == ("5/9 + 1/3", None)
    assert row.ratio_multiplications == Fraction(72, 81)


def test_a_base_of_several_stages_has_ratios_but_no_formula() -> None:
    [row] = compared("depthwise-separable", "standard", input=(3, 7, 7), filters=128).compared
    assert row.ratio_multiplications == Fraction(86_400, 10_275)
    assert (row.ratio_formula, row.closed_form) == (None, None)


def test_the_base_grouped_against_types_without_groups() -> None:
    """One convolution in 3 groups has a third of the multiplications of the whole one."""
    whole, shuffled = compared(
        "grouped", "standard", "shuffled", input=(6, 7, 7), kernel=3, filters=9, groups=3
    ).compared
    assert (whole.ratio_multiplications, whole.ratio_parameters) == (3, 3)
    assert shuffled.ratio_multiplications == 1


def test_a_depthwise_base_has_its_own_filters() -> None:
    """4 channels, 2 filters each: 8 of 3x3x4 against 8 of 3x3."""
    [whole] = compared("depthwise", "standard", input=(4, 7, 7), kernel=3, multiplier=2).compared
    assert whole.report.output == (8, 5, 5)
    assert whole.ratio_multiplications == whole.ratio_parameters == 4


def test_types_in_the_order_asked_for_and_once() -> None:
    comparison = compared("standard", "flattened", "ds", "depthwise", "flattened", input=(3, 7, 7), filters=8)
    assert [row.report.type for row in comparison.compared] == ["flattened", "depthwise-separable"]


def test_counts_are_for_the_whole_batch_and_ratios_stay() -> None:
    one, five = (compared("standard", "ds", input=(3, 7, 7), filters=8, batch=batch) for batch in (1, 5))
    assert five.base.multiplications == 5 * one.base.multiplications
    assert five.compared[0].report.multiplications == 5 * one.compared[0].report.multiplications
    assert five.compared[0].ratio_multiplications == one.compared[0].ratio_multiplications


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_json_of_a_comparison(case: Case) -> None:
    comparison = compared(case.type, "all", **dict(case.options))
    written = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert set(written) == {"schema", "base", "compared", "notes"}
    assert written["base"] == comparison.base.to_dict()
    for row, entry in zip(comparison.compared, written["compared"], strict=True):
        assert entry == {
            **row.report.to_dict(),
            "ratio_multiplications": float(row.ratio_multiplications),
            "ratio_parameters": float(row.ratio_parameters),
            "ratio_formula": row.ratio_formula,
        }


def test_enormous_ratios() -> None:
    size, filters = 10**99, 10**98
    [row] = compared("standard", "ds", input=(3, size, size), kernel=3, filters=filters).compared
    assert row.ratio_multiplications == Fraction(1, filters) + Fraction(1, 9)
    [row] = compared("pointwise", "flattened", input=(3, size, size), kernel=1, stride=10**98, filters=5).compared
    assert row.ratio_multiplications > 10**195
    json.dumps(row.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("type", "types", "options", "message"),
    [
        ("standard", ["transposed"], {}, "compare: transposed: it gives 128x9x9, not 128x5x5"),
        ("standard", ["pointwise"], {}, "compare: pointwise: it gives 128x7x7, not 128x5x5"),
        ("standard", ["grouped"], {}, "compare: grouped: .*groups must divide in_channels, got groups=2"),
    ],
)  # fmt: skip
def test_a_type_without_such_a_map_is_refused(
    type: str, types: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ShapeError, match=f"^{message}"):
        compared(type, *types, **options)


def test_with_all_a_type_named_besides_is_left_out_with_a_note() -> None:
    comparison = compared("standard", "all", "transposed", input=(3, 7, 7))
    assert any(note.startswith("transposed is left out: it gives 128x9x9, not 128x5x5") for note in comparison.notes)


def test_padding_follows_the_extent_so_that_the_map_stays() -> None:
    """One padding pixel for 3 taps is none for one, and two for 3 taps two pixels apart."""
    rows = compared("standard", "pointwise", "dilated", input=(3, 7, 11), padding=((1, 1), (1, 1))).compared
    assert [row.report.output for row in rows] == [(128, 7, 11)] * 2
    assert [row.report.to_dict()["stages"][0]["padding"] for row in rows] == [[[0, 0]] * 2, [[2, 2]] * 2]


def test_groups_beside_a_grouped_type_are_its_own() -> None:
    comparison = compared("standard", "grouped", input=(12, 9, 9), filters=8, groups=4)
    assert comparison.base.weights == 8 * 12 * 9
    assert comparison.compared[0].report.weights == 8 * 3 * 9


def test_options_of_the_compared_type_alone() -> None:
    [row] = compared("standard", "spatial", input=(5, 9, 9), filters=8, mid_channels=3).compared
    assert row.report.weights == 3 * 5 * 3 + 8 * 3 * 3


@pytest.mark.parametrize("name", ["", "depthwis", "al", "everything"])
def test_an_unknown_type_is_refused(name: str) -> None:
    with pytest.raises(NotationError, match=r"^type: unknown convolution type"):
        compared("standard", name)


def test_all_may_be_written_in_any_case() -> None:
    assert compared("standard", "All") == compared("standard", "all")


def test_networks_whose_fields_are_of_several_kinds_are_told_so() -> None:
    def notes(*names: str) -> tuple[str, ...]:
        return NetworkComparison(network(names[0]), tuple(network(name) for name in names[1:])).notes

    assert notes("resnet18", "mobilenet-v1") == ()
    assert notes("resnet18", "mobilenet-v3-large", "unet", "unet") == (
        "receptive fields: resnet18's is of layer4/2/relu2, before the whole image is read; mobilenet-v3-large's is "
        "the whole image; unet's is of its output",
    )


def test_why_a_type_cannot_stand_in_a_row_names_the_layer_and_its_word() -> None:
    row = row_graph(["k3", "max:k2", "k3f8"], "3x9x9")
    with pytest.raises(ShapeError, match=r"^compare: grouped: layer 1, k3: groups must divide in_channels, got"):
        compare_chain(row, ["grouped"], dtype="float32")
    notes = compare_chain(row, ["all"], dtype="float32").notes
    assert "pointwise is left out: layer 1, k3: pointwise gives another size than k3; leave it as it is" in notes


def test_a_base_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConvcalcError, match="the window must fit the padded input"):
        compared("standard", "all", input=(3, 2, 2))
