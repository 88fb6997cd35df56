"""Pictures as text: they fit the terminal, in characters that are one column wide everywhere, still and moving."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unicodedata import east_asian_width

import numpy as np
import pytest

from convcalc.render.drawing import signs_for
from convcalc.render.scene_text import ASCII, UNICODE
from tests.commands import CONVCALC, OnTerminal, Run, exit_code, process

LINES = 24
ORDINARY = [
    ["draw", "1x5x5", "k3s2p1"],
    ["draw", "1x12x12", "k3p1"],
    ["draw", "1x12x12", "k3s2psame"],
    ["draw", "1x12x12", "k3d2p2"],
    ["draw", "-i", "1x11x12", "-k", "3", "-s", "2", "-d", "2", "-p", "1"],
    ["draw", "1x10x10", "k3p1", "max:k2s2"],
    ["draw", "1x12", "k3s2p1"],
    ["draw", "1x5x5x5", "k3x3x3"],
    ["draw", "-t", "transposed", "-i", "1x2x2", "-k", "3", "-f", "1"],
    ["draw", "1x12", "t:k3s2p1"],
    ["draw", "rf", "1x9x9", "k3", "k3d2"],
    ["draw", "rf", "1x16", "k2pcausal", "k2d2pcausal", "k2d4pcausal"],
    ["draw", "matrix", "1x8", "k3s2p1"],
    ["draw", "channels", "-t", "grouped", "-i", "6x5x5", "-f", "6", "-g", "3"],
]
"""What one asks for to learn, up to 12x12."""
LARGER = [
    ["draw", "3x224x224", "k7s2p3f64"],
    ["draw", "1x30x40x50", "k3x3x3s2p1"],
    ["draw", "1x16x16", "t:k5x4s3p1"],
    ["draw", "-t", "transposed", "-i", "1x40", "-k", "5", "-f", "1"],
    ["draw", "matrix", "1x40x40", "k3"],
    ["draw", "-i", "1x30x30", "-k", "3", "-p", "1", "--padding-mode", "reflect"],
]
HIGHER = [
    ["draw", "1x30x40x50", "t:k3x3x3s2"],
    ["draw", "rf", "1x99x99", *["k3d2"] * 4],
    ["draw", "rf", "1x9x9x9", "k3x3x3", "k2"],
    ["draw", "channels", "64x5x5", "ds:k3f128"],
]
"""More than any terminal shows at once: it is scrolled."""


@pytest.fixture(autouse=True)
def _lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", str(LINES))


def pictures(lines: list[str]) -> list[list[str]]:
    """The lines of every picture of an answer; a blank line and a layer's number begin the next."""
    found: list[list[str]] = [[]]
    for number, line in enumerate(lines):
        if number and not lines[number - 1] and re.match(r"layer \d+: ", line):
            found.append([])
        found[-1].append(line)
    return found


@pytest.mark.parametrize("arguments", [*ORDINARY, *LARGER], ids=" ".join)
def test_a_picture_fits_the_terminal(on_terminal: OnTerminal, arguments: list[str]) -> None:
    """The prompt has a line too. That no line is longer is what `on_terminal` sees to."""
    for picture in pictures(on_terminal(80, *arguments)):
        assert len(picture) < LINES, "\n".join(picture)
        cut = any("only " in line or "not shown" in line for line in picture)
        assert cut == (arguments not in ORDINARY), "\n".join(picture)


@pytest.mark.parametrize("arguments", HIGHER, ids=" ".join)
def test_what_is_higher_is_no_wider(on_terminal: OnTerminal, arguments: list[str]) -> None:
    assert on_terminal(60, *arguments)


@pytest.mark.parametrize("arguments", [*ORDINARY, *HIGHER], ids=" ".join)
def test_every_character_is_one_column_wide_everywhere(output: Run, arguments: list[str]) -> None:
    text = output(*arguments)
    assert {sign for sign in text if east_asian_width(sign) in "WFA"} == set()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_values_stay_within_the_terminal(tmp_path: Path, on_terminal: OnTerminal) -> None:
    random = np.random.default_rng(1)
    np.save(tmp_path / "x.npy", random.normal(size=(3, 9, 9)) * 1e-9)
    np.save(tmp_path / "w.npy", random.normal(size=(2, 3, 5, 5)))
    arrays = ["--array", f"{tmp_path}/x.npy", "--kernel-array", f"{tmp_path}/w.npy"]
    lines = on_terminal(80, "draw", *arrays)
    assert "channel 2: " in "\n".join(lines)


