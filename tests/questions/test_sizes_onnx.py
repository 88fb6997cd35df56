"""Accepted sizes of networks in ONNX files, whose rules are only in the shapes that they compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convcalc.questions.accepted import accepted_sizes
from convcalc.questions.ranges import Range
from convcalc.questions.sizes import sizes_of
from convcalc.questions.subject import subject_of
from tests.questions.test_sizes import check_all

models = pytest.importorskip("tests.onnx_models", reason="the extra onnx is not installed")
node, array, ints = models.node, models.array, models.ints


KEPT = ("", "t", "scales", "sizes", "first", "last", "two", "batch")
"""Names that are the same at every level."""


def unet(up: list[Any], arrays: list[Any], size: tuple[Any, ...] = (1, 2, 16, 24)) -> Any:
    """Down by two twice, and up again by these nodes from `low` to `high`, as large as `skip` if they say so."""
    nodes = [
        node("Conv", "x w0", "a", pads=[1, 1, 1, 1]),
        node("MaxPool", "a", "b", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "b w1", "c", pads=[1, 1, 1, 1]),
        node("MaxPool", "c", "d", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    for low, skip, high in (("d", "c", "e"), ("f", "a", "g")):
        for each in up:
            copy = type(each)()
            copy.CopyFrom(each)
            for names in (copy.input, copy.output):
                names[:] = [
                    {"low": low, "skip": skip, "high": high}.get(n, n if n in KEPT else n + high) for n in names
                ]
            nodes.append(copy)
        joined = "f" if high == "e" else "y"
        nodes += [node("Concat", f"{skip} {high}", f"j{high}", axis=1), node("Conv", f"j{high} w{high}", joined)]
    weights = [array("w0", 2, 2, 3, 3), array("w1", 2, 2, 3, 3), array("we", 2, 4, 1, 1), array("wg", 2, 4, 1, 1)]
    return models.model(nodes, [*weights, *arrays], {"x": size})


@pytest.mark.parametrize(
    ("up", "arrays"),
    [
        ([node("ConvTranspose", "low t", "high", strides=[2, 2])], [array("t", 2, 2, 2, 2)]),
        ([node("Resize", "low - scales", "high", mode="nearest")], [models.floats("scales", 1, 1, 2, 2)]),
        (
            [
                node("Shape", "skip", "shape"),
                node("Slice", "shape first last", "spatial"),
                node("Concat", "batch spatial", "target", axis=0),
                node("Resize", "low - - target", "high", mode="nearest"),
            ],
            [ints("first", 2), ints("last", 4), ints("batch", 1, 2)],
        ),
    ],
)  # fmt: skip
def test_a_unet(tmp_path: Path, up: list[Any], arrays: list[Any]) -> None:
    subject = subject_of([models.saved(tmp_path, unet(up, arrays))])
    check_all(accepted_sizes(subject.graph, subject.at, 1, 34), subject.at, 2, 34)


def test_open_sizes_are_made_up(tmp_path: Path) -> None:
    up = [node("ConvTranspose", "low t", "high", strides=[2, 2])]
    proto = unet(up, [array("t", 2, 2, 2, 2)], (1, 2, "height", "width"))
    found = sizes_of([models.saved(tmp_path, proto)]).sizes.every
    assert (found.smallest, found.accepted, found.modulus) == (4, (Range(4, 512, 4),), 4)


def test_slices_and_fixed_positions(tmp_path: Path) -> None:
    """Every other pixel twice, joined: even sizes; then tokens of 4x4 patches with positions for six of them."""
    nodes = [
        node("Slice", "x zero end three two", "even"),
        node("Slice", "x one end three two", "odd"),
        node("Concat", "even odd", "joined", axis=1),
        node("Conv", "joined w", "patches", strides=[4, 2]),
        node("Flatten", "patches", "flat", axis=2),
        node("Reshape", "patches rows", "tokens"),
        node("Add", "tokens p", "y"),
    ]
    arrays = [
        ints("zero", 0), ints("one", 1), ints("end", 2**62), ints("three", 3), ints("two", 2), ints("rows", 0, 5, -1),
        array("w", 5, 4, 4, 2), array("p", 1, 5, 6),
    ]  # fmt: skip
    proto = models.model(nodes, arrays, {"x": (1, 2, 8, 12)})
    subject = subject_of([models.saved(tmp_path, proto)])
    check_all(accepted_sizes(subject.graph, subject.at, 1, 40), subject.at, 2, 40)
