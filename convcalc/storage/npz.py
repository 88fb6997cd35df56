"""Arrays in .npz archives, which are zip files of .npy files."""

from __future__ import annotations

import zipfile
import zlib
from io import BufferedIOBase
from lzma import LZMAError
from typing import BinaryIO, cast

import numpy as np

from convcalc.errors import DataError, first_of
from convcalc.notation import did_you_mean
from convcalc.storage.files import shown
from convcalc.storage.npy import read_npy
from convcalc.storage.source import Readable, Source, whole

MAX_MEMBERS = 100_000
_SAVE_AGAIN = "save it again with numpy.savez"
DAMAGED = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises for archives that are damaged, encrypted, or packed in a way it does not know."""


def read_npz(source: Source, member: str | None = None) -> np.ndarray:
    """The only array of an archive, or the one of this name; read as .npy files are, from no more than its bytes.

    Raises DataError, naming the archive and the array, listing the names if several could be meant.
    """
    name = source.name
    seekable = source.stream if source.size is not None else whole(source)
    try:
        with zipfile.ZipFile(cast(BinaryIO, seekable)) as archive:
            chosen = _chosen(name, archive.infolist(), member)
            with archive.open(chosen) as file:
                stream = cast(Readable, cast(BufferedIOBase, file))
                label = name if member is not None else f"{name}:{shown(_array_name(chosen))}"
                return read_npy(Source(label, stream, chosen.file_size, b""))
    except DAMAGED as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: must be a whole .npz archive, got {_why(error)}; {_SAVE_AGAIN}") from None


def _chosen(name: str, members: list[zipfile.ZipInfo], member: str | None) -> zipfile.ZipInfo:
    arrays = {_array_name(each): each for each in members[:MAX_MEMBERS] if not each.is_dir()}
    archive = name if member is None else name.removesuffix(f":{shown(member) if member else ''}")
    if member is not None:
        if member not in arrays:
            hint = did_you_mean(member, [*arrays])
            raise DataError(
                f"{name}: must name one of the archive's arrays, {_listed(arrays)}, got {shown(member)}; "
                f"{hint.strip() or f'use {archive}:{shown(next(iter(arrays), member))}'}"
            )
        return arrays[member]
    if len(arrays) != 1:
        one = shown(next(iter(arrays), "name"))
        way = "name one, as in" if archive.lower().endswith(".npz") else "name one of a .npz file, as in"
        file = archive if archive.lower().endswith(".npz") else "file.npz"
        raise DataError(f"{name}: must hold one array, got {_listed(arrays)}; {way} {file}:{one}")
    [only] = arrays.values()
    return only


def _listed(arrays: dict[str, zipfile.ZipInfo]) -> str:
    return first_of([shown(each) for each in arrays], 6) or "none"


def _array_name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _why(error: Exception) -> str:
    text = str(error).lower()
    return (
        "an encrypted one" if "password" in text else f"a damaged one ({shown(text)[:80]})" if text else "half of one"
    )


def write_npz(target: BinaryIO, array: np.ndarray) -> None:
    """Writes an array under the name `out`."""
    np.savez(target, out=array)
