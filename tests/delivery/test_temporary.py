"""Folders for temporary files go with their process: at once, or with the next command where it was killed."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_deploy.delivery.scratch import remove_abandoned, temporary

_OWNER = """
import time
from pathlib import Path
from ca_deploy.delivery.scratch import temporary
with temporary() as folder:
    Path(folder, "file").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def owner(place: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has one."""
    with subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert Path(process.stdout.readline().strip(), "file").exists()
        yield process
        process.kill()


def test_it_is_new_and_goes_at_the_end_and_after_an_error(place: Path) -> None:
    with pytest.raises(KeyError), temporary() as folder:
        assert folder.is_relative_to(place) and not list(folder.iterdir())
        Path(folder, "file").touch()
        raise KeyError
    assert not list(place.iterdir())


def test_another_process_removes_it_after_kill_9_and_not_before(owner: "subprocess.Popen[str]", place: Path) -> None:
    (theirs,) = place.iterdir()
    remove_abandoned()
    assert theirs.exists()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert theirs.exists()
    with temporary():
        assert not theirs.exists()
    assert not list(place.iterdir())


def test_the_next_command_removes_it(owner: "subprocess.Popen[str]", place: Path) -> None:
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    done = subprocess.run([sys.executable, "-m", "ca_deploy", "check", "missing.onnx"], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert not list(place.iterdir())


def test_folders_of_others_stay(place: Path) -> None:
    """Whatever their names: only a folder with our marker, whose owner is dead, is removed."""
    for name in ("ca-deploy-mine", ".ca-deploy-mine"):
        Path(place, name, "work").mkdir(parents=True)
    remove_abandoned()
    assert sorted(path.name for path in place.iterdir()) == [".ca-deploy-mine", "ca-deploy-mine"]
