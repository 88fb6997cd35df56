"""`convcalc net`: whole networks, from the zoo, a TOML file or an ONNX file."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import product
from typing import Annotated

import typer

from convcalc.cli import ANSWERED
from convcalc.cli.answer import Form, answer, print_json
from convcalc.cli.options import EXPLAIN, JSON, LAYOUT, flag, option
from convcalc.errors import NotationError
from convcalc.notation import parse_features, parse_layout, whole_number
from convcalc.questions.cost import BYTES
from convcalc.questions.schema import SCHEMA
from convcalc.readers import zoo, zoo_names


def _complete_model(incomplete: str) -> list[str]:
    return [name for name in zoo_names() if name.startswith(incomplete)]


def _complete_dtype(incomplete: str) -> list[str]:
    return [name for name in BYTES if name.startswith(incomplete)]


SHOWING, ASKING, PROVING, READING = "What to show", "What if", "Proof by execution", "Reading and writing"
MODEL = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL", help="A network of the zoo, a .toml or an .onnx file; without it, what the zoo has.",
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
COMPARE = Annotated[
    list[str] | None,
    typer.Option(
        "--compare", metavar="MODEL", help="Another network beside it; may be repeated.", rich_help_panel=ASKING,
        autocompletion=_complete_model, show_default=False,
    ),
]  # fmt: skip
REPLACE = option(
    "--replace", metavar="TYPE=TYPE", help="Replace convolutions, as in standard=depthwise-separable.", panel=ASKING
)
SWEEP = option("--sweep", metavar="SIZES", help="Over heights and widths, such as 128..320:32.", panel=ASKING)
SWEEP_WIDTH = option("--sweep-width", metavar="X,X", help="Over factors of --width, as 0.25,0.5,1.0.", panel=ASKING)
CHECK = flag("--check", help="Run the network and check every number.", panel=PROVING)
ARRAY = option("--array", metavar="X.npy", help="The data to run on; - is stdin [random].", panel=PROVING)
OUTPUT_FILE = option("-o", "--output", metavar="OUT.npy", help="Write the output; - is stdout.", panel=PROVING)
CSV = flag("--csv", help="Print the rows as CSV.", panel=READING)


def command(
    model: MODEL = None,
    input: INPUT = None,
    batch: BATCH = None,
    width: WIDTH = None,
    replace: REPLACE = None,
    compare: COMPARE = None,
    sweep: SWEEP = None,
    sweep_width: SWEEP_WIDTH = None,
    dtype: DTYPE = None,
    sort: SORT = None,
    only: ONLY = None,
    peak: PEAK = None,
    bandwidth: BANDWIDTH = None,
    check: CHECK = False,
    array: ARRAY = None,
    output: OUTPUT_FILE = None,
    layout: LAYOUT = None,
    explain: EXPLAIN = False,
    csv: CSV = False,
    json: JSON = False,
) -> int:
    """Shapes, parameters, multiplications, receptive fields and memory of a whole network.

    Examples:
      convcalc net
      convcalc net mobilenet-v1
      convcalc net resnet50 --only conv --sort multiplications
      convcalc net resnet50 --only layer1/1/conv2 --explain
      convcalc net mobilenet-v1 --replace depthwise-separable=standard
      convcalc net resnet50 --check
      convcalc net resnet50 --compare mobilenet-v2
      convcalc net mobilenet-v2 --sweep 128..320:32
      convcalc net mobilenet-v1 --peak 100GOPS --bandwidth 10GB/s --dtype int8
    """
    from convcalc.questions.models import NetworkOptions, compared, over_sizes, over_widths, report_of
    from convcalc.questions.roofline import machine
    from convcalc.questions.selection import chosen
    from convcalc.render import network as views

    order = parse_layout("channels-first" if layout is None else layout)
    several = {"--compare": compare, "--sweep": sweep, "--sweep-width": sweep_width}
    rows = {"--only": only, "--sort": sort}
    if model is None:
        changes = {"--input": input, "--batch": batch, "--width": width, "--replace": replace, "--dtype": dtype}
        machines = {"--peak": peak, "--bandwidth": bandwidth, "--check": check, "--array": array, "--output": output}
        forms = {"--layout": layout, "--explain": explain, "--csv": csv}
        for name in _given({**changes, **machines, **several, **rows, **forms}):
            raise NotationError(f"net: {name} is about a network, got none; name one, such as resnet50")
        return _show_zoo(json)
    _check_alone({"--json": json, "--csv": csv})
    _check_alone({"--csv": csv, "--explain": explain, "--check": check, **several})
    for first, second in product(_given(several), _given(rows)):
        raise NotationError(f"net: {second} is for the rows of one network, got {first} too; choose one")
    for name in () if check else _given({"--array": array, "--output": output}):
        raise NotationError(f"net: {name} is for a network that is run; add --check")
    for name in _given({**rows, "--dtype": dtype, "--peak": peak, "--bandwidth": bandwidth}) if check else ():
        if not json:
            raise NotationError(f"net: {name} is about rows, which --check shows with --json alone; add it")
    options = NetworkOptions(
        input=None if input is None else parse_features(input, "input", order),
        batch=whole_number(1 if batch is None else batch, "batch"),
        width=width,
        replace=replace,
        dtype="float32" if dtype is None else dtype,
        machine=machine(peak, bandwidth),
    )
    if sweep is not None or sweep_width is not None:
        swept = over_widths(model, sweep_width or "", options) if sweep is None else over_sizes(model, sweep, options)
        return answer(Form(False, json), swept.to_dict, lambda: views.sweep_view(swept, order), None)
    if compare:
        beside = compared(model, compare, options)
        return answer(Form(False, json), beside.to_dict, lambda: views.comparison_view(beside, order), None)
    report = report_of(model, options)
    shown = chosen(report, only, sort)
    if check:
        from convcalc.cli.net_check import answer_checked

        file = model if model.lower().endswith(".onnx") and replace is None else None
        value = report.to_dict(shown)
        return answer_checked(report, value, order, file=file, array=array, output=output, json=json)
    if csv:
        sys.stdout.write(views.network_csv(report, shown, order))
        return ANSWERED
    return answer(
        Form(explain, json),
        lambda: report.to_dict(shown),
        lambda: views.network_view(report, shown, order),
        lambda whole: whole.explain_network(report, shown),
    )


def _show_zoo(json: bool) -> int:
    from convcalc.render.network import zoo_view
    from convcalc.render.table import show

    networks = zoo()
    if json:
        print_json(
            {"schema": SCHEMA, "zoo": [dict(zip(("name", "input", "source"), row, strict=True)) for row in networks]}
        )
    else:
        show(zoo_view(networks))
    return ANSWERED


def _given(options: Mapping[str, object]) -> list[str]:
    """The names of the options that say something."""
    return [name for name, value in options.items() if value not in (None, False, ())]


def _check_alone(options: Mapping[str, object]) -> None:
    """Raises NotationError where more than one of these options is given."""
    both = _given(options)
    if len(both) > 1:
        raise NotationError(f"net: {both[0]} and {both[1]} do not go together, got both; choose one")
