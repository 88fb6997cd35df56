"""A headless browser for the tests of pages, if there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Where it is, None if there is none."""


def script_result(page: str, script: str, folder: Path) -> Any:
    """What an expression evaluates to after the page's own scripts, as JSON values."""
    assert CHROMIUM is not None
    file = folder / "page.html"
    result = "document.getElementById('result').textContent"
    shown = f"<pre id='result'></pre><script>{result} = JSON.stringify({script})</script>"
    file.write_text(page.replace("</body>", f"{shown}</body>"))
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    found = re.search(r"<pre id=\"result\">(.*?)</pre>", done.stdout, re.S)
    assert found, done.stderr[-2000:]
    return json.loads(unescape(found[1]))
