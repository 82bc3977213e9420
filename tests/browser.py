"""A real browser: Debian's Chromium, from PATH or from Debian's packages in the cache, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from ca_deploy.cache import cache_folder
from tests.system_tools import program

_PACKAGES = ("chromium", "fonts-dejavu-core")
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def executable(folder: Path) -> str:
    """Chromium's path; for one in the cache, a script in ``folder`` that finds its libraries and fonts."""
    for name in ("chromium", "chromium-browser"):
        if found := shutil.which(name):
            return found
    program("chromium", _PACKAGES)
    root = cache_folder() / "program-chromium"
    libraries = ":".join(map(str, sorted({path.parent for path in root.rglob("usr/lib/*-linux-gnu/**/*.so*")})))
    fonts = folder / "fonts.conf"
    fonts.write_text(
        f'<?xml version="1.0"?><fontconfig><dir>{root}/usr/share/fonts</dir>'
        f"<cachedir>{folder}/fonts</cachedir></fontconfig>"
    )
    script = folder / "chromium"
    script.write_text(
        "#!/bin/sh\n"
        f'export LD_LIBRARY_PATH="{libraries}:{root}/lib/{os.uname().machine}-linux-gnu" FONTCONFIG_FILE="{fonts}"\n'
        f'exec "{root}/usr/lib/chromium/chromium" "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Chromium without a window, until the end of the block; ``folder`` is for what it needs meanwhile."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable(folder), args=_FLAGS.split())
        try:
            yield opened
        finally:
            opened.close()
