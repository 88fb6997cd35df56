"""Arrays in a file next to an ONNX file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import ConvcalcError
from convcalc.questions.report import network_report
from convcalc.readers import load_network
from tests.onnx_models import TensorProto, array, model, node, saved, weights_of


def external(location: str, length: int = 216) -> Any:
    proto = model([node("Conv", "x w")], [array("w", 1, 6, 3, 3)])
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return proto


def test_external_weights_may_be_missing_and_are_read_from_the_directory_of_the_model_only(tmp_path: Path) -> None:
    inside = tmp_path / "model"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(bytes(216))
    path = saved(inside, external("w.bin"))
    assert network_report(load_network(path)).parameters == 54
    with pytest.raises(ConvcalcError, match="external data must be readable"):
        weights_of(path)
    (inside / "w.bin").write_bytes(np.arange(54, dtype="<f4").tobytes())
    [(weight,)] = weights_of(path).values()
    np.testing.assert_array_equal(weight.reshape(-1), np.arange(54))
    os.symlink(tmp_path / "secret", inside / "link")
    for location in ("../secret", str(tmp_path / "secret"), "link", "", "."):
        with pytest.raises(ConvcalcError, match="must be in the model's directory"):
            weights_of(saved(inside, external(location)))
    with pytest.raises(ConvcalcError, match="must have 216 bytes"):
        weights_of(saved(inside, external("w.bin", 1 << 60)))
