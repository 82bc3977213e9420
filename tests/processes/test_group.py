"""Processes end with the one that started them, however it ends, and wherever they are."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ca_deploy.processes.commands import run
from tests.processes import stubborn

_PATIENCE_S = 30.0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the stubborn processes write their ids; none outlives the test."""
    place = tmp_path / "ids"
    monkeypatch.setenv("PLACE", str(place))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    yield place
    for number in map(int, place.read_text().split() if place.exists() else ()):
        if lives(number):
            os.kill(number, signal.SIGKILL)


def lives(number: int) -> bool:
    """Whether a process runs, and is not only waited for."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + _PATIENCE_S
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


@pytest.mark.parametrize("how", ["child", "command"])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_native_code_and_its_own_processes_end_with_their_parent(how: str, by: signal.Signals, place: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-m", stubborn.__name__, how])
    assert until(place.exists)
    stubborn_ones = [int(number) for number in place.read_text().split()]
    parent.send_signal(by)
    parent.wait()
    assert until(lambda: not any(map(lives, stubborn_ones)))


def test_a_command_may_leave_something_running(place: Path) -> None:
    """As adb leaves its server; the command itself has ended well."""
    assert run([sys.executable, "-m", stubborn.__name__, "leaves"], 60).returncode == 0
    itself, own = map(int, place.read_text().split())
    assert not lives(itself)
    assert lives(own)


def test_what_cannot_be_started_leaves_no_process(tmp_path: Path) -> None:
    before = children()
    with pytest.raises(FileNotFoundError):
        run([str(tmp_path / "missing")], 60)
    assert children() == before


def children() -> set[str]:
    """The processes that this one has started, without the ``ps`` that looks for them."""
    with subprocess.Popen(["ps", "-A", "-o", "ppid=,pid="], stdout=subprocess.PIPE, text=True) as looking:
        found = [line.split() for line in looking.communicate()[0].splitlines()]
    return {pid for parent, pid in found if parent == str(os.getpid()) and pid != str(looking.pid)}
