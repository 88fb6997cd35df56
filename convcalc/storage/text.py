"""Arrays as text: numbers in rows in .csv and .txt files, or written out as `[[1, 2], [3, 4]]`."""

from __future__ import annotations

import re
import warnings
from typing import Any, BinaryIO

import numpy as np

from convcalc.errors import DataError, shortened
from convcalc.storage.files import shown
from convcalc.storage.source import Source, is_literal, whole

WORTH = 8
"""Bytes of memory that one byte of text may become: `1,` is one number of 8 bytes, twice while it is read."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How text files of UTF-16 begin."""
MAX_LITERAL = 1 << 20
MAX_AXES = 5
"""Axes of an array that is written out: batch, channels and three of space."""
_TOKEN = re.compile(r"\([^\[\](),\s]+[jJ]\)|[\[\]()]|[^\[\](),\s]+")
"""A bracket or a number; Python writes complex numbers in brackets of their own, as (1+2j)."""
_INTEGER = re.compile(r"[+-]?\d+(?:_\d+)*\Z")
_QUOTED = re.compile(r'"\s*([-+.\w]+)\s*"')
_BLANK = re.compile(r"\s")
_COMMENT = "put # in front of lines without numbers"
_NO_TEXT = "must be .npy, .npz, text or an image, got other data; save it with numpy.save"
_MISSING = "write nan for a missing number"
_WORDS = {"true": True, "false": False}
_FAULT = re.compile(r"could not convert string (.{0,200}?) to \w+ at row (\d+), column (\d+)", re.DOTALL)
_RAGGED = re.compile(r"number of columns changed from (\d+) to (\d+) at row (\d+)")


def literal(text: str, name: str = "") -> np.ndarray:
    """The array that nested brackets write out: of int64, or of floats, complex numbers or bools if such are in it.

    Raises DataError for what is no regular array of numbers, naming the file that the text is from, or its beginning.

    >>> literal("[[0, 1, 2], [2, 2, 0]]").tolist(), literal("[1., .5]").dtype
    ([[0, 1, 2], [2, 2, 0]], dtype('float64'))
    """
    name = name or shown(shortened(text.strip()))
    if len(text) > MAX_LITERAL:
        raise DataError(f"{name}: an array may be written out in {MAX_LITERAL} characters, got more; use a .npy file")
    values, lengths, open_rows = list[Any](), dict[int, int](), list[int]()
    closed, numbers_at = False, None
    for token in _TOKEN.findall(text):
        depth = len(open_rows)
        if closed:
            raise DataError(f"{name}: must be one array, got {_text(token)} after its last bracket; leave it out")
        if token in "[(":
            if depth == MAX_AXES:
                raise DataError(f"{name}: an array has at most {MAX_AXES} axes, got more; leave brackets out")
            open_rows.append(0)
        elif token in "])":
            if not open_rows:
                raise DataError(f"{name}: every bracket must be opened first, got {token} alone; leave it out")
            count = open_rows.pop()
            if lengths.setdefault(depth, count) != count or not count:
                raise DataError(
                    f"{name}: rows must be equally long, got {lengths[depth]} and {count} entries; complete them"
                )
            if open_rows:
                open_rows[-1] += 1
            closed = not open_rows
        else:
            numbers_at = numbers_at or depth
            if depth != numbers_at:
                raise DataError(f"{name}: rows must be equally deep, got {_text(token)} beside a row; add brackets")
            values.append(_number(token, name))
            open_rows[-1] += 1
    if open_rows or not closed:
        raise DataError(f"{name}: every bracket must be closed, got {len(open_rows)} open; add {']' * len(open_rows)}")
    if len(lengths) != numbers_at:
        raise DataError(f"{name}: rows must be equally deep, got numbers beside rows; add brackets")
    return _array(values, name).reshape([lengths[level] for level in range(1, len(lengths) + 1)])


def _number(token: str, name: str) -> int | float | complex | bool:
    if token.lower() in _WORDS:
        return _WORDS[token.lower()]
    if _INTEGER.match(token):
        if len(token) > 30:
            raise DataError(f"{name}: integers must fit 64 bits, got {_text(token)}; write a float, as in 1e20")
        return int(token)
    for kind in (float, complex):
        try:
            return kind(token)
        except ValueError:
            continue
    raise DataError(f"{name}: must hold numbers, got {_text(token)}; write them as 1, -0.5, 2e3 or 1+2j")


def _array(values: list[Any], name: str) -> np.ndarray:
    if {type(value) for value in values} != {int}:
        return np.array(values)
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(values, dtype)
        except OverflowError:
            continue
    largest = max(values, key=abs)
    raise DataError(f"{name}: integers must fit 64 bits, got {largest}; write a float, as in 1e20")


def _text(token: str) -> str:
    return shown(shortened(token))


