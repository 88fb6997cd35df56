"""`convcalc probe`: arrays that tell the mistakes of a layer apart."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from convcalc.cli.answer import Form, answer
from convcalc.cli.options import SharedOptions, flag, layer_command, option
from convcalc.cli.progress import progress
from convcalc.errors import DataError, NotationError, quoted, shortened
from convcalc.notation import parse_layout, parse_words, whole_number
from convcalc.recipes import BY_NAME
from convcalc.recipes.options import LayerOptions

if TYPE_CHECKING:
    import numpy as np

    from convcalc.diagnosing.probe import Probe

PANEL = "Probe"
DIRECTORY = option("-o", "--output", metavar="DIR", help="Write the arrays into this directory.", panel=PANEL)
MEM = flag("--mem", help="Write them as hexadecimal words too: x.mem, w.mem, y.mem.", panel=PANEL)
BITS = option("--bits", metavar="N", help="Bits of a number of input and kernel, 2 to 16 [8].", panel=PANEL)
LARGEST = option("--largest", metavar="N", help="The largest number [as small as shows 8-bit overflow].", panel=PANEL)
FORCE = flag("--force", help="Overwrite files of an older probe.", panel=PANEL)
SUM_BITS = 32
"""Bits of an output in a .mem file."""


@layer_command
def command(
    options: SharedOptions,
    output: DIRECTORY = None,
    mem: MEM = False,
    bits: BITS = None,
    largest: LARGEST = None,
    force: FORCE = False,
) -> int:
    """The smallest whole-number input and kernel that tell the mistakes of 'run --expect' apart, and the right output.

    Run your implementation on x.npy and w.npy, then compare with the command that is printed. Every mistake is applied
    to these arrays. The input is the smallest of those tried, with three channels where none are given. Without -o
    nothing is written.

    Examples:
      convcalc probe k3s2p1
      convcalc probe -t transposed -i 4x9 -k 3 -s 2 -f 2 --json
      convcalc probe 1d:k3 -o bench --mem --force
    """
    from convcalc.diagnosing.asked import asked_layer
    from convcalc.diagnosing.probe import probe
    from convcalc.render.probe import probe_view

    if output is None and (mem or force):
        raise NotationError(f"probe: --{'mem' if mem else 'force'} is about files, got no -o; add -o DIR")
    type, layer, dims = _layer(options)
    width = _from(2, 16, bits, "bits", 8)
    highest = (1 << (width - 1)) - 1
    most = None if largest is None else _from(1, highest, largest, "largest", highest)
    asked = asked_layer(type, layer, dims, batch=options.batch, bits=width, largest=most)
    with progress("trying every mistake") as shown:
        found = probe(asked, shown)
    arrays = _arrays(found, layer)
    files = [] if output is None else _write(output, arrays, width, mem, force)
    typed = _typed(found, arrays, "DIR" if output is None else output)
    return answer(
        Form(explain=False, json=options.json),
        lambda: found.to_dict(files, typed),
        lambda: probe_view(found, tuple(files), typed, every=options.explain),
        None,
    )


def _layer(options: SharedOptions) -> tuple[str, LayerOptions, int | None]:
    """Type, options and axes of the one layer, from the options or its word."""
    if not options.words:
        return "standard" if options.type is None else options.type, options.layer, None
    options.check_row()
    words = parse_words(options.words, tuple(BY_NAME))
    word = words[0]
    if len(words) > 1 or word.op not in BY_NAME:
        row = shortened(" ".join(options.words))
        raise NotationError(f"probe: takes one convolution, got {quoted(row)}; write for example convcalc probe k3s2p1")
    names = LayerOptions.__dataclass_fields__
    values: dict[str, Any] = {name: value for name, value in word.values.items() if name in names}
    values["bias"] = options.layer.bias or values.get("bias", False)
    layer = replace(options.layer, **values)
    # `2d` says for a standard convolution what its word says
    type = f"{word.dims}d" if word.dims and word.op == "standard" else word.op
    return type, layer, word.dims


def _from(low: int, high: int, given: str | None, name: str, default: int) -> int:
    number = default if given is None else whole_number(given, name)
    if not low <= number <= high:
        raise NotationError(f"{name}: must be {low} to {high}, got {shortened(str(given))}; use --{name} {default}")
    return number


def _arrays(found: Probe, layer: LayerOptions) -> dict[str, np.ndarray]:
    """The arrays by their names, in the layout of the files; without the axis of a batch of one."""
    import numpy as np

    last = parse_layout(layer.layout) == "channels-last"

    def map_of(array: np.ndarray) -> np.ndarray:
        array = np.moveaxis(array, 1, -1) if last else array
        return array[0] if len(array) == 1 else array

    kernels = [np.moveaxis(each, (0, 1), (-1, -2)) if last else each for each in found.arrays.kernels]
    y = found.y.astype(np.int32) if np.abs(found.y).max() < 1 << (SUM_BITS - 1) else found.y
    return {"x": map_of(found.arrays.x), **_named("w", kernels), **_named("b", found.arrays.biases), "y": map_of(y)}


def _named(letter: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """One by its letter, several with their numbers."""
    return {letter if len(arrays) == 1 else f"{letter}{number}": array for number, array in enumerate(arrays, 1)}


def _write(directory: str, arrays: dict[str, np.ndarray], bits: int, mem: bool, force: bool) -> list[str]:
    """Writes the arrays as .npy files, with `mem` also as words, those of input and kernel of `bits`; their names."""
    import numpy as np

    from convcalc.storage.files import created, write_file
    from convcalc.storage.mem import write_mem
    from convcalc.storage.npy import write_npy

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    writes = {f"{name}.npy": partial(write_npy, array=array) for name, array in whole.items()}
    for name, array in whole.items() if mem else ():
        width = 8 * array.itemsize if name == "y" else bits
        writes[f"{name}.mem"] = partial(write_mem, array=array, bits=width)
    paths = {os.path.join(directory, name): write for name, write in writes.items()}
    taken = next((path for path in paths if os.path.lexists(path)), None)
    if taken is not None and not force:
        raise DataError(f"probe: must not overwrite files, got {quoted(taken)}; choose another -o, or add --force")
    created(directory)
    for path, write in paths.items():
        write_file(path, write)
    return list(paths)


def _typed(found: Probe, arrays: dict[str, np.ndarray], directory: str) -> str:
    """The command that compares an implementation's output with the right one, as one types it."""
    kernels = [name for name in arrays if name.startswith("w")]
    biases = [name for name in arrays if name.startswith("b")]
    files = [os.path.join(directory, f"{name}.npy") for name in ("x", *kernels)]
    flags = [part for name in biases for part in ("--bias", os.path.join(directory, f"{name}.npy"))]
    return shlex.join(["convcalc", "run", *files, *found.options, *flags, "--expect", "yours.npy"])
