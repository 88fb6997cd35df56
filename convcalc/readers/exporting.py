"""Other programs' model files, and the line of code that exports each to ONNX."""

from __future__ import annotations

import os

_TORCH = 'torch.onnx.export(model, torch.zeros(1, 3, 224, 224), "{stem}.onnx")'
_KERAS = 'keras.models.load_model("{file}").export("{stem}.onnx", format="onnx")'
_TF2ONNX = "python -m tf2onnx.convert --{kind} {{file}} --output {{stem}}.onnx"
_EXPORTS = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin", ".pkl", ".safetensors"), ("PyTorch weights", _TORCH)),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), ("a Keras file", _KERAS)),
    ".tflite": ("a TensorFlow Lite file", _TF2ONNX.format(kind="tflite")),
    ".pb": ("a TensorFlow graph", _TF2ONNX.format(kind="graphdef") + " --inputs NAME:0 --outputs NAME:0"),
    **dict.fromkeys(
        (".caffemodel", ".prototxt"),
        (
            "a Caffe file",
            "python -m caffe2onnx.convert --prototxt {stem}.prototxt --caffemodel {stem}.caffemodel --onnx {stem}.onnx",
        ),
    ),
}
"""Extension -> what the file is, and how to export it. Sources: the documentation of PyTorch, Keras 3, tf2onnx and
caffe2onnx."""


def export_of(file: str) -> tuple[str, str] | None:
    """What a model file of another program is, by its extension, and the line that exports it to ONNX; or None.

    >>> export_of("net.tflite")
    ('a TensorFlow Lite file', 'python -m tf2onnx.convert --tflite net.tflite --output net.onnx')
    """
    stem, extension = os.path.splitext(file)
    found = _EXPORTS.get(extension.lower())
    return None if found is None else (found[0], found[1].format(file=file, stem=stem))
