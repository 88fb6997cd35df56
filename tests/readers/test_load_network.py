"""What a network is loaded by: a name of the zoo, or a file and the ending of its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from convcalc.errors import ConvcalcError
from convcalc.readers import load_network
from tests.readers.toml.networks import CONTRACT


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, message in [("missing.toml", "no such file"), ("", "a directory"), ("empty.toml", "from 1 to")]:
        (tmp_path / "empty.toml").touch()
        (tmp_path / "folder.toml").mkdir(exist_ok=True)
        with pytest.raises(ConvcalcError, match=message):
            load_network(str(tmp_path / (path or "folder.toml")))
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    with pytest.raises(ConvcalcError, match="must have from 1 to 1048576 bytes, got more"):
        load_network(str(tmp_path / "endless.toml"))
    (tmp_path / "dots.toml").write_text("a" + 50_000 * ".a" + " = 1")
    with pytest.raises(ConvcalcError, match="a key may have 1000 dots, got 50000"):
        load_network(str(tmp_path / "dots.toml"))
    with pytest.raises(ConvcalcError, match=r"must be a \.toml or \.onnx file or a network of the zoo"):
        load_network("resnet5000")


def test_the_ending_of_a_name_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "T.TOML").write_text(CONTRACT)
    assert load_network(str(tmp_path / "T.TOML")).name == "tiny"
    with pytest.raises(ConvcalcError, match="width: scales the filters of a TOML file"):
        load_network("M.Onnx", width=2)
