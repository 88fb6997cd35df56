"""`convcalc net`: whole networks, from the zoo, a TOML file or an ONNX file."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import sys
from typing import Annotated

import typer

from convcalc.cli import ANSWERED
from convcalc.cli.answer import print_json
from convcalc.cli.options import JSON, LAYOUT, flag, option
from convcalc.cost import BYTES
from convcalc.errors import NotationError
from convcalc.network import load_network, zoo_names
from convcalc.notation import parse_layout, parse_size, whole_number


def _complete_model(incomplete: str) -> list[str]:
    return [name for name in zoo_names() if name.startswith(incomplete)]


def _complete_dtype(incomplete: str) -> list[str]:
    return [name for name in BYTES if name.startswith(incomplete)]


SHOWING, ASKING, READING = "What to show", "What if", "Reading and writing"
MODEL = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL", help="A network of the zoo, a .toml or an .onnx file; without it, the zoo's names.",
        autocompletion=_complete_model, show_default=False,
    ),
]  # fmt: skip
INPUT = option("-i", "--input", metavar="SIZE", help="Another input than the network's own.", panel=ASKING)
BATCH = option("--batch", metavar="N", help="Batch size; counts are for the whole batch [1].", panel=ASKING)
WIDTH = option("--width", metavar="X", help="Scale the filters of every convolution by this [1].", panel=ASKING)
DTYPE = option(
    "--dtype", metavar="NAME", help="Element type for bytes [float32].", panel=SHOWING, complete=_complete_dtype
)
SORT = option("--sort", metavar="COLUMN", help="Order the rows, largest first, by a column such as multiplications.",
              panel=SHOWING)  # fmt: skip
ONLY = option("--only", metavar="WHAT", help="Only layers of this op, kind or name (conv, linear, layer1/*).",
              panel=SHOWING)  # fmt: skip
PEAK = option("--peak", metavar="RATE", help="A machine's arithmetic, such as 100GOPS.", panel=SHOWING)
BANDWIDTH = option("--bandwidth", metavar="RATE", help="Its memory bandwidth, such as 10GB/s.", panel=SHOWING)
COMPARE = option("--compare", metavar="MODEL", help="Another network beside it.", panel=ASKING)
REPLACE = option(
    "--replace", metavar="TYPE=TYPE", help="Replace convolutions, as in standard=depthwise-separable.", panel=ASKING
)
SWEEP = option("--sweep", metavar="SIZES", help="Over input sizes, such as 128..320:32 or 192,224.", panel=ASKING)
SWEEP_WIDTH = option("--sweep-width", metavar="X,X", help="Over widths, such as 0.25,0.5,0.75,1.0.", panel=ASKING)
CSV = flag("--csv", help="Print the rows as CSV.", panel=READING)


def command(
    model: MODEL = None,
    input: INPUT = None,
    batch: BATCH = None,
    width: WIDTH = None,
    dtype: DTYPE = None,
    sort: SORT = None,
    only: ONLY = None,
    peak: PEAK = None,
    bandwidth: BANDWIDTH = None,
    layout: LAYOUT = None,
    csv: CSV = False,
    json: JSON = False,
) -> int:
    """Shapes, parameters, multiplications, receptive fields and memory of a whole network.

    Examples:
      convcalc net mobilenet-v1
      convcalc net resnet50 --only conv --sort multiplications
      convcalc net mobilenet-v1 --peak 100GOPS --bandwidth 10GB/s --dtype int8
    """
    from convcalc.network.report import network_report
    from convcalc.network.roofline import machine
    from convcalc.render.network import network_csv, network_view
    from convcalc.render.table import show

    order = parse_layout("channels-first" if layout is None else layout)
    if json and csv:
        raise NotationError("net: --json and --csv both fill stdout; choose one")
    if model is None:
        raise NotationError(f"net: must be given a model; the zoo: {', '.join(zoo_names())}")
    size = None if input is None else parse_size(input, "input", order)
    network = load_network(
        model, input=size, batch=whole_number(1 if batch is None else batch, "batch"), width=_width(width)
    )
    report = network_report(network, dtype=dtype or "float32", machine=machine(peak, bandwidth))
    if json:
        print_json(report.to_dict())
    elif csv:
        sys.stdout.write(network_csv(report, order, only=only, sort=sort))
    else:
        show(network_view(report, order, only=only, sort=sort))
    return ANSWERED


def _width(text: str | None) -> float:
    try:
        width = 1.0 if text is None else float(text)
    except ValueError:
        width = 0.0
    if not 0 < width < 1e6:
        raise NotationError(f"width: must be a number above 0, such as 0.5, got {text!r}")
    return width
