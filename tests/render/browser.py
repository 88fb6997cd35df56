"""A headless browser for the tests of pages and pictures, and a second program that draws SVG, if there are any."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

from tests.render.png import Image, read_png

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Where it is, None if there is none."""
RSVG = shutil.which("rsvg-convert")
"""The program of librsvg, None if there is none."""


def script_result(page: str, script: str, folder: Path) -> Any:
    """What an expression evaluates to after the page's own scripts, as JSON values."""
    assert CHROMIUM is not None
    file = folder / "page.html"
    result = "document.getElementById('result').textContent"
    shown = f"<pre id='result'></pre><script>{result} = JSON.stringify({script})</script>"
    file.write_text(page.replace("</body>", f"{shown}</body>"))
    done = _run("--dump-dom", file, folder)
    found = re.search(r"<pre id=\"result\">(.*?)</pre>", done.stdout, re.S)
    assert found, done.stderr[-2000:]
    return json.loads(unescape(found[1]))


def screenshot(page: str, folder: Path, width: int, height: int, *flags: str) -> Image:
    """The page as pixels, after its own scripts."""
    file, picture = folder / "page.html", folder / "page.png"
    file.write_text(page)
    _run(f"--screenshot={picture}", file, folder, "--hide-scrollbars", f"--window-size={width},{height}", *flags)
    return read_png(picture)


def _run(action: str, file: Path, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    return subprocess.run(
        [*command, *flags, action, file.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
