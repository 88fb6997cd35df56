"""`convcalc net --check`: a network run, and every number about it checked."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from convcalc.cli import ANSWERED, DISAGREED
from convcalc.cli.answer import print_json
from convcalc.cli.progress import progress
from convcalc.errors import DataError, NotationError
from convcalc.notation import Axes, Layout, show_size
from convcalc.proof.forms import Named
from convcalc.proof.network import check_network
from convcalc.questions.report import Report
from convcalc.storage.arrays import called, check_output, read_array, write_array


def answer_checked(
    report: Report, value: dict[str, Any], layout: Layout, *, file: str | None, array: str | None,
    output: str | None, force: bool, json: bool,
) -> int:  # fmt: skip
    """Run the report's network on an array from a file or on random data, check it, and show the checks.

    `value` is the report as JSON, to which the checks are added; `file` is the ONNX file to take the weights from.
    """
    if json and output == "-":
        raise NotationError("net: --json fills stdout, got --output - too; choose one")
    if output is not None:
        check_output(output, [name for name in (array, file) if name is not None], force)
    given = None if array is None else Named(called(array), read_array(array, channels_last=layout == "channels-last"))
    x = None if given is None else _whole(given, report.graph.inputs[0].shape or (), layout)
    arrays, weights, reference = None, "random weights", None
    if file is not None:
        from convcalc.proof.onnx_runtime import file_weights, runtime_reference

        arrays, weights = file_weights(file, input=report.input, batch=report.batch)
        reference = runtime_reference(file, report.graph, whole=arrays is not None)
    with progress(f"{report.name}: checking") as show_progress:
        run = check_network(report.graph, x, arrays, fields=report.fields, reference=reference, progress=show_progress)
    if run.out is not None:
        without_batch = given is not None and x is not None and given.array.ndim < x.ndim
        run = replace(run, out=_in_order(run.out, layout, without_batch))
    if output is not None and run.out is not None:
        write_array(output, run.out)
    if json:
        print_json({**value, **run.to_dict(output)})
    else:
        from convcalc.render.network_checks import checks_view
        from convcalc.render.table import show

        ran_on = f"{'random data' if array is None else array}, {weights}"
        show(checks_view(report, run, layout, ran_on, output), sys.stderr if output == "-" else sys.stdout)
    return ANSWERED if run.ok else DISAGREED


def _whole(given: Named, shape: Axes, layout: Layout) -> np.ndarray:
    """The array as floats, (batch, channels, *spatial). Raises DataError if it is not the network's input."""
    name, array = given.name, given.array
    if array.dtype.kind == "c":
        raise DataError(f"{name}: a network takes real numbers, got {array.dtype}; give the real or the imaginary part")
    x = array if array.ndim == len(shape) else array[np.newaxis]
    if layout == "channels-last" and x.ndim > 1:
        x = np.moveaxis(x, -1, 1)
    if x.shape != shape:
        raise DataError(
            f"{name}: must be the network's input, {show_size(shape)} with the batch and channels first, got shape "
            f"{array.shape}; ask for it with --input and --batch"
        )
    return np.ascontiguousarray(x, np.float64 if x.dtype == np.float64 else np.float32)


def _in_order(out: np.ndarray, layout: Layout, without_batch: bool) -> np.ndarray:
    """The output in the wanted layout, without a batch axis if the input had none."""
    if layout == "channels-last" and out.ndim > 1:
        out = np.moveaxis(out, 1, -1)
    return out[0] if without_batch and len(out) == 1 else out
