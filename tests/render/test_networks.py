"""Networks on terminals of many widths: a row for each block or layer, nothing cut, and hidden columns are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

from convcalc.questions.report import network_report
from convcalc.questions.roofline import Machine
from convcalc.questions.summary import Depth, rows_of
from convcalc.questions.sweep import swept
from convcalc.readers import load_network
from convcalc.render.network import network_view
from convcalc.render.networks import sweep_view
from convcalc.render.table import Bar, Cell, Seconds, Table, duration, folded, show
from tests.commands import OnTerminal, Run
from tests.words import report

NETWORKS = ("resnet18", "inception-v3", "shufflenet-v1")
MACHINE = Machine(100e9, 10e9)
WIDTHS = (60, 80, 100, 120, 160)
SUMMARIES = [(name, machine, None) for name in NETWORKS for machine in (None, MACHINE)]
FIELD = "receptive field"
ON_SCREEN = pytest.mark.parametrize(("network", "machine", "depth"), [*SUMMARIES, ("resnet18", MACHINE, "all")])
Printed = Callable[[int, Table], list[str]]


@cache
def table_of(network: str, machine: Machine | None, depth: Depth) -> Table:
    """What `convcalc net` shows, made once for all widths."""
    answer = network_report(load_network(network), machine=machine)
    return network_view(answer, rows_of(answer, answer.layers, depth), "channels-first")


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Printed:
    """The lines that a table takes on a terminal of so many columns."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(width: int, table: Table) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        screen = StringIO()
        monkeypatch.setattr(screen, "isatty", lambda: True)
        show(table, screen)
        lines = [line.rstrip() for line in screen.getvalue().splitlines()]
        assert max(map(len, lines)) <= width
        return lines

    return run


def dropped(lines: list[str]) -> list[str]:
    """The columns that are reported as hidden, and `bars`."""
    [names] = re.findall(r"hidden to fit this terminal: ([^(]*) \(all columns when piped\)", " ".join(lines)) or [""]
    return [name for name in names.split(", ") if name]


def rows_on(lines: list[str], width: int, header: Sequence[str]) -> list[list[str]]:
    """The rows of the table, each with a folded name put together again."""
    [rule] = [i for i, line in enumerate(lines) if line.startswith("──")]
    headings = lines[1:rule]
    columns = [name for name in header if name not in dropped(lines)]
    for word in " ".join(columns).split():
        assert any(word in line for line in headings), (width, word)
    rows: list[list[str]] = []
    for line in lines[rule + 1 :]:
        if line.startswith(("hidden to", "float32: ", "bound by")) or " rows; --depth " in line:
            break
        if line.startswith("  ") and line.strip():
            assert re.fullmatch(r"  \S+", line), "a name goes on, and nothing else"
            rows[-1][0] += line.strip()
        elif line:
            rows.append(re.split(r" {2,}", re.sub(r" {2,}[█▏▎▍▌▋▊▉]+ +", "  ", line)))
            assert len(rows[-1]) == len(columns), line
    return rows


def written(cell: Cell) -> str:
    """A cell as a terminal shows it."""
    match cell:
        case None:
            return "-"
        case Bar():
            return cell.per_cent()
        case Seconds():
            return duration(cell)
        case float():
            return f"{cell:.5g}"
        case int():
            return f"{cell:,}"
        case _:
            return cell


@ON_SCREEN
def test_every_cell_of_the_columns_shown(network: str, machine: Machine | None, depth: Depth, printed: Printed) -> None:
    table = table_of(network, machine, depth)
    for width in WIDTHS:
        lines = printed(width, table)
        missing = dropped(lines)
        assert {*missing} - {"bars"} < {*table.columns}
        kept = [i for i, column in enumerate(table.columns) if column not in missing]
        assert rows_on(lines, width, table.columns) == [[written(row[i]) for i in kept] for row in table.rows], width
        drawn = any("█" in line for line in lines)
        assert drawn or {"share", "bars"} & {*missing}, width


@ON_SCREEN
def test_piped_rows_are_the_same_with_numbers_exact(network: str, machine: Machine | None, depth: Depth) -> None:
    table, pipe = table_of(network, machine, depth), StringIO()
    show(table, pipe)
    header, *rows = [line.split("\t") for line in pipe.getvalue().splitlines()]
    assert header == [*table.columns]
    for row, cells in zip(rows, table.rows, strict=True):
        for text, cell in zip(row, cells, strict=True):
            if isinstance(cell, int | float):
                assert float(text) == pytest.approx(float(cell), rel=1e-5)
                assert not isinstance(cell, int) or int(text) == cell
            else:
                assert text == (cell or "")


@pytest.mark.parametrize("network", NETWORKS)
def test_a_summary_on_80_columns(network: str, printed: Printed) -> None:
    """With the sizes, the parameters, the multiplications, their share, and the field, at most 40 rows."""
    lines = printed(80, table_of(network, None, None))
    assert not {"output", "parameters", "multiplications", "receptive field", "share"} & {*dropped(lines)}
    assert len(lines) < 40 + 12


