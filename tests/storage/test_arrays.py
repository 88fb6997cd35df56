"""Arrays in every form: archives, text, images, numbers written out; damaged and hostile ones are refused in a line."""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convcalc.errors import DataError
from convcalc.storage import source
from convcalc.storage.arrays import check_output, read_array, write_array

A, B = np.arange(6, dtype="i2").reshape(2, 3), np.linspace(0, 1, 5)


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def refusal(given: str) -> str:
    with pytest.raises(DataError) as caught:
        read_array(given)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    return message


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return str(path)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives(tmp_path, save):
    one, two = str(tmp_path / "one.npz"), str(tmp_path / "two.NPZ")
    save(one, A)
    with open(two, "wb") as file:
        save(file, a=A, b=B)
    assert_array_equal(read_array(one), A)
    assert_array_equal(read_array(f"{one}:arr_0"), A)
    assert read_array(f"{two}:a").dtype == "i2"
    assert_array_equal(read_array(f"{two}:b"), B)
    assert refusal(two).endswith("must hold one array, got a, b; name one, as in " + f"{two}:a")
    assert "must name one of the archive's arrays, a, b, got c" in refusal(f"{two}:c")


def test_names_with_colons(tmp_path):
    """What the message about several arrays says to write, and archives whose own name has one."""
    path = archive(tmp_path / "x.npz", {"a:b.npy": npy(A), "c.npy": npy(B)})
    assert refusal(path).endswith(f"name one, as in {path}:a:b")
    assert_array_equal(read_array(f"{path}:a:b"), A)
    assert refusal(f"{path}:").endswith(f"use {path}:a:b")
    assert refusal(f"{path}:a:\n").endswith("got a:\\n; did you mean a:b?")
    other = archive(tmp_path / "y.npz:z.npz", {"c.npy": npy(B)})
    assert_array_equal(read_array(f"{other}:c"), B)


def test_endless_data_is_refused_at_once(monkeypatch):
    class Zeros(io.RawIOBase):
        taken = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            self.taken += len(buffer)
            assert self.taken < 10**6
            return len(buffer)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Zeros())))
    assert "got other data" in refusal("-")


def test_an_archive_from_a_pipe_and_under_another_name(tmp_path, monkeypatch):
    path = archive(tmp_path / "x.zip", {"x.npy": npy(A)})
    assert_array_equal(read_array(path), A)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(path).read_bytes())))
    assert_array_equal(read_array("-"), A)
    two = archive(tmp_path / "y.zip", {"x.npy": npy(A), "y.npy": npy(B)})
    assert refusal(two).endswith("must hold one array, got x, y; name one of a .npz file, as in file.npz:x")


