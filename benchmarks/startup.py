"""Start-up of the commands that answer without arrays, beside a Typer program whose one command does nothing.

Run: python benchmarks/startup.py [runs]. Whole processes, in turn, so that a machine whose speed drifts slows both;
prints the median of the ratios and what each command imports that it should not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from processes import process_seconds

NOTHING = """
import typer
app = typer.Typer(add_completion=False)
@app.command()
def nothing() -> None: ...
app()
"""
COMMANDS = (["shape", "--json"], ["cost", "--json", "--compare", "depthwise"], ["--help"], ["--version"])
HEAVY = ("numpy", "rich", "pydantic")


def heavy_imports(command: list[str]) -> list[str]:
    """Which of the heavy packages the command imports."""
    trace = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]], check=True, capture_output=True, text=True
    ).stderr
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in trace.splitlines()}
    return [name for name in HEAVY if name in modules]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder) / "nothing.py"
        nothing.write_text(NOTHING)
        baseline = [sys.executable, str(nothing)]
        print("command\ttimes the empty Typer program\theavy imports")
        for arguments in COMMANDS:
            command = [sys.executable, "-m", "convcalc", *arguments]
            process_seconds(command), process_seconds(baseline)
            ratio = median(process_seconds(command) / process_seconds(baseline) for _ in range(runs))
            print(f"{' '.join(arguments)}\t{ratio:.2f}\t{', '.join(heavy_imports(command)) or 'none'}")


if __name__ == "__main__":
    main()
