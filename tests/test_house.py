"""The rooms: imports run downwards only, files are small, and the map in docs/architecture.md is true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "convcalc"
MAP = re.search(r"```text\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.S)
assert MAP is not None, "docs/architecture.md must have the map"
LISTED = [line.split()[0] for line in MAP[1].splitlines() if line.strip()]
ROOMS = [entry.rstrip("/") for entry in LISTED if entry.count("/") == entry.endswith("/") and entry[0] != "_"]
"""The rooms in order, the ground first: a folder, or a file that stands alone."""
FILES = sorted(path for path in PACKAGE.rglob("*.py") if len(ast.parse(path.read_text()).body) > 1)
"""All that have more than a docstring."""
TOP = {"convcalc", "convcalc.__main__"}
"""The public names, and `python -m convcalc`: above all rooms."""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """The modules of the package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("convcalc"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("convcalc"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def room_of(module: str) -> str:
    name = module.split(".")[1]
    return name if (PACKAGE / name).is_dir() else f"{name}.py"


@pytest.mark.parametrize("module", [m for m in MODULES if m not in TOP])
def test_imports_run_downwards(module: str) -> None:
    own = ROOMS.index(room_of(module))
    for other in imports(MODULES[module]):
        if other in TOP:
            assert room_of(module) == "cli", f"{module} imports the public names"
            continue
        assert ROOMS.index(room_of(other)) <= own, f"{module} imports {other}, which is above it"


def test_no_import_runs_in_a_circle() -> None:
    ahead = {module: {m for m in imports(path) if m != module} for module, path in MODULES.items() if module not in TOP}
    while free := [module for module, needs in ahead.items() if not needs & ahead.keys()]:
        for module in free:
            del ahead[module]
    assert not ahead, f"in a circle, or behind one: {sorted(ahead)}"


def test_the_map_names_every_file_once() -> None:
    named = [entry for entry in LISTED if not entry.endswith("/")]
    assert len(named) == len(set(named))
    there = {str(path.relative_to(PACKAGE)) for path in FILES}
    there |= {"readers/zoo/*.toml"}
    assert set(named) == there


def test_files_are_small() -> None:
    lengths = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: n for module, n in lengths.items() if n > 400} == {}
    assert median(lengths.values()) < 130


def test_the_map_could_be_wrong() -> None:
    """The rooms are really read from the map, from the ground up."""
    assert ROOMS[0] == "errors.py"
    assert ROOMS[-1] == "cli"
    assert ROOMS.index("axis") < ROOMS.index("graph") < ROOMS.index("questions") < ROOMS.index("proof")
