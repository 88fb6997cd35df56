"""The memory and time of a convolution in slabs: python benchmarks/large.py [GIBIBYTES] [MEBIBYTES OF MEMORY]

A volume of float32 in a temporary file is convolved with a kernel of 3x3x3 by `convcalc run`, once within the memory
given and once in one piece. Prints the peak of resident memory, the ratio of the times, and whether the bits are the
same.
"""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS = 256


def measured(*arguments: str) -> tuple[float, float]:
    """Seconds, and the peak of resident memory in MiB, of a command of its own."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "convcalc", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main(gibibytes: float = 1, mebibytes: int = 256) -> None:
    """Makes the volume, runs both ways, prints the comparison."""
    side = round((gibibytes * 2**30 / 4 / ROWS) ** 0.5)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        volume, kernel, parts, whole = (str(Path(folder, f"{name}.npy")) for name in ("x", "k", "parts", "whole"))
        with open(volume, "wb") as file:  # row by row, for a command's peak counts from that of this process on
            described = {"descr": "<f4", "fortran_order": False, "shape": (ROWS, side, side)}
            np.lib.format.write_array_header_1_0(file, described)
            for _ in range(ROWS):
                file.write(rng.standard_normal((side, side), dtype=np.float32).tobytes())
        np.save(kernel, rng.standard_normal((3, 3, 3), dtype=np.float32))
        run = ("run", volume, kernel, "--dims", "3", "-p", "1", "--algorithm", "direct")
        seconds, peak = measured(*run, "-o", parts, "--max-memory", f"{mebibytes}MiB")
        print(f"{ROWS}x{side}x{side}: {gibibytes:g} GiB within {mebibytes} MiB: peak of resident memory {peak:.0f} MiB")
        whole_seconds, whole_peak = measured(*run, "-o", whole)
        print(f"in one piece: peak {whole_peak:.0f} MiB; time in slabs / in one piece {seconds / whole_seconds:.2f}")
        print("the same bits" if filecmp.cmp(parts, whole, shallow=False) else "OTHER BITS")


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:2]), *(int(argument) for argument in sys.argv[2:3]))