@pytest.mark.parametrize("arguments", ORDINARY, ids=" ".join)
def test_ascii_is_complete(output: Run, arguments: list[str]) -> None:
    assert output(*arguments, "--ascii").isascii()


def test_the_legend_has_the_signs_that_are_drawn(output: Run) -> None:
    text = output("draw", "-i", "1x6x6", "-k", "2", "-s", "3", "-d", "2", "-p", "1", "--ascii")
    *grids, first, second = text.splitlines()
    legend = f"{first}  {second}"
    for sign, meaning in {
        "o": "input", ".": "padding", "#": "read by the kernel", "x": "skipped by the dilation", "@": "this output",
        "-": "never read",
    }.items():  # fmt: skip
        assert f" {sign}  {meaning}" in legend
        assert any(sign in line.split() for line in grids)


@pytest.mark.parametrize("no_color", [None, "1"])
def test_colours_follow_no_color(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_color: str | None
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert exit_code("draw", "1x4x4", "k3") == 0
    assert ("\x1b[" in capsys.readouterr().out) == (no_color is None)


def test_ascii_is_chosen_where_there_is_no_unicode() -> None:
    done = process("draw", "1x6x6", "k3s2p1d2", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "#" in done.stdout


@pytest.mark.parametrize(
    ("encoding", "unicode"), [("utf-8", True), ("UTF-8", True), ("ascii", False), ("cp1252", False), ("cp936", False)]
)
def test_the_signs_are_those_of_the_encoding(encoding: str, unicode: bool) -> None:
    signs = signs_for(TextIOWrapper(BytesIO(), encoding), ascii=False)
    assert signs == (UNICODE if unicode else ASCII)
    assert signs_for(TextIOWrapper(BytesIO(), encoding), ascii=True) == ASCII


def on_a_pty(*arguments: str, lines: int = LINES, interrupt_after: bytes | None = None) -> tuple[int, str]:
    """Exit code, and all that convcalc writes to a terminal of 80 columns, interrupted once it has written that."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": str(lines), "NO_COLOR": "1"}
    with subprocess.Popen(
        [*CONVCALC, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
        # Tests that a shell runs in the background ignore SIGINT, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as playing:  # fmt: skip
        os.close(theirs)
        written, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([ours], [], [], 1)[0]:
                try:
                    part = os.read(ours, 65536)
                except OSError:
                    break
                if not part:
                    break
                written += part
            if interrupt_after is not None and interrupt_after in written:
                playing.send_signal(signal.SIGINT)
                interrupt_after = None
        os.close(ours)
    return playing.returncode, written.decode()


def screens(written: str) -> list[list[str]]:
    """The lines on the screen after each frame, from the few controls that an animation uses."""
    frames = written.split("\x1b[J")
    assert len(frames) > 1
    screen, found = list[str](), list[list[str]]()
    for frame in frames[:-1]:
        moved = re.match(r"\r?\n?\x1b\[(\d+)F", frame)
        if moved:
            assert int(moved[1]) == len(screen)
        screen = re.sub(r"\x1b\[[?\d]*[a-zA-Z]", "", frame).replace("\r", "").split("\n")[:-1]
        found.append(screen)
    return found


def test_an_animation_is_redrawn_in_place_and_its_last_step_stays() -> None:
    code, written = on_a_pty("draw", "1x4x4", "k3p1", "--animate", "--fps", "50")
    assert code == 0
    frames = screens(written)
    assert len(frames) == 16
    assert [next(line for line in frame if line.startswith("output (")).split(" reads")[0] for frame in frames] == [
        f"output ({row}, {column})" for row in range(4) for column in range(4)
    ]
    assert max(map(len, frames)) < LINES
    assert written.startswith("\x1b[?25l")
    assert written.endswith("\x1b[?25h")
    assert set(re.findall(r"\x1b\[[?\d]*([a-zA-Z])", written)) == {"l", "h", "F", "J", "K"}


def test_an_animation_that_is_too_high_says_how_much_is_missing() -> None:
    code, written = on_a_pty("draw", "1x3x3", "t:k2s2", "--animate", "--fps", "50", lines=10)
    assert code == 0
    assert {len(frame) for frame in screens(written)} == {9}
    assert all(re.fullmatch(r"\d+ more lines need a higher terminal", frame[-1]) for frame in screens(written))


def test_an_interrupted_animation_leaves_the_cursor_visible() -> None:
    code, written = on_a_pty("draw", "1x12x12", "k3", "--animate", "--fps", "0.1", interrupt_after=b"\x1b[J")
    assert code == 130
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")
    assert written.endswith("interrupted\r\n")