def test_more_room_shows_no_fewer_columns(printed: Printed) -> None:
    table = table_of("resnet18", None, None)
    counts = [len(dropped(printed(width, table))) for width in (60, 70, 80, 90, 100, 120, 140, 200)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] <= 5, "name, output, parameters and multiplications have room on 60 columns"
    assert counts[-1] == 0


@pytest.mark.parametrize("network", NETWORKS)
def test_a_machine_s_columns_are_what_is_kept(network: str, printed: Printed) -> None:
    lines = printed(60, table_of(network, MACHINE, None))
    assert not {"ops/byte", "bound", "least time"} & {*dropped(lines)}


@pytest.mark.parametrize(("text", "columns"), [("share,name", ["share", "name"]), ("receptive_field", [FIELD])])
def test_columns_are_chosen(text: str, columns: list[str], output: Run) -> None:
    lines = [line.split("\t") for line in output("net", "vgg16", "--columns", text).splitlines()]
    assert lines[0] == columns
    assert {len(line) for line in lines} == {len(columns)}


def test_a_column_that_there_is_not(refusal: Run) -> None:
    assert refusal("net", "vgg16", "--columns", "name,flips") == (
        "columns: unknown column 'flips'; the columns: name, op, output, parameters, multiplications, activations, "
        "receptive field, share"
    )


@pytest.mark.parametrize("machine", [(), ("--peak", "100GOPS", "--bandwidth", "10GB/s")], ids=["plain", "machine"])
@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("over", [("--sweep", "128..320:64"), ("--sweep-width", "0.5,1")], ids=["sizes", "widths"])
def test_a_sweep_keeps_its_input(
    over: tuple[str, str], width: int, machine: tuple[str, ...], on_terminal: OnTerminal
) -> None:
    lines = on_terminal(width, "net", "mobilenet-v1", *over, *machine)
    assert "input" not in dropped(lines)
    first = "3x128x128" if over[0] == "--sweep" else "3x224x224"
    assert any(re.match(rf"(128|0.5) +{first} ", line) for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_size_that_does_not_fit_says_why_in_its_row(width: int, printed: Printed) -> None:
    sweep = swept("size", ["5", "96"], lambda size: report(f"3x{size}x{size} k3s2f64 max:k3s2 k3f128 gap fc1000"))
    (value, *_, why), fits = sweep_view(sweep, "channels-first").rows
    assert (value, fits[:2]) == ("5", ("96", "3x96x96"))
    lines = printed(width, sweep_view(sweep, "channels-first"))
    first, last = (next(i for i, line in enumerate(lines) if line.startswith(start)) for start in ("5 ", "96 "))
    assert re.sub(r"[\s-]", "", "".join(lines[first:last])) == "5" + re.sub(r"[\s-]", "", str(why))


@pytest.fixture
def pools(tmp_path: Path) -> str:
    path = tmp_path / "pools.toml"
    path.write_text('input = "3x32x32"\n' + '[[layers]]\nop = "max_pool"\nkernel = 3\nstride = 2\n' * 2)
    return str(path)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_where_nothing_multiplies_there_are_no_bars_to_miss(width: int, pools: str, on_terminal: OnTerminal) -> None:
    lines = on_terminal(width, "net", pools)
    assert "bars" not in dropped(lines)
    assert len([line for line in lines if line.endswith("0.00%")]) == 3


def test_below_what_a_row_needs_a_layer_is_a_record(pools: str, on_terminal: OnTerminal) -> None:
    lines = on_terminal(34, "net", pools)
    assert "max_pool1" in lines
    assert "  parameters       0" in lines


@pytest.mark.parametrize(("share", "shown"), [(0.0, "0.00%"), (1e-9, "<0.01%"), (0.00005, "0.01%"), (1.0, "100.00%")])
def test_a_share_of_more_than_nothing_is_not_shown_as_none(share: float, shown: str) -> None:
    assert Bar(share).per_cent() == shown


@pytest.mark.parametrize(
    ("name", "room", "lines"),
    [
        ("layer1/1/conv1", 14, ["layer1/1/conv1"]),
        ("layer1/1/conv1", 13, ["layer1/1/", "  conv1"]),
        ("node_InstanceNormalization_13", 22, ["node_InstanceNormaliza", "  tion_13"]),
        ("a" * 30, 14, ["a" * 14, "  " + "a" * 12, "  aaaa"]),
        ("/encoder/layer.0/attention/self/MatMul_1", 20, ["/encoder/layer.0/", "  attention/self/", "  MatMul_1"]),
        ("層" * 9, 14, ["層" * 7, "  層層"]),
    ],
)
def test_names_are_folded_where_they_may_be_broken(name: str, room: int, lines: list[str]) -> None:
    assert folded(name, room).split("\n") == lines
