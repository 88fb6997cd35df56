"""`convcalc net`: whole networks, from the zoo, a TOML file or an ONNX file."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from convcalc.cli import ANSWERED
from convcalc.cli.answer import Form, answer, print_json
from convcalc.cli.conflicts import NET, check_conflicts
from convcalc.cli.options import EXPLAIN, JSON, LAYOUT, check_one_size, complete_dtype, flag, option, with_kernel
from convcalc.cli.progress import progress
from convcalc.errors import NotationError, first_of, shortened
from convcalc.notation import is_size, parse_features, parse_layout, whole_number
from convcalc.readers import is_model, zoo_name, zoo_names


def _complete_model(incomplete: str) -> list[str]:
    return [name for name in zoo_names() if name.startswith(incomplete)]


SHOWING, ASKING, PROVING, READING = "What to show", "What if", "Proof by execution", "Reading and writing"
MODELS = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL", help="A network of the zoo, or a .toml or .onnx file; without it, the zoo is listed.",
        autocompletion=_complete_model, show_default=False,
    ),
]  # fmt: skip
INPUT = option("-i", "--input", metavar="SIZE", help="Input size, instead of the network's own.", panel=ASKING)
BATCH = option("--batch", metavar="N", help="Batch size; counts are for the whole batch [1].", panel=ASKING)
WIDTH = option("--width", metavar="X", help="Factor on the filters of every convolution [1].", panel=ASKING)
DTYPE = option(
    "--dtype", metavar="NAME", help="Element type for bytes [float32].", panel=SHOWING, complete=complete_dtype
)
SORT = option("--sort", metavar="COLUMN", help="Sort the rows by a column, largest first, e.g. multiplications.",
              panel=SHOWING)  # fmt: skip
ONLY = option("--only", metavar="WHAT", help="Show only layers of this op, kind, name or group, e.g. conv or layer1.",
              panel=SHOWING)  # fmt: skip
DEPTH = option("--depth", metavar="N|all", help="Open N levels of groups; all for a row a layer [a summary].",
               panel=SHOWING)  # fmt: skip
COLUMNS = option("--columns", metavar="A,B", help="Show these columns, e.g. name,output,share.", panel=SHOWING)
PEAK = option("--peak", metavar="RATE", help="Peak arithmetic rate of a machine, e.g. 100GOPS.", panel=SHOWING)
BANDWIDTH = option("--bandwidth", metavar="RATE", help="Memory bandwidth of that machine, e.g. 10GB/s.", panel=SHOWING)
UNFUSED = flag("--unfused", help="Memory and times of every layer on its own, not as deployed.", panel=SHOWING)
COMPARE = Annotated[
    list[str] | None,
    typer.Option(
        "--compare", metavar="MODEL", help="Compare with another network; may be repeated.", rich_help_panel=ASKING,
        autocompletion=_complete_model, show_default=False,
    ),
]  # fmt: skip
REPLACE = option(
    "--replace", metavar="TYPE=TYPE", help="Replace convolutions, e.g. standard=depthwise-separable.", panel=ASKING
)
SWEEP = option("--sweep", metavar="SIZES", help="Report at input sizes, e.g. 128..320 or 192,224.", panel=ASKING)
SWEEP_WIDTH = option("--sweep-width", metavar="WIDTHS", help="Report at widths, e.g. 0.25..1.0 or 0.5,1.", panel=ASKING)
CHECK = flag("--check", help="Run the network and check every number.", panel=PROVING)
ARRAY = option("--array", metavar="X.npy", help="Array to run on; - is stdin [random].", panel=PROVING)
OUTPUT_FILE = option("-o", "--output", metavar="OUT.npy", help="Write the output; - is stdout.", panel=PROVING)
FORCE = flag("--force", help="Let the output overwrite the array.", panel=PROVING)
CSV = flag("--csv", help="Print every layer as CSV.", panel=READING)


def command(
    models: MODELS = None,
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
    depth: DEPTH = None,
    columns: COLUMNS = None,
    peak: PEAK = None,
    bandwidth: BANDWIDTH = None,
    unfused: UNFUSED = False,
    check: CHECK = False,
    array: ARRAY = None,
    output: OUTPUT_FILE = None,
    force: FORCE = False,
    layout: LAYOUT = None,
    explain: EXPLAIN = False,
    csv: CSV = False,
    json: JSON = False,
) -> int:
    """Shapes, parameters, multiplications, receptive fields and memory of a whole network.

    Examples:
      convcalc net
      convcalc net mobilenet-v1
      convcalc net resnet50 --depth 1
      convcalc net resnet50 --only conv --sort multiplications
      convcalc net resnet50 --only layer1/1/conv2 --explain
      convcalc net mobilenet-v1 --replace depthwise-separable=standard
      convcalc net resnet50 --check
      convcalc net resnet50 --compare mobilenet-v2
      convcalc net mobilenet-v2 --sweep 128..320
      convcalc net mobilenet-v1 --peak 100GOPS --bandwidth 10GB/s --dtype int8
    """
    from convcalc.questions.models import NetworkOptions, compared, over_sizes, over_widths, report_of
    from convcalc.questions.roofline import machine
    from convcalc.questions.selection import chosen, ordered
    from convcalc.questions.summary import parse_depth, rows_of
    from convcalc.render import network as views
    from convcalc.render import networks as several
    from convcalc.render.columns import with_columns

    check_one_size("net", input, (models or ())[1:])
    model = _one_model(models or ())
    order = parse_layout("channels-first" if layout is None else layout)
    check_conflicts("net", NET, {
        "a MODEL": model, "--input": input, "--batch": batch, "--width": width, "--replace": replace,
        "--compare": compare, "--sweep": sweep, "--sweep-width": sweep_width, "--dtype": dtype, "--sort": sort,
        "--only": only, "--peak": peak,
        "--depth": depth, "--columns": columns, "--bandwidth": bandwidth,
        "--unfused": unfused, "--check": check, "--array": array, "--output": output, "--force": force,
        "--layout": layout, "--explain": explain, "--csv": csv, "--json": json,
    })  # fmt: skip
    if model is None:
        return _show_zoo(json, columns)
    options = NetworkOptions(
        input=None if input is None else parse_features(input, "input", order),
        batch=whole_number(1 if batch is None else batch, "batch"),
        width=width,
        replace=replace,
        dtype="float32" if dtype is None else dtype,
        machine=machine(peak, bandwidth),
        layout=order,
    )
    if sweep is not None or sweep_width is not None:
        over, values = (over_widths, sweep_width or "") if sweep is None else (over_sizes, sweep)
        with progress(f"{model}: sweeping") as show_progress:
            swept = over(model, values, options, show_progress)
        view = partial(several.sweep_view, swept, order, unfused)
        return answer(Form(False, json), swept.to_dict, lambda: with_columns(view(), columns), None)
    if compare:
        comparison = compared(model, compare, options)
        view = partial(several.comparison_view, comparison, order, unfused)
        return answer(Form(False, json), comparison.to_dict, view, None)
    report = report_of(model, options)
    layers = ordered(report, chosen(report, only), sort)
    if check:
        from convcalc.cli.net_check import answer_checked

        file = model if model.lower().endswith(".onnx") and replace is None else None
        value = report.to_dict(layers)
        return answer_checked(report, value, order, file=file, array=array, output=output, force=force, json=json)
    shown = report.layer_by_layer if unfused else report
    opened = parse_depth("all" if depth is None and only else depth)
    rows, part = ordered(shown, rows_of(shown, chosen(shown, only), opened), sort), len(layers) < len(report.layers)
    if csv:
        text = views.network_csv(shown, ordered(shown, chosen(shown, only), sort), order, columns)
        sys.stdout.write(text)
        return ANSWERED
    return answer(
        Form(explain, json),
        lambda: report.to_dict(layers),
        lambda: with_columns(views.network_view(shown, rows, order, part=part), columns),
        lambda whole: whole.explain_network(shown, [layer for row in rows for layer in row.layers], rows, part=part),
    )


def _one_model(models: Sequence[str]) -> str | None:
    """The model, if there is one. Raises NotationError for layer words and for more than one model."""
    if not models:
        return None
    from convcalc.questions.models import is_layer_word
    from convcalc.readers.words import example_input

    first, *others = models
    if not zoo_name(first) and is_layer_word(first):
        named = [with_kernel(word) for word in models]
        words = shlex.join(named if is_size(first) else [example_input(named), *named])
        raise NotationError(f"net: takes a MODEL, got the layer word {shortened(first)}; use convcalc cost {words}")
    if not others:
        return first
    if zoo_name("-".join(models)):
        raise NotationError(f"net: a network is one word, got {' '.join(models)}; use convcalc net {'-'.join(models)}")
    if is_size(others[0]) and len(others[0].split("x")) > 2:
        raise NotationError(f"net: takes one MODEL, got {shortened(others[0])} too; use --input {others[0]}")
    models_too = all(map(is_model, others))
    remedy = "use " + " ".join(f"--compare {shlex.quote(other)}" for other in others)
    raise NotationError(
        f"net: takes one MODEL, got {first_of(others, 3)} too; {remedy if models_too else 'leave the others out'}"
    )


def _show_zoo(json: bool, columns: str | None) -> int:
    from convcalc.questions.zoo import zoo, zoo_dict
    from convcalc.render.columns import with_columns
    from convcalc.render.networks import zoo_view
    from convcalc.render.table import show

    if json:
        print_json(zoo_dict())
    else:
        show(with_columns(zoo_view(tuple(zoo())), columns))
    return ANSWERED
