"""Constants worked out while an ONNX file is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.onnx_models import array, ints, model, node, number, report


def test_shapes_worked_out_on_the_way_are_understood(tmp_path: Path) -> None:
    """What exporters write for x.view(x.size(0), -1, x.size(3) * 2)."""
    proto = model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "batch", axis=0),
            node("Gather", "s three", "width", axis=0),
            node("Mul", "width two", "wide"),
            node("Unsqueeze", "batch axes", "b1"),
            node("Unsqueeze", "wide axes", "w1"),
            node("Concat", "b1 rest w1", "target", axis=0),
            node("Reshape", "x target", "y"),
        ],
        [number("zero", 0, np.int64), number("three", 3, np.int64), number("two", 2, np.int64), ints("axes", 0),
         ints("rest", -1)],
        {"x": ("n", 6, 11, 13)},
    )  # fmt: skip
    answer = report(tmp_path, proto, batch=4)
    assert answer.graph.nodes[answer.graph.output].shape == (4, 33, 26)
    assert [layer.op for layer in answer.layers] == ["reshape"]


def test_a_mask_written_into_a_fill_is_not_learned(tmp_path: Path) -> None:
    proto = model([node("ScatterND", "f i u", "mask"), node("Add", "x mask", "y")],
                  [array("f", 11, 13), ints("i", 2, 3), array("u", 1)])  # fmt: skip
    proto.graph.initializer[1].dims[:] = [1, 2]
    assert report(tmp_path, proto).parameters == 0


def test_an_array_that_is_worked_with_counts_once(tmp_path: Path) -> None:
    """A standardized weight: the weight less its mean."""
    proto = model([node("ReduceMean", "w a", "m"), node("Sub", "w m", "v"), node("Conv", "x v", "y", group=2)],
                  [array("w", 4, 3, 3, 2), ints("a", 1, 2, 3)])  # fmt: skip
    answer = report(tmp_path, proto)
    assert answer.parameters == 4 * 3 * 3 * 2
    assert answer.unsupported == ("y",)
