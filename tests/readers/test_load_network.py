"""What a network is loaded by: a name of the zoo, or a file and the ending of its name."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from convcalc.errors import ConvcalcError
from convcalc.readers import load_network
from tests.readers.toml.networks import CONTRACT


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, message in [("missing.toml", "no such file"), ("", "a directory"), ("empty.toml", "from 1 to")]:
        (tmp_path / "empty.toml").touch()
        (tmp_path / "folder.toml").mkdir(exist_ok=True)
        with pytest.raises(ConvcalcError, match=message):
            load_network(str(tmp_path / (path or "folder.toml")))
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    with pytest.raises(ConvcalcError, match="must have from 1 to 1048576 bytes, got more"):
        load_network(str(tmp_path / "endless.toml"))
    (tmp_path / "dots.toml").write_text("a" + 50_000 * ".a" + " = 1")
    with pytest.raises(ConvcalcError, match="a key may have 8 dots, got 50000"):
        load_network(str(tmp_path / "dots.toml"))
    with pytest.raises(ConvcalcError, match=r"must be a \.toml or \.onnx file or a network of the zoo"):
        load_network("resnet5000")


def test_the_ending_of_a_name_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "T.TOML").write_text(CONTRACT)
    assert load_network(str(tmp_path / "T.TOML")).name == "tiny"
    with pytest.raises(ConvcalcError, match="width: scales the filters of a TOML file"):
        load_network("M.Onnx", width=2)


@pytest.mark.parametrize("written", ["ResNet50", "resnet_50", "resnet-50", "RESNET50"])
def test_networks_of_the_zoo_in_any_spelling(written: str) -> None:
    assert load_network(written).name == "resnet50"


@pytest.mark.parametrize(
    ("file", "export"),
    [
        ("model.pt", 'torch.onnx.export(model, torch.zeros(1, 3, 224, 224), "model.onnx")'),
        ("a/net.PTH", 'torch.onnx.export(model, torch.zeros(1, 3, 224, 224), "a/net.onnx")'),
        ("m.safetensors", 'torch.onnx.export(model, torch.zeros(1, 3, 224, 224), "m.onnx")'),
        ("m.h5", 'keras.models.load_model("m.h5").export("m.onnx", format="onnx")'),
        ("m.keras", 'keras.models.load_model("m.keras").export("m.onnx", format="onnx")'),
        ("m.tflite", "python -m tf2onnx.convert --tflite m.tflite --output m.onnx"),
        ("m.pb", "python -m tf2onnx.convert --graphdef m.pb --output m.onnx --inputs NAME:0 --outputs NAME:0"),
        ("m.caffemodel", "python -m caffe2onnx.convert --prototxt m.prototxt --caffemodel m.caffemodel --onnx m.onnx"),
    ],
)
def test_a_model_file_of_another_program_is_told_how_to_export_it(file: str, export: str) -> None:
    with pytest.raises(ConvcalcError) as caught:
        load_network(file)
    assert str(caught.value).endswith(f"; export it: {export}")


def test_the_line_that_exports_a_model_of_pytorch_is_called_as_pytorch_has_it() -> None:
    export = pytest.importorskip("torch").onnx.export
    assert list(inspect.signature(export).parameters)[:3] == ["model", "args", "f"]
