"""Modules that need an extra are not searched for examples if the extra is absent."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("onnx") else ["convcalc/readers/onnx/*", "convcalc/proof/onnx_runtime.py"]
