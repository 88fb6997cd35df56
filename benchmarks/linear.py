"""Long rows and large files: whether time grows with the number of layers, and no faster.

Run: python benchmarks/linear.py [runs]. Whole processes. Rows are compared in turn with a row of one word, files with
half as many layers: a ratio near 2 for twice the layers is linear.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from processes import process_seconds

WORDS = 1600
LAYERS = 20_000
MIXED = ["k3p1", "k3d2", "max:k3s1p1", "dw:k5", "k1", "ds:k3p1", "bn", "relu"]


def toml_file(folder: Path, layers: int, form: str) -> str:
    """A file of that many convolutions, one by one or as a repeated block of two."""
    layer = '[[{}]]\nop = "conv"\nfilters = 4\nkernel = 3\npadding = 1\n'
    head = f'name = "{form}"\ninput = "4x32x32"\n'
    if form == "flat":
        text = head + layer.format("layers") * layers
    else:
        text = f"{head}[[blocks]]\nrepeat = {layers // 2}\n" + layer.format("blocks.layers") * 2
    path = folder / f"{form}{layers}.toml"
    path.write_text(text)
    return str(path)


def ratio(command: list[str], other: list[str], runs: int) -> tuple[float, float]:
    """The median time of a command, and the median ratio to another's, timed in turn."""
    process_seconds(command), process_seconds(other)
    pairs = [(process_seconds(command), process_seconds(other)) for _ in range(runs)]
    return median(ours for ours, _ in pairs), median(ours / theirs for ours, theirs in pairs)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    convcalc = [sys.executable, "-m", "convcalc"]
    print("what\tseconds\tratio\tto")
    for name, row in {"k3": ["k3"] * WORDS, "mixed": MIXED * (WORDS // len(MIXED))}.items():
        for form in ([], ["--json"]):
            seconds, times = ratio([*convcalc, "rf", *row, *form], [*convcalc, "rf", row[0], *form], runs)
            print(f"rf, {WORDS} words {name} {' '.join(form)}\t{seconds:.2f}\t{times:.2f}\tone word")
    with tempfile.TemporaryDirectory() as folder:
        for form in ("flat", "blocks"):
            large, half = (toml_file(Path(folder), n, form) for n in (LAYERS, LAYERS // 2))
            for options in ([], ["--explain"], ["--json"]):
                seconds, times = ratio(
                    [*convcalc, "net", large, *options], [*convcalc, "net", half, *options], max(1, runs // 3)
                )
                print(f"net, {LAYERS} layers {form} {' '.join(options)}\t{seconds:.2f}\t{times:.2f}\thalf as many")


if __name__ == "__main__":
    main()
