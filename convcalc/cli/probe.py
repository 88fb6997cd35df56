"""`convcalc probe`: small arrays that tell all mistakes of a layer apart."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import os
from functools import partial

from convcalc.cli.answer import print_json
from convcalc.cli.options import SharedOptions, flag, layer_command, option
from convcalc.cli.progress import progress
from convcalc.errors import DataError, NotationError, quoted
from convcalc.notation import PADDING_WORDS, parse_padding_mode
from convcalc.render.table import show

WRITING = "Writing"
FOLDER = option(
    "-o", "--output", metavar="DIR", help="The directory for the arrays; created if it is missing.", panel=WRITING
)
MEM = flag("--mem", help="Write hexadecimal .mem files too, as $readmemh reads them.", panel=WRITING)
FORCE = flag("--force", help="Let the arrays overwrite files in the directory.", panel=WRITING)


@layer_command
def command(options: SharedOptions, output: FOLDER = None, mem: MEM = False, force: FORCE = False) -> int:
    """The smallest input and kernel of whole numbers that tell all mistakes of a layer apart, with the right output.

    Run x.npy and w.npy through the program under test, then ask `convcalc run DIR/x.npy DIR/w.npy --expect` why its
    output differs. Every mistake is applied to the arrays, and the answer says how many they tell apart.

    Examples:
      convcalc probe 3x16x16 k3s2psamef8 -o bench
      convcalc probe -t depthwise -i 4x9x9 -k 3 -p 1 -o bench --mem --force
    """
    from convcalc.diagnosing.probe import arrays_of, probe
    from convcalc.render.probe import probe_view
    from convcalc.storage.arrays import write_array
    from convcalc.storage.files import created, write_file
    from convcalc.storage.mem import write_mem

    if output is None:
        raise NotationError("probe: writes arrays into a directory, got none; name one, such as -o bench")
    padding, mode = options.layer.padding, options.layer.padding_mode
    word = padding if isinstance(padding, str) and padding in PADDING_WORDS else None
    with progress("trying every mistake") as shown:
        found = probe(options.subject(), "zeros" if mode is None else parse_padding_mode(mode), word, shown)
    arrays = arrays_of(found, options.layout)
    endings = ("npy", "mem") if mem else ("npy",)
    names = [os.path.join(output, f"{name}.{ending}") for ending in endings for name in arrays]
    taken = [name for name in names if os.path.lexists(name)]
    if taken and not force:
        raise DataError(f"probe: must not overwrite files, got {quoted(taken[0])}; choose another -o, or add --force")
    created(output)
    for name, array in zip(names, [*arrays.values()] * len(endings), strict=True):
        if name.endswith(".npy"):
            write_array(name, array)
        else:
            write_file(name, partial(write_mem, array=array))
    if options.json:
        print_json(found.to_dict(names))
    else:
        show(probe_view(found, arrays, names))
    return 0
