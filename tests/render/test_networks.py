"""Networks on terminals of many widths: one row per layer, nothing cut, and hidden columns are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from convcalc.render.table import Bar, folded
from tests.commands import OnTerminal, Run

NETWORKS = ("resnet18", "inception-v3", "densenet121", "efficientnet-b0", "vgg16")
MACHINE = ("--peak", "100GOPS", "--bandwidth", "10GB/s")
WIDTHS = (60, 80, 100, 120, 160)


def dropped(lines: list[str]) -> list[str]:
    """The columns that are reported as hidden."""
    [names] = re.findall(r"hidden to fit this terminal: ([^(]*) \(all columns when piped\)", " ".join(lines)) or [""]
    return [name for name in names.split(", ") if name]


def rows_of(lines: list[str], width: int, header: list[str]) -> list[list[str]]:
    """The rows of the table, each with a folded name put together again."""
    [rule] = [i for i, line in enumerate(lines) if line.startswith("──")]
    headings = lines[1:rule]
    columns = [name for name in header if name not in dropped(lines)]
    for word in " ".join(columns).split():
        assert any(word in line for line in headings), (width, word)
    rows: list[list[str]] = []
    ends = lines.index("bars hidden to fit this terminal") if "bars hidden to fit this terminal" in lines else -1
    for line in lines[rule + 1 : ends]:
        if line.startswith(("hidden to", "float32: ")):
            break
        if line.startswith("  ") and line.strip():
            assert re.fullmatch(r"  \S+", line), "a name goes on, and nothing else"
            rows[-1][0] += line.strip()
        elif line:
            rows.append(re.split(r" {2,}", re.sub(r" {2,}[█▏▎▍▌▋▊▉]+ +", "  ", line)))
            assert len(rows[-1]) == len(columns), line
    return rows


def written(column: str, cell: str) -> str:
    """A piped cell as a terminal shows it."""
    if cell == "":
        return "-"
    if column == "share":
        return Bar(float(cell)).per_cent()
    if column in ("ops/byte", "least ms"):
        return f"{float(cell):.5g}"
    return f"{int(cell):,}" if column in ("parameters", "multiplications", "activations") else cell


@pytest.mark.parametrize("machine", [(), MACHINE], ids=["plain", "machine"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_row_a_layer_with_every_cell_of_the_columns_shown(
    network: str, machine: tuple[str, ...], on_terminal: OnTerminal, output: Run
) -> None:
    header, *piped = [line.split("\t") for line in output("net", network, *machine).splitlines()]
    for width in WIDTHS:
        lines = on_terminal(width, "net", network, *machine)
        missing = dropped(lines)
        assert set(missing) < set(header)
        shown = rows_of(lines, width, header)
        kept = [i for i, column in enumerate(header) if column not in missing]
        assert shown == [[written(header[i], row[i]) for i in kept] for row in piped], width
        drawn = any("█" in line for line in lines)
        assert drawn or "share" in missing or "bars hidden to fit this terminal" in lines, width


def test_more_room_shows_no_fewer_columns(on_terminal: OnTerminal) -> None:
    counts = [len(dropped(on_terminal(width, "net", "resnet50"))) for width in (60, 70, 80, 90, 100, 120, 140, 200)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] <= 4, "name, output, parameters and multiplications have room on 60 columns"
    assert counts[-1] == 0


def test_a_machine_s_columns_are_what_is_kept(on_terminal: OnTerminal) -> None:
    for network in NETWORKS:
        assert not {"ops/byte", "bound", "least ms"} & {*dropped(on_terminal(60, "net", network, *MACHINE))}


@pytest.mark.parametrize("machine", [(), MACHINE], ids=["plain", "machine"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("over", [("--sweep", "128..320:64"), ("--sweep-width", "0.5,1")], ids=["sizes", "widths"])
def test_a_sweep_keeps_its_input(
    over: tuple[str, str], width: int, machine: tuple[str, ...], on_terminal: OnTerminal
) -> None:
    lines = on_terminal(width, "net", "mobilenet-v1", *over, *machine)
    assert "input" not in dropped(lines)
    first = "3x128x128" if over[0] == "--sweep" else "3x224x224"
    assert any(re.match(rf"(128|0.5) +{first} ", line) for line in lines)


@pytest.fixture
def pools(tmp_path: Path) -> str:
    path = tmp_path / "pools.toml"
    path.write_text('input = "3x32x32"\n' + '[[layers]]\nop = "max_pool"\nkernel = 3\nstride = 2\n' * 2)
    return str(path)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_where_nothing_multiplies_there_are_no_bars_to_miss(width: int, pools: str, on_terminal: OnTerminal) -> None:
    lines = on_terminal(width, "net", pools)
    assert "bars hidden to fit this terminal" not in lines
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
