"""Whatever an array or a file is: what is written is read back, and any bytes are an array or one line."""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from convcalc.errors import DataError
from convcalc.storage.arrays import read_array, write_array
from convcalc.storage.regions import begin_array, read_region, stored, write_region
from tests.strategies import answer_or_line, arrays, near, spoiled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arrays")


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archived(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", data)
    return file.getvalue()


WHOLE = saved(np.arange(6, dtype=">i2").reshape(2, 3))


def read(folder: Path, name: str, data: bytes) -> np.ndarray | None:
    """The array in a file of these bytes, or None after one line."""
    path = folder / name
    path.write_bytes(data)
    array = answer_or_line(lambda: read_array(str(path)), DataError)
    assert array is None or (array.dtype.kind in "biufc" and array.size)
    return array


@given(arrays(), st.sampled_from(["npy", "npz"]))
def test_binary_files_keep_everything(folder: Path, array: np.ndarray, extension: str) -> None:
    path = str(folder / f"x.{extension}")
    write_array(path, array)
    back = read_array(path)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes(), "every bit, payloads of NaN too"
    if extension == "npy":
        assert np.load(path).tobytes() == array.tobytes()


@given(arrays(most_axes=2))
def test_text_keeps_all_values(folder: Path, array: np.ndarray) -> None:
    path = str(folder / "x.csv")
    write_array(path, array)
    back = read_array(path)
    assert back.dtype.kind == ("i" if array.dtype.kind == "b" else back.dtype.kind)
    assert_array_equal(back.reshape(array.shape).astype(array.dtype), array)


@given(arrays(most_axes=5, side=3))
def test_numbers_written_out(array: np.ndarray) -> None:
    written = str(array.tolist())
    assert_array_equal(read_array(written).astype(array.dtype), array)
    assert_array_equal(read_array(written.replace(",", " ").replace("[", " [ ")).astype(array.dtype), array)


@given(st.sampled_from(["npy", "npz", "csv", "txt", "png", "jpg"]), st.one_of(st.binary(max_size=200), spoiled(WHOLE)))
def test_any_bytes(folder: Path, extension: str, data: bytes) -> None:
    read(folder, f"any.{extension}", data)


@given(spoiled(archived(WHOLE)))
def test_spoiled_archives(folder: Path, data: bytes) -> None:
    read(folder, "spoiled.npz", data)


SIZES = st.lists(st.one_of(st.integers(-3, 9), st.integers(0, 2**70)), max_size=34)


@given(SIZES, st.sampled_from(["<f4", ">c16", "|O", "<U3", "|b1", "<f16", "|V5", "<M8[s]", "nonsense"]), st.booleans())
def test_headers_that_lie(folder: Path, shape: list[int], descr: str, fortran: bool) -> None:
    """With six bytes of data, no header asks for memory: each is refused, or has six bytes."""
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {tuple(shape)}, }}\n"
    array = read(folder, "lie.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + bytes(6))
    assert array is None or array.nbytes == 6


TEXT = near("0123456789+-.,; \t\n\r#[]()einfaxj_\"'\0\x85\u2028", "1,2\n3,4\n", "1;2.5\n", "nan inf\n", "1e5 0x1p3\n")


@example("\U0010143c\u00b9\u20ac 1,2", "utf-8-sig")  # np.loadtxt reads beyond a table of Latin-1
@given(TEXT, st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_any_text(folder: Path, text: str, encoding: str) -> None:
    read(folder, "any.csv", text.encode(encoding, "surrogatepass"))


@given(near("[]()0123456789,. +-ej", "[[1, 2], [3, 4]]", "[1.5 2]", "[true]", "[1+2j]").map("[{}".format))
def test_any_brackets(text: str) -> None:
    answer_or_line(lambda: read_array(text), DataError)


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x93NUMPY\1\0", b"PK\3\4", b"1,2\n"]))
def test_any_pipe(head: bytes, data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(head + data)))
        answer_or_line(lambda: read_array("-"), DataError)


@given(arrays(), st.data())
def test_regions(folder: Path, array: np.ndarray, data: st.DataObject) -> None:
    """Any part of an array, read from its file and written into another, as NumPy's slices."""
    array = np.ascontiguousarray(array.astype("i4") if array.dtype.kind == "b" else array)
    region = []
    for length in array.shape:
        begin = data.draw(st.integers(0, length - 1))
        region.append(slice(begin, data.draw(st.integers(begin + 1, length))))
    np.save(folder / "whole.npy", array)
    with stored(str(folder / "whole.npy")) as file, open(folder / "part.npy", "w+b") as target:
        assert file is not None
        part = read_region(file, region)
        other = begin_array(target, "part.npy", array.shape, array.dtype)
        write_region(other, [slice(0, length) for length in array.shape], np.zeros_like(array))
        write_region(other, region, part)
    assert part.tobytes() == array[tuple(region)].tobytes()
    expected = np.zeros_like(array)
    expected[tuple(region)] = array[tuple(region)]
    assert np.load(folder / "part.npy").tobytes() == expected.tobytes()
