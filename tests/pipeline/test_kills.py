"""Twenty kills of commands: no process and no temporary file is left, and the set of files is old or new."""

import sys
from pathlib import Path

import pytest

from tests.pipeline.killing import Place


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found by Linux's /proc")
def test_twenty_kills_leave_nothing_but_one_whole_set(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert not [one for one in map(place.kill, range(20)) if one.is_fault]
