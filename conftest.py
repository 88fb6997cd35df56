"""Modules that need an extra are not searched for examples if the extra is absent."""

from importlib.util import find_spec

NEED_ONNX = ["convcalc/readers/onnx/*", "convcalc/proof/onnx_runtime.py", "tests/onnx_models.py"]

NEED_DASK = ["convcalc/dask.py"]

collect_ignore_glob = [
    *([] if find_spec("onnx") else NEED_ONNX),
    *([] if find_spec("dask") and find_spec("distributed") else NEED_DASK),
]
