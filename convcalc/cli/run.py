"""`convcalc run`: convolve arrays, then check every number."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from convcalc.cli import ANSWERED, DISAGREED
from convcalc.cli.answer import Form, answer
from convcalc.cli.options import (
    DILATION,
    EXPLAIN,
    GROUPS,
    JSON,
    LAYOUT,
    MODE,
    OUTPUT_PADDING,
    PADDING,
    STRIDE,
    TYPE,
    completing,
    flag,
    option,
)
from convcalc.errors import NotationError, quoted
from convcalc.notation import Layout, parse_layout, parse_padding_mode, whole_number

if TYPE_CHECKING:
    from convcalc.proof.forms import Named
    from convcalc.proof.run import Result, Run, RunOptions

ALGORITHMS = ("auto", "direct", "rows", "bands", "planes", "winograd", "fft")


READING = "Reading and writing"
INPUT_FILE = Annotated[
    str,
    typer.Argument(metavar="INPUT", help="The input: .npy, .npz, .csv, an image, [[1,2],[3,4]]; - is stdin."),
]
KERNEL_FILES = Annotated[
    list[str],
    typer.Argument(metavar="KERNEL", help="One kernel, or one per stage in stage order; in any form of the input."),
]
BIAS_FILES = Annotated[
    list[str] | None,
    typer.Option(
        "--bias", metavar="B.npy", help="One bias per filter; repeat it for several stages.",
        rich_help_panel="Layer", show_default=False,
    ),
]  # fmt: skip
OUTPUT_SIZE = option("--output-size", metavar="N[xN]", help="Transposed: the output size.")
FLIP = flag("--flip", help="True convolution: the kernel is flipped.", panel="Layer")
RANK = option("--rank", metavar="R", help="Run the rank-R approximation of one full separable kernel.")
ALGORITHM = option(
    "--algorithm", metavar="NAME", complete=completing(ALGORITHMS),
    help=f"{', '.join(ALGORITHMS)}; direct if it does not fit [auto].",
)  # fmt: skip
DIMS = option("--dims", metavar="D", help="Spatial axes: 1, 2 or 3.", panel=READING)
OUTPUT_FILE = option("-o", "--output", metavar="OUT", help="Write the result: .npy, .npz, .csv, .png; - is stdout.",
                     panel=READING)  # fmt: skip
PREVIEW = flag("--preview", help="Show the result as a picture, each channel or the one chosen.", panel=READING)
CHANNEL = option("--channel", metavar="N", help="The channel that --preview shows, from 1 [all].", panel=READING)
FORCE = flag("--force", help="Let the output overwrite an input.", panel=READING)
NO_CHECK = flag("--no-check", help="Only convolve.", panel=READING)
EXPECT = option("--expect", metavar="Y", help="Compare with somebody else's output; if it differs, say why.",
                panel=READING)  # fmt: skip
TOLERANCE = option("--tolerance", metavar="T", help="The error that --expect accepts [what rounding explains].",
                   panel=READING)  # fmt: skip


MAX_MEMORY = option("--max-memory", metavar="SIZE", help="Memory for arrays, as 256MiB [half of what is free].",
                    panel=READING)  # fmt: skip


def command(
    input: INPUT_FILE,
    kernels: KERNEL_FILES,
    type: TYPE = None,
    stride: STRIDE = None,
    padding: PADDING = None,
    padding_mode: MODE = None,
    dilation: DILATION = None,
    groups: GROUPS = None,
    output_padding: OUTPUT_PADDING = None,
    output_size: OUTPUT_SIZE = None,
    bias: BIAS_FILES = None,
    flip: FLIP = False,
    rank: RANK = None,
    algorithm: ALGORITHM = None,
    dims: DIMS = None,
    layout: LAYOUT = None,
    output: OUTPUT_FILE = None,
    force: FORCE = False,
    preview: PREVIEW = False,
    channel: CHANNEL = None,
    no_check: NO_CHECK = False,
    expect: EXPECT = None,
    tolerance: TOLERANCE = None,
    max_memory: MAX_MEMORY = None,
    explain: EXPLAIN = False,
    json: JSON = False,
) -> int:
    """Convolve arrays with NumPy, then check shape, parameters, multiplications, receptive field and values.

    Kernels are (N, C/groups, *k), transposed (C, N/groups, *k); inputs (batch, C, *spatial), batch and C optional.

    Examples:
      convcalc run examples/photo.npy examples/sobel.npy --preview
      convcalc run "[[3,3,2,1,0],[0,0,1,3,1],[3,1,2,2,3],[2,0,0,2,2],[2,0,0,0,1]]" "[[0,1,2],[2,2,0],[0,1,2]]"
      convcalc run examples/photo.npy examples/blur.npy -t spatially-separable -p same -o blurred.npy
      convcalc run examples/photo-rgb.npy examples/edges-bank.npy -s 2 -p 1 --json
      convcalc run examples/sunspots.npy examples/eleven-years.npy --preview
      convcalc run examples/diagnosing/image.npy examples/diagnosing/kernel.npy --expect examples/diagnosing/scipy.npy
    """
    from convcalc.cli.run_slabs import result_in_slabs
    from convcalc.proof.forms import Named
    from convcalc.proof.run import RunOptions, run
    from convcalc.render.pictures import check_channel, show_picture
    from convcalc.storage.arrays import called, check_output, read_array, write_array
    from convcalc.storage.memory import limited_memory

    order = parse_layout("channels-first" if layout is None else layout)
    if json and (preview or output == "-"):
        raise NotationError(f"run: --json fills stdout, got {'--preview' if preview else '--output -'} too; choose one")
    chosen = None if channel is None else whole_number(channel, "channel")
    if chosen is not None and not preview:
        raise NotationError("run: --channel chooses what --preview shows, got no --preview; add it")
    accepted = _tolerance(expect, tolerance)
    names = [input, *kernels, *(bias or ()), *([] if expect is None else [expect])]
    if names.count("-") > 1:
        raise NotationError("run: stdin holds one array, got - more than once; put the others in files")
    if output is not None:
        check_output(output, names, force)
    given = {
        "type": type, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups,
        "output_padding": output_padding, "output_size": output_size, "dims": dims, "rank": rank,
        "layout": order, "flip": flip,
        "padding_mode": "zeros" if padding_mode is None else parse_padding_mode(padding_mode),
        "algorithm": "auto" if algorithm is None else algorithm, "check": not no_check,
    }  # fmt: skip
    settings, shown_on = RunOptions(**given), sys.stderr if output == "-" else sys.stdout
    with limited_memory(max_memory):
        at_once = "--preview" if preview else "--expect" if expect is not None else ""
        in_slabs = result_in_slabs(input, kernels, bias or (), settings, output, at_once)
        if in_slabs is not None:
            return _answer(in_slabs, Form(explain, json), order, output, shown_on)
        last = order == "channels-last"
        data, *arrays = [Named(called(name), read_array(name, channels_last=last)) for name in names]
    wanted = None if expect is None else arrays.pop()
    taken, biases = arrays[: len(kernels)], arrays[len(kernels) :]
    result = run(data, taken, biases, settings)
    if chosen is not None:
        check_channel(result, order, chosen)
    if output is not None:
        write_array(output, result.out)
    if preview:
        show_picture(result, order, chosen, shown_on)
    if wanted is not None:
        return _compared(result, (data, taken, biases, settings), wanted, accepted, Form(explain, json), output)
    return _answer(result, Form(explain, json), order, output, shown_on)


def _answer(result: Result, form: Form, layout: Layout, output: str | None, shown_on: TextIO) -> int:
    from convcalc.render.run import run_view

    answer(
        form,
        lambda: result.to_dict(output),
        lambda: run_view(result, layout, output),
        lambda whole: whole.explain_run(result.report),
        shown_on,
    )
    return ANSWERED if result.ok else DISAGREED


def _tolerance(expect: str | None, tolerance: str | None) -> float | None:
    """The accepted error, None for what rounding explains."""
    if tolerance is None:
        return None
    if expect is None:
        raise NotationError("run: --tolerance is for --expect, got no --expect; add it")
    try:
        value = float(tolerance)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise NotationError(f"tolerance: must be a number from 0 on, got {quoted(tolerance)}; write one such as 1e-3")
    return value


def _compared(
    result: Run, ran: tuple[Named, list[Named], list[Named], RunOptions], wanted: Named, tolerance: float | None,
    form: Form, output: str | None,
) -> int:  # fmt: skip
    """Shows how the result compares with the expected output, and why it differs."""
    from convcalc.cli.progress import progress
    from convcalc.diagnosing.expect import expect
    from convcalc.render.expectation import expectation_view
    from convcalc.storage.files import shown

    with progress("comparing") as bar:
        found = expect(*ran, result, wanted, tolerance=tolerance, progress=bar)
    answer(
        form,
        lambda: {**result.to_dict(output), "expect": found.to_dict()},
        lambda: expectation_view(found, shown(wanted.name), result.ok),
        lambda whole: whole.explain_run(result.report),
        sys.stderr if output == "-" else sys.stdout,
    )
    return ANSWERED if result.ok and found.agrees else DISAGREED
