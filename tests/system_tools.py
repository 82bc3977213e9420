"""System programs that tests need, from PATH or from Debian's packages; without them a test skips, in CI it fails."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from ca_deploy.cache import cached
from ca_deploy.errors import DeviceError
from ca_deploy.native import debian


def unavailable(reason: str) -> NoReturn:
    """Skip the test with the reason; in CI, where everything has to be available, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI has to have it")
    pytest.skip(reason)


def program(name: str, packages: Sequence[str]) -> list[str]:
    """The start of a command line that runs ``name``; where PATH lacks it, from Debian's ``packages``.

    The packages come from the suite that this system runs, so that they fit its C library.
    """
    if found := shutil.which(name):
        return [found]
    if reason := debian.missing():
        unavailable(f"{name} is not in PATH, and {reason}")
    try:
        root = cached(f"program-{name}", lambda folder: _unpack(packages, folder))
    except DeviceError as error:
        unavailable(f"{name} is not in PATH: {error}")
    (path,) = [
        path
        for path in (root / "usr/bin" / name, root / "bin" / name, *root.glob(f"usr/lib/jvm/*/bin/{name}"))
        if path.is_file()
    ][:1]
    libraries = ":".join(str(folder) for folder in (*root.glob("lib/*-linux-gnu"), *root.glob("usr/lib/*-linux-gnu")))
    return ["/usr/bin/env", f"LD_LIBRARY_PATH={libraries}", str(path)]


def _unpack(packages: Sequence[str], folder: Path) -> None:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    debian.fetch(packages, release["VERSION_CODENAME"].strip('"'), machine, folder, dependencies=True)
    shutil.rmtree(folder / "usr/share/doc", ignore_errors=True)
