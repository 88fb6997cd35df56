""".npy files: damaged ones are refused in one sentence, and writing never loses the file that was there."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import sys
import threading
from contextlib import suppress

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.errors import DataError
from convcalc.storage import memory, npy, source
from convcalc.storage.arrays import read_array, write_array
from convcalc.storage.files import check_writable


def saved(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(text, version=(1, 0)):
    """A file that begins with any header text."""
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + text.encode("latin1")


def fields(shape, descr="<f4", fortran=False):
    return f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


def feed(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


WHOLE = np.arange(24, dtype="f4").reshape(2, 3, 4)
DTYPES = ["f2", "f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f4", ">i2", ">c16"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_round_trip(tmp_path, dtype, order):
    array = np.asarray(WHOLE % 2 if dtype == "?" else WHOLE, dtype, order=order)
    path = str(tmp_path / "exactly this name")
    write_array(path, array)
    assert os.listdir(tmp_path) == ["exactly this name"]
    for back in (read_array(path), np.load(path)):
        assert back.dtype == array.dtype
        assert back.flags.f_contiguous == array.flags.f_contiguous
        assert_array_equal(back, array)


@pytest.mark.parametrize("step", [1, 7, 2**24])
def test_slabs(tmp_path, monkeypatch, step):
    monkeypatch.setattr(npy, "SLAB", step)
    path = str(tmp_path / "a.npy")
    for array in (WHOLE, WHOLE[:, ::2], WHOLE.transpose(1, 2, 0), WHOLE.T, WHOLE[::-1]):
        write_array(path, array)
        assert_array_equal(np.load(path), array)
        assert_array_equal(read_array(path), array)


@pytest.mark.parametrize("version", [(2, 0), (3, 0)])
def test_later_versions(tmp_path, version):
    path = tmp_path / "a.npy"
    path.write_bytes(header(fields((2, 3, 4)) + " " * 9000, version) + WHOLE.tobytes())
    assert_array_equal(read_array(str(path)), WHOLE)


def test_header_of_python_2(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(header(fields("(2L, 3L, 4L)")) + WHOLE.tobytes())
    assert_array_equal(read_array(str(path)), WHOLE)


def big(*shape, descr="<f4"):
    return header(fields(shape, descr)) + b"\0" * 16


DAMAGED = {
    "empty": (b"", "must be a .npy file, got an empty one"),
    "text": (b"1,2,3\n4,5,6\n", "must be a .npy file, got other data"),
    "short magic": (b"\x93NUM", "must be a .npy file, got other data"),
    "zip": (b"PK\x03\x04" + bytes(30), "must be a whole .npz archive"),
    "version 9": (header(fields((1,)), (9, 9)) + bytes(4), "version must be 1.0 to 3.0, got 9.9"),
    "no header": (b"\x93NUMPY\1\0", "must have a whole .npy header"),
    "half a header": (saved(WHOLE)[:60], "must have a whole .npy header"),
    "header of 4 GiB": (b"\x93NUMPY\2\0\xff\xff\xff\xff", "must have a whole .npy header"),
    "header of 20 kB": (header(fields((1,)) + " " * 20000) + bytes(4), "must have a whole .npy header"),
    "no dictionary": (header("[1, 2]"), "must have a whole .npy header"),
    "code": (header("__import__('os').system('true')"), "must have a whole .npy header"),
    "brackets": (header("(" * 9000), "must have a whole .npy header"),
    "unclosed": (header("{'descr': '<f4"), "must have a whole .npy header"),
    "indented": (header("  \n {}\n   1"), "must have a whole .npy header"),
    "binary": (b"\x93NUMPY\1\0\x10\0" + bytes(range(240, 256)), "must have a whole .npy header"),
    "missing key": (header("{'descr': '<f4', 'shape': (1,)}"), "must have a whole .npy header"),
    "unknown dtype": (header(fields((1,), "<q9")), "must have a whole .npy header"),
    "shape of floats": (header(fields("(1.5,)")), "must have a whole .npy header"),
    "objects": (saved(np.array([{}], object), allow_pickle=True), "got Python objects, which are never unpickled"),
    "objects in fields": (header(fields((1,), [("a", "|O")])), "got Python objects, which are never unpickled"),
    "text array": (saved(np.array(["ab"])), "must hold bools, integers, floats or complex numbers, got <U2"),
    "dates": (saved(np.zeros(1, "M8[s]")), "must hold bools, integers, floats or complex numbers"),
    "records": (saved(np.zeros(1, "i4,f4")), "must hold bools, integers, floats or complex numbers"),
    "empty axis": (saved(np.zeros((3, 0))), r"none of them empty, got shape \(3, 0\)"),
    "negative axis": (big(-1, -4), r"none of them empty, got shape \(-1, -4\)"),
    "many axes": (header(fields((1,) * 65)) + bytes(4), "must have at most 32 axes"),
    "truncated": (saved(WHOLE)[:-1], r"must hold 96 bytes of data as shape \(2, 3, 4\) of float32 needs, got 95; save"),
    "trailing": (saved(WHOLE) + b"\0", "must hold 96 bytes .* got 97|got more"),
    "two arrays": (saved(WHOLE) * 2, "must hold 96 bytes .* got"),
    "overflow of int64": (big(2**40, 2**40), "must hold less than 2\\^63 bytes"),
    "wrap to 16 bytes": (big(2**62 + 1, 4), "must hold less than 2\\^63 bytes"),
    "thousands of digits": (big(10**4000, 10**4000), "must hold less than 2\\^63 bytes"),
    "escape in a field": (header(fields((1,), [("\x1b[2J" * 99, "<i4")])), r"got \[\('\\x1b"),
    "bool 7": (header(fields((2,), "|b1")) + b"\1\7", "bools must be bytes 0 and 1, got 7"),
}
TEXT = {"empty", "text", "short magic"}
"""Files that are something else where no name says that they are .npy."""
HUGE = big(2**40, 2**20)


@pytest.mark.parametrize(
    ("name", "stream"),
    [(name, stream) for name in [*DAMAGED, "huge"] for stream in (False, True) if not (stream and name in TEXT)],
)
def test_damaged_files_are_refused(tmp_path, monkeypatch, name, stream):
    data, message = DAMAGED.get(name) or (HUGE, "must fit memory, got" if stream else "must hold .* got 16; save")
    path = "-"
    if stream:
        feed(monkeypatch, data)
    else:
        path = str(tmp_path / "x.npy")
        (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_array(path)
    assert str(caught.value).startswith("stdin: " if stream else f"{path}: ")
    assert str(caught.value).isprintable()
    assert ";" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_every_truncation_and_no_single_byte_escapes(tmp_path):
    data, path = saved(WHOLE), tmp_path / "x.npy"
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(DataError):
            read_array(str(path))
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.integers(0, 128)] = rng.integers(0, 256)
        path.write_bytes(damaged)
        with suppress(DataError):  # and nothing else
            read_array(str(path))


def test_memory_is_checked_before_it_is_taken(tmp_path, monkeypatch):
    path = str(tmp_path / "x.npy")
    write_array(path, WHOLE)
    monkeypatch.setattr(source, "memory_budget", lambda: 95)
    with pytest.raises(DataError, match="must fit memory, got 96 bytes with 95 allowed; use a smaller array"):
        read_array(path)
    monkeypatch.setattr(source, "memory_budget", lambda: None)
    feed(monkeypatch, HUGE)
    with pytest.raises(DataError, match="must fit memory"):
        read_array("-")


def test_available_memory_is_plausible():
    assert 2**20 < memory.available_memory() < 2**60


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.npy", "got no such file or directory; check the name"),
        ("missing/x.npy", "got no such file or directory; check the name"),
        (".", "got is a directory; check the name"),
        ("", "'': must be a readable file with an array"),
        ("a\0b", r"a\\x00b: must be a file name, got embedded null byte"),
        ("a\x1b[2J\nb.npy", re.escape(r"a\x1b[2J\nb.npy: must be a readable file with an array")),
        ("x" * 300, "got file name too long"),
    ],
)
def test_unreadable_names(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        read_array(path)
    assert str(caught.value).isprintable()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    writer = threading.Thread(target=write_array, args=(path, WHOLE))
    writer.start()
    assert_array_equal(read_array(path), WHOLE)
    writer.join()
    assert stat.S_ISFIFO(os.stat(path).st_mode)


def test_stdin_and_stdout_of_a_process():
    """Real pipes, which cannot seek, and an array of several slabs."""
    program = (
        "from convcalc.storage import arrays, files, npy, source\n"
        "npy.SLAB = source.SLAB = 1000\n"
        "files.check_writable('-')\n"
        "arrays.write_array('-', arrays.read_array('-') * 2)\n"
    )
    array = np.arange(100_000, dtype="f8")
    done = subprocess.run([sys.executable, "-c", program], input=saved(array), capture_output=True, check=True)
    assert_array_equal(np.load(io.BytesIO(done.stdout)), array * 2)
    assert done.stderr == b""


def test_reader_of_stdout_that_went_away():
    program = (
        "import sys, numpy as np\n"
        "from convcalc.storage.arrays import write_array\n"
        "sys.stdin.read()\n"  # until the pipe is closed
        "try:\n"
        "    write_array('-', np.zeros(10**6))\n"
        "except BrokenPipeError:\n"
        "    sys.stderr.write('broken pipe')\n"
        "    sys.stderr.flush()\n"
        "    import os; os._exit(0)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b"broken pipe"


def test_existing_file_keeps_its_mode_and_new_ones_follow_the_umask(tmp_path):
    old, new = tmp_path / "old.npy", tmp_path / "new.npy"
    old.write_bytes(b"old")
    old.chmod(0o640)
    before = os.umask(0o027)
    try:
        write_array(str(old), WHOLE)
        write_array(str(new), WHOLE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o640
    assert_array_equal(read_array(str(old)), WHOLE)


def test_symbolic_link_is_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "real.npy", tmp_path / "link.npy"
    link.symlink_to(target)
    for array in (WHOLE, WHOLE * 2):  # dangling at first
        write_array(str(link), array)
        assert link.is_symlink()
        assert_array_equal(read_array(str(target)), array)
    assert os.listdir(tmp_path / "elsewhere") == ["real.npy"]


@pytest.mark.parametrize("accident", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_accident_leaves_the_old_file(tmp_path, monkeypatch, accident, where):
    path = tmp_path / "x.npy"
    write_array(str(path), WHOLE)

    def fail(*_):
        raise accident

    monkeypatch.setattr(*{"write": (npy, "write_npy"), "fsync": (os, "fsync"), "replace": (os, "replace")}[where], fail)
    with pytest.raises(DataError if isinstance(accident, OSError) else type(accident)) as caught:
        write_array(str(path), WHOLE * 2)
    if isinstance(accident, OSError):
        assert str(caught.value) == f"{path}: must be written whole, got no space left on device; try another place"
    assert_array_equal(np.load(path), WHOLE)
    assert os.listdir(tmp_path) == ["x.npy"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_devices_are_written_directly():
    write_array("/dev/null", WHOLE)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(DataError, match="/dev/full: must be written whole, got no space left on device"):
        write_array("/dev/full", WHOLE)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing/x.npy", "its directory must exist, got no .*missing; create it first"),
        ("file/x.npy", "its directory must exist, got no .*file"),
        (".", "got a directory; add a file name"),
        ("new/", "got a directory; add a file name"),
        ("", "'': must be a file to write, got a directory"),
        ("a\0b", r"a\\x00b: must be a file to write, got embedded null byte"),
        ("mi\x1bssing\n/x", re.escape(r"mi\x1bssing\n/x: its directory must exist")),
        ("x" * 300, "got file name too long; choose another place"),
        ("loop", "got too many levels of symbolic links"),
    ],
)
def test_unwritable_names(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    for refused in (check_writable, lambda path: write_array(path, WHOLE)):
        with pytest.raises(DataError, match=message) as caught:
            refused(path)
        assert str(caught.value).isprintable()
    assert sorted(os.listdir(tmp_path)) == ["file", "loop"]


def test_missing_permission(tmp_path, monkeypatch):
    path = tmp_path / "x.npy"
    path.write_bytes(b"old")
    # Root may write anywhere, so that permissions are asked through os.access and answered here.
    monkeypatch.setattr(os, "access", lambda asked, _: asked != str(path))
    with pytest.raises(DataError, match="must be writable, got a file without write permission"):
        check_writable(str(path))
    monkeypatch.setattr(os, "access", lambda asked, _: asked != str(tmp_path))
    with pytest.raises(DataError, match="its directory must be writable, got no write permission on"):
        check_writable(str(path))


def test_no_binary_data_for_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    with pytest.raises(DataError, match="binary data needs a file or a pipe, got a terminal"):
        check_writable("-")
