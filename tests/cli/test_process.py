"""As a process of its own: exit codes and streams, broken pipes, interrupts, encodings, imports, completion."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from typing import Any

import pytest

from convcalc.recipes import BY_NAME
from tests.commands import CONVCALC, DEFECT, exit_code, process


def test_exit_codes_and_streams_of_a_process() -> None:
    answered = process("shape", "--json")
    assert answered.returncode == 0
    assert json.loads(answered.stdout)["output"] == [128, 5, 5]
    refused = process("shape", "-i", "3x2x2")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(r"error: conv: height: .*; the smallest input that fits is 3\n", refused.stderr)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["shape"], ["cost", "--json"], ["--help"]])
def test_a_full_disk_is_exit_2(arguments: list[str]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*CONVCALC, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("error: output: could not be written, got No space left on device")
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_exit_141() -> None:
    with subprocess.Popen([*CONVCALC, "types"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as gone:
        assert gone.stdout is not None
        assert gone.stderr is not None
        gone.stdout.close()
        assert gone.wait(30) == 141
        assert "Traceback" not in gone.stderr.read()


def test_an_interrupt_is_exit_130(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt(arguments)

    monkeypatch.setattr("convcalc.cli.app.invoke", interrupted)
    assert exit_code("shape") == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_an_interrupted_process_is_exit_130() -> None:
    """Interrupted while it waits for a reader that does not read: the pipe is full long before the output ends."""
    layer = ["-i", f"64x{10**99}x{10**99}x{10**99}", "-f", "64"]
    with subprocess.Popen(
        [*CONVCALC, "cost", *layer, "--compare", "all", "--explain", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # Tests that a shell runs in the background ignore SIGINT, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as stuck:  # fmt: skip
        assert stuck.stdout is not None
        assert stuck.stderr is not None
        assert stuck.stdout.read(1) == b"{"
        stuck.send_signal(signal.SIGINT)
        assert stuck.wait(30) == 130
        assert stuck.stderr.read() == b"interrupted\n"


def test_closed_streams_leave_no_traceback() -> None:
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&-"):
        command = f"{shlex.join([*CONVCALC, 'shape'])} {closed}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr, closed
        assert DEFECT not in done.stderr, closed
        assert done.returncode in (0, 2), closed


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("arguments", [["cost", "--compare", "ds"], ["types"], ["shape", "-i", "3×", "-t", "√"]])
def test_any_encoding_of_the_terminal_will_do(encoding: str, arguments: list[str]) -> None:
    done = process(*arguments, env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}, encoding=encoding)
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if arguments[0] == "shape" else 0)


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["shape", "--json"], {"numpy", "rich", "pydantic"}),
        (["cost", "-t", "ds", "--json"], {"numpy", "rich", "pydantic"}),
        (["rf", "k3", "t:k4s2p1", "--json"], {"numpy", "rich", "pydantic"}),
        (["--version"], {"numpy", "rich", "pydantic"}),
        (["--help"], {"numpy", "rich", "pydantic"}),
        (["shape"], {"numpy", "rich", "pydantic"}),
    ],
)
def test_an_answer_imports_no_more_than_it_needs(arguments: list[str], unwanted: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "convcalc", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "convcalc" in imported
    assert not imported & unwanted


def completed(words: str, index: int) -> list[str]:
    environment = {
        **os.environ, "_CONVCALC_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(index),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "from convcalc.cli import main; main()"],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "index", "expected"),
    [
        ("convcalc shape -t de", 3, {"deconv", "depthwise", "depthwise-separable"}),
        ("convcalc cost --compare fl", 3, {"flattened"}),
        ("convcalc shape -t ", 3, set(BY_NAME)),
        ("convcalc sh", 1, {"shape"}),
        ("convcalc shape -p s", 3, {"same", "same-lower"}),
    ],
)
def test_the_shell_completes_types_and_commands(words: str, index: int, expected: set[str]) -> None:
    assert set(completed(words, index)) == expected


def test_the_module_and_the_command_are_the_same() -> None:
    """`python -m convcalc` and the entry point answer alike."""
    by_entry = subprocess.run(
        [sys.executable, "-c", "from convcalc.__main__ import main; main()", "--version"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (by_entry.returncode, by_entry.stdout) == (0, process("--version").stdout)
