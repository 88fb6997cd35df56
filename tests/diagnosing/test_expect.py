"""What the answer says beyond the mistake: ties, chance, the kernel that made y, rounding, shapes, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.diagnosing.asking import asked, mended, names
from tests.diagnosing.layers import Layer, Stage, layers, output
from tests.proof.command import Invoked, Saved
from tests.proof.conftest import invoked, saved  # noqa: F401

RANDOM = np.random.default_rng(5)
LAYERS = {layer.name: layer for layer in layers(3)}
SIGNAL = LAYERS["1-D"]


def about(layer: Layer, y: np.ndarray) -> dict[str, Any]:
    return asked(layer.x, layer.kernels, y, b=layer.bias, **layer.options)


def test_unrelated_outputs_are_not_explained() -> None:
    for _ in range(3):
        y = RANDOM.integers(-300, 300, output(SIGNAL).shape)
        found = about(SIGNAL, y)
        assert (found["agrees"], found["explanations"], found["indistinguishable"]) == (False, [], [])
        assert 0 < found["tried"] - found["pairs"] < found["pairs"]  # alone, and two at once


def test_a_few_outputs_are_no_proof() -> None:
    """Two outputs that a mistake gives may be chance."""
    found = asked([1, 2, 3, 4], np.array([1, 2, 4]), [11, 18])
    assert (found["agrees"], found["explanations"]) == (False, [])
    assert "kernel-flipped" in found["indistinguishable"]
    assert "give a larger input" in found["notes"][-1]


def test_readings_that_are_one_function_are_one_explanation() -> None:
    """A square kernel with its axes exchanged is the same as a picture turned over, only where both are square."""
    layer = LAYERS["square"]
    found = about(layer, output(layer.but(w=layer.stages[0].w.swapaxes(0, 1))))
    [answer] = found["explanations"]
    assert {"kernel-in-out", "kernel-read-IOHW"} <= names(found)
    assert len(answer["equivalent"]) == len(names(found)) - 1
    assert found["indistinguishable"] == []


def test_ties_that_are_no_equalities_are_all_listed() -> None:
    """A kernel whose first row is its last cannot tell a flip along both axes from one along the width."""
    x, w = RANDOM.integers(-9, 10, (9, 8)), np.array([[1, 2, 5], [3, 4, 7], [1, 2, 5]])
    y = output(Layer("", x[None, None], (Stage(w[None, None, ::-1, ::-1]),)))
    found = asked(x, w, y[0, 0])
    ids = [each["id"] for each in found["explanations"]]
    assert {"kernel-flipped", "kernel-flipped-width"} <= set(ids)
    assert found["indistinguishable"] == ids


def test_what_would_not_show_is_said_where_both_agree() -> None:
    x, w = RANDOM.integers(-9, 10, (9, 8)), np.ones((3, 3), int)
    blind = asked(x, w, output(Layer("", x[None, None], (Stage(w[None, None]),)))[0, 0])
    assert blind["agrees"]
    assert {"kernel-flipped", "kernel-axes-width-height"} <= set(blind["indistinguishable"])
    layer = LAYERS["2-D"]
    seeing = about(layer, output(layer))
    assert "kernel-flipped" not in seeing["indistinguishable"]


# The kernel that made y


def known(name: str) -> Layer:
    random = np.random.default_rng(7)
    x, w = random.integers(-9, 10, (1, 2, 60)), random.integers(-9, 10, (3, 2, 3))
    return {
        "plain": Layer("", x, (Stage(w, None, (), ((1, 1),)),), {"type": "1d", "padding": 1}),
        "transposed": Layer(
            "", x, (Stage(w[:2], None, (2,), (), (), 1, True),), {"type": "transposed", "stride": 2, "dims": 1}
        ),
        "depthwise": Layer("", x, (Stage(w[:2, :1], groups=2),), {"type": "depthwise", "dims": 1}),
    }[name]


@pytest.mark.parametrize("name", ["plain", "transposed", "depthwise"])
def test_a_changed_tap_is_found(name: str) -> None:
    layer = known(name)
    w = layer.stages[0].w.copy()
    w[1, 0, 2] += 20
    y = output(layer.but(w=w))
    found = about(layer, y)
    [answer] = found["explanations"]
    assert answer["id"] == "kernel-found"
    assert "[1, 0, 2] is" in answer["text"]
    np.testing.assert_allclose(found["kernel_found"], w, atol=1e-6)
    assert mended(layer.x, layer.kernels, y, answer["fix"], **layer.options)


def test_a_flipped_kernel_with_one_tap_twice_is_both() -> None:
    layer = known("plain")
    w = np.flip(layer.stages[0].w, 2).copy()
    w[0, 0, 1] *= 2
    y = output(layer.but(w=w))
    [answer] = about(layer, y)["explanations"]
    assert "flipped" in answer["text"]
    assert "[0, 0, 1] counts twice" in answer["text"]
    assert mended(layer.x, layer.kernels, y, answer["fix"], **layer.options)


def test_a_larger_kernel_is_found_with_its_place() -> None:
    random = np.random.default_rng(7)
    layer = Layer("", random.integers(-9, 10, (1, 1, 15, 16)), (Stage(random.integers(-9, 10, (2, 1, 3, 3))),))
    wide = random.integers(1, 10, (2, 1, 4, 3))
    y = output(layer.but(w=wide, padding=((1, 0), (0, 0))))
    found = about(layer, y)
    np.testing.assert_allclose(found["kernel_found"], wide, atol=1e-6)
    assert "height -1 to 2, width 0 to 2" in found["explanations"][0]["text"]
    assert mended(layer.x, layer.kernels, y, found["explanations"][0]["fix"])


def test_too_small_an_input_says_how_large_it_must_be() -> None:
    layer = LAYERS["1-D"]
    small = replace(layer, x=layer.x[:1, :, :9])
    found = about(small, RANDOM.integers(-300, 300, output(small).shape))
    [note] = found["notes"]
    assert note.startswith("to find the kernel that made y, give an input of ")
    size = int(note.split("input of ")[1].split()[0])
    assert size > 9
    larger = replace(layer, x=RANDOM.integers(-9, 10, (1, 3, size)))
    other = output(larger.but(w=RANDOM.integers(-9, 10, (5, 3, 4))))
    assert [each["id"] for each in about(larger, other)["explanations"]] == ["kernel-found"]


# Rounding and tolerance


def test_a_sum_in_another_order_agrees() -> None:
    random = np.random.default_rng(3)
    x, w = random.standard_normal((1, 3, 8, 9)), random.standard_normal((2, 3, 3, 3))
    y = output(Layer("", x, (Stage(w),)))
    found = asked(x.astype(np.float32), w.astype(np.float32), y.astype(np.float32))
    assert found["agrees"]
    assert 0 < found["max_abs_error"] < found["rounding"]
    off = asked(x, w, y + 1e-3)
    assert not off["agrees"]
    assert asked(x, w, y + 1e-3, tolerance=2e-3)["agrees"]


def test_sums_in_float16_are_no_mistake() -> None:
    random = np.random.default_rng(3)
    x, w = random.standard_normal((1, 8, 10, 9)).astype(np.float16), random.standard_normal((4, 8, 3, 3))
    total = np.zeros((1, 4, 8, 7), np.float16)
    for c, i, j in np.ndindex(8, 3, 3):
        total += w.astype(np.float16)[:, c, i, j].reshape(1, 4, 1, 1) * x[:, c : c + 1, i : i + 8, j : j + 7]
    found = asked(x.astype(np.float32), w.astype(np.float32), total)
    assert not found["agrees"]
    [answer] = found["explanations"]
    assert "float16" in answer["text"]
    assert "need be no mistake" in answer["text"]


def test_one_output_that_is_far_off_is_no_rounding() -> None:
    """However many others are no more than rounded."""
    random = np.random.default_rng(3)
    x, w = random.standard_normal((1, 1, 90, 80)).astype(np.float32), random.standard_normal((1, 1, 3, 2))
    y = output(Layer("", x, (Stage(w),))).astype(np.float16).astype(np.float32)
    assert [each["id"].split("-")[0] for each in asked(x, w, y)["explanations"]] == ["rounding"]
    y[0, 0, 41, 37] += 1000
    found = asked(x, w, y)
    assert (found["agrees"], found["explanations"]) == (False, [])


# Shapes, forms and the command


def test_what_changes_nothing_does_not_explain_a_rounded_output() -> None:
    """With one channel, a file in another order of its axes is the same file."""
    x, w = RANDOM.standard_normal((2, 1, 59)), RANDOM.standard_normal((2, 1, 4))
    halves = output(Layer("", x.astype(np.float16).astype(float), (Stage(w.astype(np.float16).astype(float)),)))
    found = asked(x, w, halves.astype(np.float16), dims=1)
    assert [each["id"].split("-")[0] for each in found["explanations"]] == ["rounding"]


def test_two_mistakes_have_the_fix_of_both_or_none() -> None:
    """A left-out channel has no fix; that of the flipped kernel alone would not make both agree."""
    x, w = RANDOM.integers(-9, 10, (1, 3, 12, 11)), RANDOM.integers(-9, 10, (2, 3, 4, 2))
    without = w.copy()
    without[:, -1] = 0
    found = asked(x, w, output(Layer("", x, (Stage(without[..., ::-1, ::-1]),))))
    [answer] = found["explanations"]
    assert set(answer["id"].split(" + ")) == {"channel-last-lost", "kernel-flipped"}
    assert answer["fix"] == ""


def test_the_order_of_an_output_that_has_another_size_too() -> None:
    layer = LAYERS["2-D"]
    other = output(layer.but(stride=(1, 1)))
    y = np.moveaxis(other, 1, -1).copy().reshape(other.shape)
    found = about(layer, y)
    [answer] = found["explanations"]
    assert "y.reshape" in answer["fix"]
    assert mended(layer.x, layer.kernels, y, answer["fix"], b=layer.bias, **layer.options)


def test_padding_of_the_axes_in_reverse_order() -> None:
    x, w = RANDOM.integers(-9, 10, (1, 2, 13, 11)), RANDOM.integers(-9, 10, (2, 2, 3, 3))
    y = output(Layer("", x, (Stage(w, padding=((1, 2), (0, 0))),)))
    found = asked(x, w, y, padding="0x1:2")
    assert [each["fix"] for each in found["explanations"]] == ["--padding 1:2x0"]


def test_a_fix_after_which_a_kernel_could_be_read_in_two_ways() -> None:
    x, w = RANDOM.integers(-9, 10, (1, 2, 55)), RANDOM.integers(-9, 10, (3, 2, 3))
    y = output(Layer("", x, (Stage(w, padding=((2, 1),)),)))
    found = asked(x, w, y, padding="2:1", dilation="2")
    [answer] = found["explanations"]
    assert answer["fix"] == "--dilation 1 --dims 1"
    assert mended(x, w, y, answer["fix"], padding="2:1", dilation="2")


def test_shapes_that_no_single_mistake_gives() -> None:
    found = about(SIGNAL, RANDOM.integers(-300, 300, (2, 5, 40)))
    assert found["max_abs_error"] is None
    assert found["first_difference"] == []
    assert found["pattern"] == "shape 2x5x40 instead of 2x5x12"


def test_a_shape_that_comes_from_an_option() -> None:
    found = about(SIGNAL, RANDOM.integers(-300, 300, (2, 5, 23)))
    assert any("the stride is 1 instead of 2" in note for note in found["notes"])


@pytest.mark.parametrize("form", ["whole", "no batch", "flat channels last"])
def test_forms_of_y(form: str) -> None:
    layer = LAYERS["square"]
    y = output(layer)
    wrong = y.copy()
    wrong[0, 1] += 1
    given, at = {
        "whole": (wrong, [0, 1, 0, 0]), "no batch": (wrong[0], [1, 0, 0]),
        "flat channels last": (np.moveaxis(wrong[0], 0, -1), [0, 0, 1]),
    }[form]  # fmt: skip
    if form == "flat channels last":
        x, w = np.moveaxis(layer.x[0], 0, -1), np.moveaxis(layer.kernels[0], (0, 1), (-1, -2))
        found = asked(x, w, given, b=layer.bias, layout="channels-last", **layer.options)
    else:
        found = about(layer, given)
    assert found["first_difference"] == at
    assert found["pattern"].startswith("64 of 192 outputs differ, in channel 1; by a constant")


def test_channels_last_kernels_have_fixes_for_their_own_form() -> None:
    layer = LAYERS["square"]
    x, w = np.moveaxis(layer.x[0], 0, -1), np.moveaxis(layer.kernels[0], (0, 1), (-1, -2))
    y = np.moveaxis(output(layer.but(w=layer.stages[0].w[..., ::-1, :]))[0], 0, -1)
    found = asked(x, w, y, b=layer.bias, layout="channels-last", **layer.options)
    assert found["explanations"][0]["fix"] == "w = w[::-1, :]"
    assert mended(x, w, y, "w = w[::-1, :]", b=layer.bias, layout="channels-last", **layer.options)


def test_the_kernel_of_a_channels_last_file_in_another_order() -> None:
    """HWIO numbers that were written as OIHW."""
    layer = LAYERS["square"]
    x, w = np.moveaxis(layer.x[0], 0, -1), np.moveaxis(layer.kernels[0], (0, 1), (-1, -2))
    odd = layer.stages[0].w.reshape(3, 3, 3, 3).transpose(1, 0, 2, 3)
    y = np.moveaxis(output(layer.but(w=odd))[0], 0, -1)
    found = asked(x, w, y, b=layer.bias, layout="channels-last", **layer.options)
    assert "kernel-in-out" in names(found)
    fix = found["explanations"][0]["fix"]
    assert mended(x, w, y, fix, b=layer.bias, layout="channels-last", **layer.options)


def test_the_command(saved: Saved, invoked: Invoked) -> None:  # noqa: F811
    x, w = RANDOM.integers(-9, 10, (7, 6)), np.array([[1, 2, 5], [3, 4, 7], [0, 2, 8]])
    right = output(Layer("", x[None, None], (Stage(w[None, None]),)))[0, 0]
    flipped = output(Layer("", x[None, None], (Stage(w[None, None, ::-1, ::-1]),)))[0, 0]
    names = saved("x", x), saved("w", w)
    code, out, _ = invoked(*names, "--expect", saved("y", flipped), "--json")
    found = json.loads(out)
    assert code == 1
    assert found["ok"] is True
    assert [each["fix"] for each in found["expect"]["explanations"]] == ["--flip"]
    code, out, err = invoked(*names, "--expect", saved("y", flipped))
    assert code == 1
    assert "fix\t--flip" in out.splitlines()
    assert [line for line in err.splitlines() if "*" in line]
    assert invoked(*names, "--expect", saved("y", flipped), "--flip")[0] == 0
    assert invoked(*names, "--expect", saved("y", right), "--json")[0] == 0
    for arguments, message in (
        (["--tolerance", "1"], "--tolerance is for --expect"),
        (["--expect", saved("y", right), "--tolerance", "-1"], "tolerance: must be a number from 0 on"),
        (["--expect", saved("e", np.zeros((0, 3)))], "none of them empty"),
    ):
        code, out, err = invoked(*names, *arguments)
        assert (code, out) == (2, "")
        assert message in err
