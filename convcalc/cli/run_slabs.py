"""`convcalc run` on an input that is larger than memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, BinaryIO

from convcalc.storage.memory import ALWAYS, memory_budget

if TYPE_CHECKING:
    from convcalc.proof.planned import RunOptions
    from convcalc.proof.run import Result
    from convcalc.proof.slabs import Begin, Plan
    from convcalc.storage.regions import Stored


def result_in_slabs(
    input: str, kernels: Sequence[str], biases: Sequence[str], options: RunOptions, output: str | None, others: str
) -> Result | None:
    """The result of a run in slabs, written to `output`; None if its arrays fit memory.

    `others` is an option that needs all of the result at once, or nothing. Raises DataError for it, and for an output
    that cannot be written part by part.
    """
    memory = memory_budget()
    if memory is None or not _is_large(input, memory):
        return None
    return _of_large(input, kernels, biases, options, output, others, memory)


def _of_large(
    input: str, kernels: Sequence[str], biases: Sequence[str], options: RunOptions, output: str | None, others: str,
    memory: int,
) -> Result | None:  # fmt: skip
    """As `result_in_slabs`, of an input that may be larger than `memory`; most runs import none of this."""
    from convcalc.errors import DataError
    from convcalc.proof.forms import Named
    from convcalc.proof.slabs import planned_slabs
    from convcalc.storage.arrays import called, read_array
    from convcalc.storage.files import write_file
    from convcalc.storage.regions import begin_array, stored
    from convcalc.storage.source import check_fits

    with stored(input) as file:
        if file is None:
            return None
        if file.again:
            check_fits(file.name, prod(file.shape) * file.dtype.itemsize, f"save {file.again} with numpy.save")
            return None
        last = options.layout == "channels-last"
        arrays = [Named(called(name), read_array(name, channels_last=last)) for name in (*kernels, *biases)]
        plan = planned_slabs(file, arrays[: len(kernels)], arrays[len(kernels) :], options, memory)
        if plan is None:
            return None
        needs = f"a result larger than memory, {memory} bytes"
        if others:
            raise DataError(f"{file.name}: {needs}, is not there as a whole, got {others}; leave it out")
        if output is not None and not output.lower().endswith(".npy"):
            raise DataError(f"{file.name}: {needs}, is written to a .npy file, got -o {output}; use -o out.npy")
        if output is None:
            return _ran(plan, file, options, None)
        ran: list[Result] = []

        def write(target: BinaryIO) -> None:
            ran.append(_ran(plan, file, options, partial(begin_array, target, output)))

        write_file(output, write)
        return ran[0]


def _is_large(input: str, memory: int) -> bool:
    """Whether the input could be one that does not fit: other runs need not look twice."""
    try:
        return os.path.getsize(input) > min(ALWAYS, memory // 64)
    except (OSError, ValueError):
        return False


def _ran(plan: Plan, file: Stored, options: RunOptions, begin: Begin | None) -> Result:
    from convcalc.cli.progress import progress
    from convcalc.proof.slabs import run_in_slabs

    with progress(f"{file.name}: convolving") as shown:
        return run_in_slabs(plan, file, options, begin, shown)
