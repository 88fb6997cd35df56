"""The inputs of an ONNX file: which is the image, open sizes, weights without values."""

from __future__ import annotations

from pathlib import Path

import pytest

from convcalc import ConvcalcError
from tests.onnx_models import X, array, ints, load, model, node, report


def test_open_sizes_are_given_or_asked_for(tmp_path: Path) -> None:
    proto = model([node("Relu", "x", "y")], [], {"x": ("n", 3, "h", "w")})
    with pytest.raises(ConvcalcError, match=r"leaves h, w open; give its size with --input"):
        load(tmp_path, proto)
    assert load(tmp_path, proto, input="3x5x7", batch=2).nodes[-1].shape == (2, 3, 5, 7)
    with pytest.raises(ConvcalcError, match="besides the batch, got 3x5"):
        load(tmp_path, proto, input="3x5")


def test_a_fixed_batch_is_kept_and_another_applied_where_nothing_depends_on_it(tmp_path: Path) -> None:
    assert load(tmp_path, model([node("Relu", "x")])).nodes[-1].shape == X
    assert load(tmp_path, model([node("Relu", "x")]), batch=5).nodes[-1].shape == (5, *X[1:])
    fixed = model([node("Reshape", "x s")], [ints("s", 2, -1)])
    with pytest.raises(ConvcalcError, match="batch: the file is made for 2"):
        load(tmp_path, fixed, batch=4)


IMAGE = {"x": ("n", 3, 32, 32)}
COLOUR = [array("w", 8, 3, 3, 3), array("m", 1, 3, 1, 1), array("v", 8)]
CHANNELS = {
    "stated": (model([node("Conv", "x w", "y")], COLOUR, IMAGE), "1x9x11", "3 channels, got 1 in 1x9x11; write 3x9x11"),
    "not stated": (model([node("Conv", "x w", "y")], COLOUR, {"x": ("n", "c", "h", "w")}), "4x9x11", "write 3x9x11"),
    "in groups": (model([node("Conv", "x d", "y", group=6)], [array("d", 6, 1, 3, 3)]), "4x9x11", "write 6x9x11"),
    "channels last": (
        model([node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w", "y")], COLOUR,
              {"x": (1, 32, 32, 3)}), "9x11x1", "write 9x11x3"),
    "a mean": (model([node("Sub", "x m", "a"), node("Conv", "a w", "y")], COLOUR, IMAGE), "1x9x11", "write 3x9x11"),
    "features": (model([node("Gemm", "x u", "y")], [array("u", 7, 5)], {"x": ("n", 7)}), "6", "7 features, got 6 in 6"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANNELS)
def test_channels_that_the_weights_fix_are_told(case: str, tmp_path: Path) -> None:
    proto, input, message = CHANNELS[case]
    with pytest.raises(ConvcalcError, match=r"^\S+: input: the weights in the file are for .*" + message):
        load(tmp_path, proto, input=input)
    assert load(tmp_path, proto, input=message.split()[-1]) if "write" in message else True


def test_channels_without_weights_and_other_errors_stay(tmp_path: Path) -> None:
    relu = model([node("Relu", "x", "y")], [], IMAGE)
    assert load(tmp_path, relu, input="1x9x11").nodes[-1].shape == (1, 1, 9, 11)
    small = model([node("Conv", "x w", "y")], COLOUR, IMAGE)
    with pytest.raises(ConvcalcError, match="y: "):
        load(tmp_path, small, input="1x2x2")
    assert load(tmp_path, small, input="3x9x11", batch=2).nodes[-1].shape == (2, 8, 7, 9)


def test_the_image_is_the_main_input(tmp_path: Path) -> None:
    proto = model([node("Mul", "t x", "y")], [], {"t": (1,), "x": X})
    assert [n.name for n in load(tmp_path, proto).inputs] == ["x", "t"]


def test_a_second_input_is_no_weight_of_a_file_that_has_its_own(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x w", "a"), node("MatMul", "a z", "y")]
    two = {"x": (1, 10, 16), "z": (16, 10)}
    answer = report(tmp_path, model(nodes, [array("w", 16, 16)], two))
    assert (answer.parameters, answer.multiplications) == (256, 10 * 256 + 10 * 10 * 16)
    bare = report(tmp_path, model(nodes, [], {**two, "w": (16, 16)}))
    assert bare.parameters == 256 + 160
    assert any("taken for weights: z, w" in note for note in bare.notes)
