"""The extra onnx: what is said without it, and that nothing else imports it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.onnx_models import model, node, saved


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    path = saved(tmp_path, model([node("Relu", "x")]))
    code = (
        "import sys; sys.modules['onnx'] = None; import convcalc.cli as cli; "
        f"sys.argv = ['convcalc', 'net', {path!r}]; sys.exit(cli.main())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: onnx: ")
    assert "pip install 'convcalc[onnx]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_onnx_is_imported_for_onnx_files_only() -> None:
    code = "import sys, convcalc.readers, convcalc.cli; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