def read_text(source: Source) -> np.ndarray:
    """The numbers of a text file, a row a line, separated by commas, semicolons or blanks; `#` begins a comment.

    int64 or uint64 if all are integers, else float64 or complex128. One row or one column is an array of one axis.
    Numbers have decimal points: `1,5;2,5` is refused, because it may be decimal commas as well as two rows.
    Raises DataError with the line for anything else.
    """
    name = source.name
    if b"\0" in source.head and not source.head.startswith(UTF_16):
        raise DataError(f"{name}: {_NO_TEXT}")  # before all of it is read
    data = whole(source, WORTH).getvalue()
    if not data:
        raise DataError(f"{name}: must hold an array, got an empty file; check the name")
    lines = [line.partition("#")[0] for line in _decoded(data, name).splitlines()]
    numbers = [at for at, line in enumerate(lines, 1) if line.strip()]
    if not numbers:
        raise DataError(f"{name}: must hold numbers, got none; write a row a line")
    first = lines[numbers[0] - 1]
    if is_literal(first):
        return literal(" ".join(lines), name)
    mark = next((mark for mark in ";," if mark in first), None)
    rows = [_row(lines[at - 1], mark, f"{name}: line {at}") for at in numbers]
    errors = list[ValueError]()
    for dtype in (np.int64, np.uint64, np.float64, np.complex128):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return np.atleast_1d(np.loadtxt(rows, dtype, delimiter=mark, comments=None))
        except ValueError as failed:
            errors.append(failed)
            if _too_large(failed) and dtype is np.uint64:
                break
    raise DataError(f"{name}: {_fault(errors[0 if _too_large(errors[0]) else -1], numbers)}")


def _decoded(data: bytes, name: str) -> str:
    """The text of a file: UTF-8, or UTF-16 if its first bytes say so, as spreadsheets write it."""
    try:
        text = data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataError(f"{name}: {_NO_TEXT}")
    return text


def _row(line: str, mark: str | None, where: str) -> str:
    """A row for np.loadtxt, without quotation marks around numbers and without a separator after the last."""
    row = (_QUOTED.sub(r" \1 ", line) if '"' in line else line).strip()
    if not row.isascii():  # np.loadtxt may crash on characters beyond Latin-1
        row = _BLANK.sub(" ", row)
        if foreign := next((token for token in row.split(mark) if not token.isascii()), None):
            raise DataError(f"{where}: must hold numbers, got {_text(foreign.strip())}; {_COMMENT}")
    if mark == ";" and "," in row:
        raise DataError(f"{where}: must have one separator, got , and ; in one row; {_separated(row)}")
    row = row.removesuffix(mark or "\n").rstrip()
    if not row:
        raise DataError(f"{where}: must hold numbers, got an empty field; {_MISSING}")
    return row


def _separated(row: str) -> str:
    """What to write for a row in which commas are decimal points, or semicolons end rows."""
    point = next((token for token in re.split('[;\\s"]+', row) if "," in token), row)
    return f"write {_text(point.replace(',', '.'))} for a decimal comma, and a row a line"


def _too_large(error: ValueError) -> bool:
    """Whether reading failed at an integer, which no integer dtype holds, so that a float would lose digits of it."""
    found = _FAULT.search(str(error))
    return found is not None and _INTEGER.match(found[1].strip("'\" ")) is not None


def _fault(error: ValueError, numbers: list[int]) -> str:
    """What np.loadtxt found wrong, with the line in the file."""
    text = str(error)
    if found := _RAGGED.search(text):
        line = numbers[min(int(found[3]), len(numbers)) - 1]
        return f"line {line}: rows must be equally long, got {found[2]} numbers after rows of {found[1]}; complete it"
    if found := _FAULT.search(text):
        at, token = numbers[min(int(found[2]), len(numbers) - 1)], found[1].strip("' ")
        if _INTEGER.match(token):
            return f"line {at}: integers must fit 64 bits, got {shortened(token)}; write a float, as in 1e20"
        if not token:
            return f"line {at}: must hold numbers, got an empty field; {_MISSING}"
        return f"line {at}: must hold numbers, got {_text(token)}; {_COMMENT}"
    return f"must hold rows of numbers, got {shown(shortened(text))}; write a row a line"


def check_table(name: str, array: np.ndarray) -> None:
    """Raises DataError for an array that is no table."""
    if array.ndim > 2:
        raise DataError(f"{name}: a .csv file has 1 or 2 axes, got shape {array.shape}; write a .npy file")


def write_text(target: BinaryIO, array: np.ndarray) -> None:
    """Writes a row a line, every number with all the digits that tell it from its neighbours."""
    plain = array.astype(np.uint8) if array.dtype == bool else array
    for row in plain if array.ndim == 2 else plain[:, np.newaxis]:
        target.write((",".join(map(str, row)) + "\n").encode())
