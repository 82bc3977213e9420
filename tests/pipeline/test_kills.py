"""Twenty kills of a whole export: no process is left, and the set of files is the old or the new one."""

import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.killing import export, kill


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found by Linux's /proc")
def test_twenty_kills_leave_no_process_and_one_whole_set(tmp_path: Path) -> None:
    began = time.monotonic()
    assert export(tmp_path, mean=0.5).wait() == 0
    longest = time.monotonic() - began
    found = [kill(tmp_path, seed, longest) for seed in range(20)]
    assert not [one for one in found if one.orphans or one.wrong]
