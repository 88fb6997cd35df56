"""The command line: `main` runs a command and turns every error into one line and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

ANSWERED, DISAGREED, AT_FAULT, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141


def main() -> None:
    """Run convcalc on the arguments of this process and exit."""
    if sys.stderr is None:  # closed by the caller: messages are lost, the answer is not
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # open as long as the process
    if isinstance(sys.stdout, TextIOWrapper):  # a character that the encoding lacks becomes a question mark
        sys.stdout.reconfigure(errors="replace")
    gc.set_threshold(100_000)  # a large network is many objects without cycles: collect rarely
    sys.set_int_max_str_digits(0)  # exact integers are printed whole, however long
    sys.exit(exit_code(sys.argv[1:]))


def exit_code(arguments: list[str]) -> int:
    """The exit code of convcalc on these arguments."""
    from convcalc.errors import ConvcalcError

    if sys.stdout is None:
        return _fail("stdout: must be open, got a closed one; redirect it to a file")
    try:
        from convcalc.cli.app import invoke

        code = invoke(arguments)
        sys.stdout.flush()
        return code
    except ConvcalcError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return READER_GONE
    except MemoryError as error:
        return _fail(f"memory: must hold the arrays, got a request beyond it ({error}); use smaller sizes")
    except OSError as error:
        _silence_stdout()
        return _fail(f"output: could not be written, got {error.strerror or error}; free space or write elsewhere")
    except Exception as error:  # a bug in convcalc is still one line for the user
        return _fail(f"convcalc: internal error, got {type(error).__name__}: {error}; please report this command")


def _fail(message: str) -> int:
    from convcalc.errors import error_line

    print(f"error: {error_line(message)}", file=sys.stderr)
    return AT_FAULT


def _silence_stdout() -> None:
    """Discard what is still buffered for stdout, so that the interpreter's last flush cannot fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
