"""The README and the pages in docs/, run: every console block prints what it shows, on a terminal of 100 columns.

`python -m tests.docs.test_readme` writes the outputs afresh; read the difference before keeping it.
"""

from __future__ import annotations

import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from convcalc.cli import exit_code

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")))
PYTHON = re.compile(r"(?<=```python\n)(>>> .*?)(?=```)", re.DOTALL)
BLOCK = re.compile(r"(?<=```console\n)(\$ .*?)(?=```)", re.DOTALL)


class Terminal(io.StringIO):
    """Takes output as a terminal would."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Beside(io.TextIOBase):
    """Errors on the same screen, but nothing that would move there, such as a progress bar."""

    def __init__(self, screen: Terminal) -> None:
        self.screen = screen

    def write(self, text: str) -> int:
        return self.screen.write(text)


def printed(command: str) -> str:
    """What a command prints on a terminal; a pipeline goes through a shell, in which convcalc is this one."""
    if "|" in command:
        script = f'convcalc() {{ {shlex.quote(sys.executable)} -m convcalc "$@"; }}; {command}'
        return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    program, *arguments = shlex.split(command)
    assert program == "convcalc"
    screen = Terminal()
    with redirect_stdout(screen), redirect_stderr(Beside(screen)):
        exit_code(arguments)
    return "".join(f"{line.rstrip()}\n" for line in screen.getvalue().splitlines())


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text())


def timeless(text: str) -> str:
    """The text without its times, which differ from run to run."""
    return re.sub(r"[\d.]+ m?s$", "… s", text, flags=re.MULTILINE)


@pytest.fixture
def _on_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """100 columns without colour, in a folder where files may be written."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_on_a_terminal")
@pytest.mark.parametrize(("page", "block"), [(page, block) for page in PAGES for block in blocks(page)])
def test_block_prints_what_it_shows(page: str, block: str) -> None:
    command, _, shown = block.removeprefix("$ ").partition("\n")
    assert timeless(printed(command)) == timeless(shown), page


@pytest.mark.parametrize("page", PAGES)
def test_python_examples(page: str) -> None:
    code = "\n".join(PYTHON.findall((ROOT / page).read_text()))
    example = doctest.DocTestParser().get_doctest(code, {}, page, page, 0)
    assert doctest.DocTestRunner().run(example).failed == 0


def test_the_tour_has_ten_commands() -> None:
    assert len(blocks("README.md")) >= 10


def test_the_two_commands_are_there() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv")]
    assert [command.split()[-3] for command in commands[:1]] == ["examples/photo.npy"]
    assert commands[1].endswith("-m pytest")


def rewrite() -> None:
    """Put the present outputs into the pages."""
    os.environ.update(COLUMNS="100", NO_COLOR="1")
    folder = tempfile.mkdtemp()  # where the commands write, so that nothing is left in the tree
    (Path(folder) / "examples").symlink_to(ROOT / "examples")
    os.chdir(folder)
    for page in PAGES:
        text = (ROOT / page).read_text()

        def fresh(match: re.Match[str]) -> str:
            command = match[1].removeprefix("$ ").partition("\n")[0]
            return f"$ {command}\n{printed(command)}"

        (ROOT / page).write_text(BLOCK.sub(fresh, text))


if __name__ == "__main__":
    rewrite()
