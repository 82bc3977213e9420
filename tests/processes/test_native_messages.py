"""Notices of native libraries are not shown; their errors, and what Python prints, are."""

import subprocess
import sys

_CODE = """
import os, sys
from ca_deploy.processes.native_messages import without_notices

def native(text):
    os.write(2, text.encode())

native("INFO: before\\n")
with without_notices() as stream:
    native("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\n")
    native("ERROR: node 3 failed\\nINFO: and again\\n")
    native("I0000 00:00:1 cpu.cc:1] a notice of abseil\\nlast words\\n")
    sys.stderr.write("a line of Python's\\n")
    assert sys.stderr is stream
native("INFO: after\\n")
sys.stderr.write("end\\n")
"""


def test_errors_are_passed_on() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert (lines[0], lines[-2:]) == ("INFO: before", ["INFO: after", "end"])
    assert sorted(lines[1:-2]) == ["  ERROR: node 3 failed", "  last words", "a line of Python's"]


def test_an_error_inside_restores_standard_error() -> None:
    code = (
        "import sys\nfrom ca_deploy.processes.native_messages import without_notices\n"
        "try:\n    with without_notices():\n        raise KeyboardInterrupt\n"
        "except KeyboardInterrupt:\n    sys.stderr.write('restored\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "restored\n")
