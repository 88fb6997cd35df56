"""Names from files and from the command line steer no terminal: every command, every place where a name can stand."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.main import get_command

from convcalc.cli.app import app
from convcalc.errors import one_line
from tests.commands import DEFECT, exit_code

EVIL = "a\x1b]0;title\x07\x1b[2J\x9b31m\u202egpj\u2028b\r\nc\u200b\ud800"
"""A title, a cleared screen, colours in 8 bits, text from right to left, line breaks, a letter without width."""
TYPED = EVIL.replace("\ud800", "\udcff")
"""As Python hands over a file name that is not UTF-8."""
COMMANDS: list[str] = get_command(app).list_commands(None)  # type: ignore[arg-type]
Seen = Callable[..., str]


def quoted(text: str) -> str:
    """A text as TOML writes it; surrogates it has none."""
    return json.dumps(text.replace("\ud800", ""))


def steering(text: str) -> set[str]:
    """Characters that move, hide or reorder others: controls, formats, separators, surrogates."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") and c not in "\n\t"}


def network(folder: Path) -> str:
    path = folder / "net.toml"
    evil = quoted(EVIL)
    path.write_text(
        f"name = {evil}\ninput = '3x8x8'\nsource = {evil}\nnotes = [{evil}]\n"
        f"[[layers]]\nop = 'conv'\nname = {evil}\nfilters = 4\nkernel = 3\n"
        f"[[layers]]\nblock = {quoted(EVIL + 'block')}\nname = {quoted(EVIL + 'used')}\n"
        f"[[blocks]]\nname = {quoted(EVIL + 'block')}\n"
        f"[[blocks.layers]]\nop = 'relu'\nname = {quoted(EVIL + 'inner')}\n",
        encoding="utf-8",
    )
    return str(path)


def model(folder: Path, op: str = "Conv") -> str:
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    name = EVIL.replace("\ud800", "")
    node = onnx.helper.make_node(op, [f"{name}x", f"{name}w"], [f"{name}y"], name=f"{name}n")
    graph = onnx.helper.make_graph(
        [node], f"{name}g",
        [onnx.helper.make_tensor_value_info(f"{name}x", 1, (1, 3, 8, 8))],
        [onnx.helper.make_tensor_value_info(f"{name}y", 1, None)],
        [onnx.numpy_helper.from_array(np.ones((4, 3, 3, 3), "f4"), f"{name}w")],
    )  # fmt: skip
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    path = folder / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    return str(path)


@pytest.fixture
def seen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Runs convcalc, in a pipe and on a terminal without colours; what both printed, which must have no escapes."""

    def run(*arguments: str, pipes: tuple[bool, ...] = (True, False)) -> str:
        printed = ""
        for pipe in pipes:
            with monkeypatch.context() as patch:
                patch.setenv("NO_COLOR", "1")
                patch.setenv("COLUMNS", "100")
                for name in ("stdout",) if not pipe else ():
                    patch.setattr(f"sys.{name}.isatty", lambda: True)
                code = exit_code(*arguments)
            out, err = capsys.readouterr()
            assert code in (0, 2), arguments
            assert DEFECT not in err, arguments
            assert not steering(out), (arguments, out)
            assert not steering(err), (arguments, err)
            printed += out + err
        return printed

    return run


def places(command: str) -> Iterator[list[str]]:
    """A hostile text as argument and as the value of every option of a command."""
    yield [TYPED]
    yield [f"--{TYPED}"]
    for parameter in get_command(app).get_command(None, command).params:  # type: ignore[attr-defined]
        if parameter.param_type_name == "option" and not parameter.is_flag:
            yield [parameter.opts[-1], TYPED]


@pytest.mark.parametrize("command", COMMANDS)
def test_on_the_command_line(command: str, seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in places(command):
        seen(command, *place, pipes=(True,))


@pytest.mark.parametrize("command", COMMANDS)
def test_in_a_network_of_a_file(command: str, seen: Seen, tmp_path: Path) -> None:
    files = [network(tmp_path), model(tmp_path)]
    for file in files:
        seen(command, file)
        seen(command, file, "--explain", pipes=(False,))
        json.loads(seen(command, file, "--json", pipes=(True,)).partition("error: ")[0] or "{}")


@pytest.mark.parametrize(
    "options",
    [["--depth", "all"], ["--csv"], ["--check"], ["--sweep", "8,9,1"], ["--compare", "alexnet"], ["--only", "conv"],
     ["--only", TYPED], ["--replace", f"standard={TYPED}"]],
    ids=str,
)  # fmt: skip
def test_in_every_view_of_a_network(options: list[str], seen: Seen, tmp_path: Path) -> None:
    for file in (network(tmp_path), model(tmp_path)):
        if options != ["--sweep", "8,9,1"] or file.endswith("toml"):
            seen("net", file, *options)


@pytest.mark.parametrize("key", ["op", "from", quoted(EVIL), "kernel", "padding", "block"])
def test_in_messages_about_a_file(key: str, seen: Seen, tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text(f"input = '3x8x8'\n[[layers]]\nname = {quoted(EVIL)}\n{key} = {quoted('no ' + EVIL)}\n", "utf-8")
    printed = seen("net", str(path))
    assert "error: " in printed
    assert "\\x1b" in printed
    assert "\\x1b" in seen("net", model(tmp_path, EVIL.replace("\ud800", "")), pipes=(True,))


def test_in_the_names_of_files(seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = TYPED.replace("/", "")
    np.save("x.npy", np.ones((3, 3)))
    Path("x.npy").rename(f"{name}.npy")
    out = seen("run", f"{name}.npy", f"{name}.npy", "-o", f"{name}2.npy")
    assert one_line(f"{name}2.npy") in out
    assert Path(f"{name}2.npy").exists()
    seen("run", f"{name}.npy", f"{name}.npy", "--preview", pipes=(True,))
    Path(f"{name}.toml").write_bytes(Path(network(tmp_path)).read_bytes())
    seen("net", f"{name}.toml", "--check")
    seen("draw", "-i", "1x5x5", "-k", "3", "--svg", f"{name}.svg")


def test_in_a_progress_bar(capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar moves the cursor itself; what the name would do is not done."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("convcalc.cli.progress.AFTER", -1)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert exit_code("net", network(tmp_path), "--check") == 0
    err = capsys.readouterr().err
    assert "\\x1b]0;title" in err
    assert "checking" in err
    left = re.sub(r"\x1b\[(\?25[lh]|2K|1A)|\r(?!\nc)", "", err)
    assert not steering(left), left


def test_in_pictures(seen: Seen, tmp_path: Path) -> None:
    """XML has no place for control characters: a browser would show nothing."""
    for kind in ("svg", "html"):
        path = tmp_path / f"p.{kind}"
        seen("draw", "net", network(tmp_path), f"--{kind}", str(path))
        text = path.read_text(encoding="utf-8")
        assert not steering(text)
        assert "title" in text
    ElementTree.parse(tmp_path / "p.svg")


def test_json_keeps_names_as_they_are(capsys: Any, tmp_path: Path) -> None:
    assert exit_code("net", network(tmp_path), "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == EVIL.replace("\ud800", "")


def test_colours_are_ours_alone(capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With colours there are escapes, but none that is not a colour, and none in a name."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    exit_code("net", network(tmp_path))
    printed = capsys.readouterr().out
    assert "\x1b[1m" in printed
    assert "\\x1b[2J" in printed.replace("\n", "")
    assert not re.search(r"\x1b(?!\[[0-9;]*m)", printed)
