"""An x86 processor without VNNI and AVX-512 on any x86-64 machine: Python under QEMU's Haswell (qemu-user, Debian).

No QEMU emulates AVX-512 or VNNI; newer processor models silently become this one.
"""

import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.system_tools import program, unavailable

# What starts Python children (a converter) takes sys.executable, so this puts them under QEMU too.
_START = """
import sys
from numpy._core._multiarray_umath import __cpu_features__ as cpu
assert cpu["AVX2"] and not cpu["AVX512F"] and not cpu["AVX512VNNI"], "QEMU shows another processor"
sys.executable = {executable!r}
sys.argv = {arguments!r}
"""


def python_on_haswell(code: str, arguments: Sequence[str | Path], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run ``code`` with ``sys.argv[1:] = arguments``; a script of ours is written into ``folder``."""
    if platform.machine() != "x86_64":
        unavailable("a processor without VNNI is emulated on x86-64 only")
    # The program that is emulated must not load the libraries that came with QEMU.
    emulator = [*program("qemu-x86_64", ["qemu-user"]), "-U", "LD_LIBRARY_PATH", "-cpu", "Haswell", sys.executable]
    executable = folder / "python"
    quoted = " ".join(f"'{part}'" for part in emulator)
    executable.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
    executable.chmod(0o755)
    start = _START.format(executable=str(executable), arguments=["-", *map(str, arguments)])
    done = subprocess.run([executable, "-c", start + code], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if "TCG doesn't support" not in line]
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout, "\n".join(lines))
