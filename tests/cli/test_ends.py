"""How a process ends before its time: by a signal at any moment, on a full disk, without a reader. No file is lost."""

from __future__ import annotations

import fcntl
import os
import random
import resource
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands import CONVCALC, process

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's /proc")
NEEDS_FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
OLD = b"what was there before"
BY_SIGNAL = {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM, signal.SIGHUP: -signal.SIGHUP}


@pytest.fixture
def arrays(tmp_path: Path) -> list[str]:
    """Arguments of a run that writes out.npy, where there is a file already."""
    np.save(tmp_path / "x.npy", np.arange(40 * 41, dtype=np.int16).reshape(40, 41))
    np.save(tmp_path / "w.npy", np.array([[1, 2, -1]], np.int16))
    (tmp_path / "out.npy").write_bytes(OLD)
    return ["run", *(str(tmp_path / f"{name}.npy") for name in "xw"), "-o", str(tmp_path / "out.npy")]


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """`convcalc` with this command line and redirections."""
    line = f"{shlex.join(CONVCALC)} {command}"
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)


def is_untouched(folder: Path) -> bool:
    return (folder / "out.npy").read_bytes() == OLD and not any(folder.glob(".convcalc-*"))


@contextmanager
def started(arguments: Sequence[str], **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for signals already; before that, it is Python that starts."""
    with subprocess.Popen(
        [*CONVCALC, *arguments], stderr=subprocess.PIPE, **{"stdout": subprocess.PIPE} | settings,
        # Tests that a shell runs in the background ignore SIGINT, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:  # fmt: skip
        waiting = 1 << signal.SIGINT - 1
        until(lambda: running.poll() is not None or waiting & int(status(running.pid)["SigBlk"], 16) != 0)
        try:
            yield running
        finally:
            running.kill()


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize("number", [*BY_SIGNAL, signal.SIGQUIT, signal.SIGXCPU])
def test_a_signal_while_an_output_waits_for_its_name(number: int, tmp_path: Path, arrays: list[str]) -> None:
    """The answer does not fit the pipe and nobody reads it: the output is written but has not its name yet."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, getattr(fcntl, "F_SETPIPE_SZ", 1031), 4096)
    with started([*arrays, "--explain", "--json"], stdout=writer) as running:
        until(lambda: any(tmp_path.glob(".convcalc-*")))
        running.send_signal(number)
        assert running.wait(10) == BY_SIGNAL.get(signal.Signals(number), -number)
        assert running.stderr is not None
        assert running.stderr.read() == (b"interrupted\n" if number == signal.SIGINT else b"")
    os.close(reader)
    os.close(writer)
    assert is_untouched(tmp_path)


@pytest.mark.parametrize("number", [*BY_SIGNAL, signal.SIGKILL])
def test_a_signal_at_any_moment(number: int, tmp_path: Path) -> None:
    """While it starts, reads, or is in the middle of products that take minutes, on as many threads as there are."""
    np.save(tmp_path / "x.npy", np.zeros((16, 512, 512), np.float32))
    np.save(tmp_path / "w.npy", np.zeros((256, 16, 31, 31), np.float32))
    (tmp_path / "out.npy").write_bytes(OLD)
    for delay in (random.Random(number).random() / 10, random.Random(-number).random() / 2):
        files = [str(tmp_path / f"{name}.npy") for name in "xw"]
        with started(["run", *files, "--algorithm", "direct", "-o", str(tmp_path / "out.npy")]) as running:
            time.sleep(delay)
            running.send_signal(number)
            assert running.wait(10) == BY_SIGNAL.get(signal.Signals(number), -number)
            assert running.communicate() == (b"", b"interrupted\n" if number == signal.SIGINT else b"")
    assert (tmp_path / "out.npy").read_bytes() == OLD
    assert number == signal.SIGKILL or not any(tmp_path.glob(".convcalc-*"))


def test_a_signal_that_is_ignored_stays_so(arrays: list[str]) -> None:
    """As `nohup` does it."""
    with subprocess.Popen(
        [*CONVCALC, *arrays], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in BY_SIGNAL],
    ) as running:  # fmt: skip
        for _ in range(20):
            for number in BY_SIGNAL:
                running.send_signal(number)
            time.sleep(0.01)
        assert running.wait(30) == 0


@NEEDS_FULL
@pytest.mark.parametrize("command", ["cost --compare all", "net alexnet"])
def test_an_answer_is_not_lost_with_its_notes(command: str) -> None:
    full = shell(f"{command} 2>/dev/full")
    assert (full.returncode, full.stderr) == (0, "")
    assert full.stdout == process(*command.split()).stdout != ""


@NEEDS_FULL
def test_an_error_is_exit_2_without_a_place_for_it() -> None:
    for command in ("shape -k 0 2>/dev/full", "shape >/dev/full 2>/dev/full", "nonsense 2>/dev/full"):
        done = shell(command)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@NEEDS_FULL
@pytest.mark.parametrize("command", ["cost --json", "--help", "draw", "net alexnet --csv"])
def test_an_error_is_all_that_there_is_to_see(command: str) -> None:
    """No notes before it, nothing of the interpreter's after it."""
    done = shell(f"{command} >/dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("error: output: could not be written, got No space left on device")
    assert done.stderr.count("\n") == 1


@NEEDS_FULL
def test_data_to_a_full_disk(arrays: list[str]) -> None:
    for redirected, lines in ((">/dev/full", 1), (">/dev/full 2>/dev/full", 0)):
        done = shell(f"{shlex.join([*arrays[:-1], '-'])} {redirected}")
        assert (done.returncode, done.stderr.count("\n")) == (2, lines), done.stderr
        assert not lines or done.stderr.startswith("error: stdout: must be written whole, got no space left on device")


@NEEDS_FULL
def test_no_file_has_changed_after_an_error(tmp_path: Path, arrays: list[str]) -> None:
    done = shell(f"{shlex.join(arrays)} >/dev/full")
    assert done.returncode == 2
    assert is_untouched(tmp_path)
    pictures = [str(tmp_path / f"p.{kind}") for kind in ("svg", "html")]
    assert shell(f"draw --svg {pictures[0]} --html {pictures[1]} >/dev/full").returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.npy", "w.npy", "x.npy"]


def test_a_disk_that_fills_up(tmp_path: Path, arrays: list[str]) -> None:
    """A file may have 4,096 bytes: less than the output has."""
    done = subprocess.run(
        [*CONVCALC, *arrays], capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "out.npy: must be written whole, got file too large" in done.stderr
    assert is_untouched(tmp_path)


def test_a_reader_that_goes_away_hears_nothing() -> None:
    for command in ("shape", "net resnet18 --depth all --explain"):
        done = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
        assert (done.returncode in (0, 141), done.stderr) == (True, ""), command


def test_an_output_has_its_name_when_all_is_well(tmp_path: Path, arrays: list[str]) -> None:
    assert process(*arrays).returncode == 0
    x = np.arange(40 * 41).reshape(40, 41)
    expected = x[:, :-2] + 2 * x[:, 1:-1] - x[:, 2:]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.npy", "w.npy", "x.npy"]
