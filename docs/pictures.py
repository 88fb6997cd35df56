"""Makes the pictures of gallery.md: runs the command below each and writes its SVG files into docs/pictures/.

Run: python docs/pictures.py [FOLDER]
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from convcalc.cli import exit_code

DOCS = Path(__file__).parent
COMMAND = re.compile(r"^convcalc (draw .* --svg (\S+\.svg).*)$", re.MULTILINE)


def commands() -> list[tuple[list[str], str]]:
    """(arguments, file name) of every picture of the page, in its order."""
    found = COMMAND.findall((DOCS / "gallery.md").read_text(encoding="utf-8"))
    return [(shlex.split(arguments), name) for arguments, name in found]


def make(folder: Path) -> list[str]:
    """Write all pictures into the folder, and return their names."""
    here = Path.cwd()
    examples = folder / "examples"
    examples.symlink_to(DOCS.parent / "examples")
    os.chdir(folder)
    try:
        for arguments, _ in commands():
            with redirect_stdout(StringIO()):
                code = exit_code(arguments)
            assert code == 0, arguments
    finally:
        os.chdir(here)
        examples.unlink()
    return [name for _, name in commands()]


if __name__ == "__main__":
    print("\n".join(make(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "pictures")))
