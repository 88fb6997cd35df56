"""The command line: `main` runs a command and turns every error into one line and an exit code."""

from __future__ import annotations

import os
import sys

from convcalc.cli.signals import INTERRUPTED, catch_signals

PROGRAM = ("__main__", "convcalc.__main__")
ANSWERED, DISAGREED, AT_FAULT, READER_GONE = 0, 1, 2, 141


def main() -> None:
    """Run convcalc on the arguments of this process and exit."""
    if sys._getframe(1).f_globals.get("__name__") in PROGRAM:  # not a function that others call
        catch_signals()
    import gc
    from io import TextIOWrapper

    if sys.stderr is None:  # closed by the caller: messages are lost, the answer is not
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # open as long as the process
    if isinstance(sys.stdout, TextIOWrapper):  # a character that the encoding lacks becomes a question mark
        sys.stdout.reconfigure(errors="replace")
    gc.set_threshold(100_000)  # a large network is many objects without cycles: collect rarely
    sys.set_int_max_str_digits(0)  # exact integers are printed whole, however long
    sys.exit(exit_code(sys.argv[1:]))


def exit_code(arguments: list[str]) -> int:
    """The exit code of convcalc on these arguments.

    The answer is printed first; then files take their names, and notes come last. So after an error there is nothing
    but its one line, and no file has changed.
    """
    from convcalc.render.streams import Stream
    from convcalc.storage import ending

    closed = sys.stdout is None
    out, notes = Stream(open(os.devnull, "w") if closed else sys.stdout), Stream(sys.stderr)  # noqa: SIM115
    sys.stdout, sys.stderr = out, notes
    ending.begin()
    try:
        from convcalc.cli.app import invoke
        from convcalc.errors import DataError

        if closed:
            raise DataError("stdout: must be open, got a closed one; redirect it to a file")
        code = invoke(arguments)
        out.release()
        ending.finish()
    except (Exception, KeyboardInterrupt) as error:
        ending.abandon()
        out.discard()
        notes.discard()
        code, message = _failure(error)
        notes.write(message)
    finally:
        sys.stdout, sys.stderr = out.real, notes.real
    try:
        notes.release()
    except OSError:  # messages are lost, the answer is not
        notes.discard()
    return code


def _failure(error: BaseException) -> tuple[int, str]:
    """The exit code for an exception, and what is said about it."""
    from convcalc.errors import ConvcalcError, error_line

    match error:
        case KeyboardInterrupt():
            return INTERRUPTED, "interrupted\n"
        case BrokenPipeError():
            return READER_GONE, ""
        case ConvcalcError():
            message = str(error)
        case MemoryError():
            message = f"memory: must hold the arrays, got a request beyond it ({error}); use smaller sizes"
        case OSError():
            message = f"output: could not be written, got {error.strerror or error}; free space or write elsewhere"
        case _:  # a bug in convcalc is still one line for the user
            message = f"convcalc: internal error, got {type(error).__name__}: {error}; please report this command"
    return AT_FAULT, f"error: {error_line(message)}\n"