def test_damaged_archives(tmp_path):
    whole = archive(tmp_path / "x.npz", {"x.npy": npy(np.arange(300))})
    data = Path(whole).read_bytes()
    for end in (3, 40, len(data) // 2, len(data) - 1):
        assert "must be a whole .npz archive, got" in refusal(written(tmp_path / "y.npz", data[:end]))
    spoiled = bytearray(data)
    spoiled[90] ^= 255
    assert "must be" in refusal(written(tmp_path / "y.npz", bytes(spoiled)))
    assert "must be a whole .npz archive" in refusal(written(tmp_path / "y.npz", npy(A)[:0] + b"no archive"))
    assert "never unpickled" in refusal(archive(tmp_path / "o.npz", {"x.npy": npy(np.array([{}], object))}))
    assert "got none" in refusal(archive(tmp_path / "e.npz", {}))
    assert "must be a .npy file" in refusal(archive(tmp_path / "t.npz", {"readme": b"text"}))


def test_zip_bombs(tmp_path, monkeypatch):
    """By the size that the archive states, and by what is really in it."""
    header = npy(np.zeros(1, "u1"))[:128]
    large = header.replace(b"(1,)", b"(99999999999,)").replace(b" \n", b"\n")
    stated = archive(tmp_path / "a.npz", {"x.npy": large + bytes(1000)})
    assert "must hold 99999999999 bytes" in refusal(stated)
    packed = archive(tmp_path / "b.npz", {"x.npy": npy(np.zeros(3_000_000, "u1"))})
    assert os.path.getsize(packed) < 10_000
    monkeypatch.setattr(source, "memory_budget", lambda: 1_000_000)
    assert "must fit memory, got 3000000 bytes with 1000000 allowed" in refusal(packed)
    data = bytearray(Path(packed).read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24
    assert struct.unpack_from("<I", data, at) == (3_000_128,)
    struct.pack_into("<I", data, at, 129)  # it says that there is one byte
    assert "must" in refusal(written(tmp_path / "c.npz", bytes(data)))


TEXTS = {
    "1,2,3\n4,5,6\n": [[1, 2, 3], [4, 5, 6]],
    "1 2\t3\r\n4  5 6": [[1, 2, 3], [4, 5, 6]],
    "1; 2.5\n-3e2; nan\n": [[1, 2.5], [-300, float("nan")]],
    "# time, value\n1, 2,\n3, 4,\n\n": [[1, 2], [3, 4]],
    "\ufeff1\n2\n3\n": [1, 2, 3],
    "1,2,3": [1, 2, 3],
    "18446744073709551615\n0": [18446744073709551615, 0],
    "[[1, 2],\n [3, 4]]": [[1, 2], [3, 4]],
    "1+2j 3": [1 + 2j, 3],
    '"1.5","-2"\n"3", 4': [[1.5, -2], [3, 4]],
    "1\u00a02\n3\u20034": [[1, 2], [3, 4]],
    "7": [7],
}


@pytest.mark.parametrize("text", TEXTS)
def test_text(tmp_path, text):
    array = read_array(written(tmp_path / "x.csv", text.encode()))
    expected = np.array(TEXTS[text], "u8" if "1844" in text else None)
    assert array.dtype == expected.dtype
    assert_array_equal(array, expected)


WRONG_TEXTS = {
    "": "must hold an array, got an empty file",
    "# nothing\n": "must hold numbers, got none",
    "time,value\n1,2\n": "line 1: must hold numbers, got time; put # in front of lines without numbers",
    "# a\n1,2\n\n3,x\x1b\n": r"line 4: must hold numbers, got x\x1b",
    "1,2\n\n3\n": "line 3: rows must be equally long, got 1 numbers after rows of 2",
    "1\n99999999999999999999\n": "line 2: integers must fit 64 bits, got 99999999999999999999; write a float",
    "a\0b": "must be .npy, .npz, text or an image, got other data",
    "[[1, 2], [3]]": "rows must be equally long",
    "1,2\n3,\u2212\U0010143c\n": "line 2: must hold numbers, got \u2212\\U0010143c; put #",
    "1,5;2,5\n": "line 1: must have one separator, got , and ; in one row; write 1.5 for a decimal comma",
    "1,2\n,\n3,4\n": "line 2: must hold numbers, got an empty field; write nan",
    "1,,3\n": "line 1: must hold numbers, got an empty field; write nan",
    "1,2,\n3,,\n": "line 2: must hold numbers, got an empty field; write nan",
    '"1,234",5\n': 'line 1: must hold numbers, got "1',
    "-5\n18446744073709551615\n": "line 2: integers must fit 64 bits, got 18446744073709551615",
    "[1]" + " " * 2**20: "x.txt: an array may be written out in 1048576 characters, got more; use a .npy file",
}


@pytest.mark.parametrize("text", WRONG_TEXTS, ids=range(len(WRONG_TEXTS)))
def test_text_that_is_no_array(tmp_path, text):
    path = written(tmp_path / "x.txt", text.encode())
    assert WRONG_TEXTS[text] in refusal(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_text_as_spreadsheets_save_it(tmp_path, encoding):
    path = written(tmp_path / "x.csv", "1\t2\r\n3\t4\r\n".encode(encoding))
    assert_array_equal(read_array(path), [[1, 2], [3, 4]])


def test_large_text_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = written(tmp_path / "x.csv", b"1,2\n" * 1000)
    monkeypatch.setattr(source, "memory_budget", lambda: 10_000)
    assert "must fit memory, got 32000 bytes with 10000 allowed" in refusal(path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1,2\n" * 1000)))
    assert "must fit memory" in refusal("-")


LITERALS = {
    "[1,2,3]": [1, 2, 3],
    " [[0, 1, 2], [2, 2, 0]] ": [[0, 1, 2], [2, 2, 0]],
    "[[[1.5]], [[-2e3]]]": [[[1.5]], [[-2000.0]]],
    "[true, false]": [True, False],
    "[1+2j, 3]": [1 + 2j, 3],
    "[[(1+2j), -3j]]": [[1 + 2j, -3j]],
    "[1_000]": [1000],
    "[(1, 2), (3, 4)]": [[1, 2], [3, 4]],
    "[inf, nan]": [float("inf"), float("nan")],
    "[[1 2 3]\n [4 5 6]]": [[1, 2, 3], [4, 5, 6]],
}


@pytest.mark.parametrize("text", LITERALS)
def test_numbers_written_out(text):
    array, expected = read_array(text), np.array(LITERALS[text])
    assert array.dtype == expected.dtype
    assert_array_equal(array, expected)


WRONG_LITERALS = {
    "[]": "rows must be equally long",
    "[[1, 2], [3]]": "rows must be equally long, got 2 and 1 entries",
    "[[1], [2, 3]]": "rows must be equally long",
    "[[1], 2]": "rows must be equally deep",
    "[1, [2]]": "rows must be equally deep",
    "[[[1]], [[]]]": "rows must be equally long",
    "[[], 1]": "rows must be equally",
    "[[1, 2]": "every bracket must be closed, got 1 open; add ]",
    "[1]]": "must be one array, got ] after its last bracket",
    "[1] [2]": "must be one array, got [ after its last bracket",
    "[one]": "must hold numbers, got one",
    "[1e]": "must hold numbers, got 1e",
    "[__import__('os')]": "must hold numbers, got __import__",
    f"[{'9' * 30}]": "integers must fit 64 bits",
    f"[{'9' * 900_000}]": "integers must fit 64 bits",
    "[" * 100_000: "an array has at most 5 axes",
    "[" + "1," * 600_000 + "1]": "may be written out in 1048576 characters, got more; use a .npy file",
    "[\x1b[2J]": "must hold numbers, got \\x1b",
}


@pytest.mark.parametrize("text", WRONG_LITERALS, ids=range(len(WRONG_LITERALS)))
def test_brackets_that_are_no_array(text):
    assert WRONG_LITERALS[text] in refusal(text)


def test_a_file_goes_before_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_array("[1]", A)
    assert_array_equal(read_array("[1]"), A)


@pytest.mark.parametrize(
    "array", [A, B, A % 2 == 0, B.astype("f4") / 3, np.array([[1 + 2j, -0.1j]]), A.astype("u8") + 2**63]
)
@pytest.mark.parametrize("extension", ["csv", "npz", "npy"])
def test_what_is_written_is_read_back(tmp_path, array, extension):
    path = str(tmp_path / f"x.{extension}")
    write_array(path, array)
    back = read_array(path)
    assert_array_equal(back.reshape(array.shape).astype(array.dtype), array)


def test_an_array_that_its_file_cannot_hold(tmp_path):
    path = str(tmp_path / "x.csv")
    with pytest.raises(DataError, match=r"a .csv file has 1 or 2 axes, got shape \(1, 2, 3\); write a .npy file"):
        write_array(path, A[np.newaxis])
    assert os.listdir(tmp_path) == []
    with pytest.raises(DataError, match=r"the output is a .npy, .npz, .csv or .png file, got the extension .jpg; use"):
        check_output(str(tmp_path / "x.jpg"), [])


class TestImages:
    """With Pillow: pixels as they are, channels first."""

    @pytest.fixture(autouse=True)
    def _pillow(self):
        self.image = pytest.importorskip("PIL.Image")

    def saved(self, path, array, **options):
        self.image.fromarray(array).save(path, **options)
        return str(path)

    def test_colours_come_first(self, tmp_path):
        pixels = np.arange(60, dtype="u1").reshape(4, 5, 3)
        path = self.saved(tmp_path / "x.png", pixels)
        assert_array_equal(read_array(path), np.moveaxis(pixels, -1, 0))
        assert_array_equal(read_array(path, channels_last=True), pixels)

    @pytest.mark.parametrize("dtype", ["u1", "u2", "?"])
    def test_grey(self, tmp_path, dtype):
        pixels = (np.arange(20).reshape(4, 5) % 2 if dtype == "?" else np.arange(20).reshape(4, 5) * 9).astype(dtype)
        array = read_array(self.saved(tmp_path / "x.png", pixels))
        assert array.dtype == dtype
        assert_array_equal(array, pixels)

    def test_damaged_and_large_ones(self, tmp_path, monkeypatch):
        path = self.saved(tmp_path / "x.png", np.zeros((400, 500), "u1"))
        data = Path(path).read_bytes()
        assert "must be a whole image, got" in refusal(written(tmp_path / "y.png", data[:-40]))
        assert "must be a whole image, got" in refusal(written(tmp_path / "z.png", b"no image"))
        at = data.index(b"IHDR") + 4
        vast = data[:at] + struct.pack(">II", 100_000, 100_000) + data[at + 8 : at + 13]
        vast += struct.pack(">I", zlib.crc32(vast[at - 4 :])) + data[at + 17 :]
        assert "must have at most" in refusal(written(tmp_path / "v.png", vast))
        monkeypatch.setattr(source, "memory_budget", lambda: 10**6)
        assert "must fit memory, got 1600000 bytes with 1000000 allowed" in refusal(path)

    @pytest.mark.parametrize("colour", [2, 4, 6])
    def test_16_bits_in_colour_are_not_cut_to_8(self, tmp_path, colour):
        head = b"IHDR" + struct.pack(">IIBBBBB", 1, 1, 16, colour, 0, 0, 0)
        pixel = b"IDAT" + zlib.compress(bytes(9))
        chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, pixel, b"IEND")]
        path = written(tmp_path / "x.png", b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
        assert "colours must have 8 bits, got 16, of which Pillow keeps 8; save it with numpy.save" in refusal(path)

    def test_written(self, tmp_path):
        path = str(tmp_path / "x.png")
        pixels = np.arange(60).reshape(3, 4, 5)
        write_array(path, pixels + 0.25)
        assert_array_equal(read_array(path), pixels)
        with pytest.raises(DataError, match=r"has numbers from 0 to 255, got -1 to 58; write a \.npy file"):
            write_array(path, pixels - 1)
        with pytest.raises(DataError, match=r"or 3 or 4 channels of them, got shape \(5,\)"):
            write_array(path, B)
        assert_array_equal(read_array(path), pixels)


def test_images_without_pillow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    path = written(tmp_path / "x.png", b"\x89PNG\r\n\x1a\n")
    assert "images need Pillow, got none; pip install 'convcalc[images]'" in refusal(path)
    with pytest.raises(DataError, match="images need Pillow"):
        check_output(str(tmp_path / "y.png"), [])
