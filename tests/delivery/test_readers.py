"""Whatever reads results first finishes what a killed process had begun to deliver; where it cannot, it just reads."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ca_deploy.cache import cached
from ca_deploy.data.folders import images_below
from ca_deploy.errors import ArtifactError
from ca_deploy.graphs import check_place
from ca_deploy.latency.measurable import runtime_of
from ca_deploy.records.manifest import manifest_of
from tests.delivery import kit
from tests.system_tools import unavailable


def manifest(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="damaged"):
        manifest_of(folder / "a.onnx")


@pytest.mark.parametrize(
    "read",
    [
        manifest,
        lambda folder: check_place(folder / "a.onnx"),  # check, parity, evaluate, every runtime
        lambda folder: runtime_of(folder / "a.onnx"),  # profile
        lambda folder: images_below(folder),  # export --calibration
    ],
    ids=["manifest_of", "check_place", "runtime_of", "images_below"],
)
def test_reading_finishes_the_delivery(tmp_path: Path, read: Callable[[Path], object]) -> None:
    kit.cut_off(tmp_path, {"a.onnx": b"new", "a.json": b"{", "a.png": b"new"})
    read(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx", "a.json", "a.png"}


def test_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path: Path) -> None:
    """Mounted read-only, in a namespace of the test's own."""
    root = kit.cut_off(tmp_path, {"a.onnx": b"new"})
    (tmp_path / "a.onnx").write_bytes(b"old")
    program = "from pathlib import Path; from ca_deploy.graphs import check_place; check_place(Path('a.onnx'))"
    mounted = 'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && ! touch x 2>/dev/null && exec "$@"'
    start = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*start, mounted, "sh", "true"], cwd=tmp_path, capture_output=True).returncode:
        unavailable("nothing can be mounted in a namespace here")
    command = [*start, mounted, "sh", "env", f"PYTHONPATH={kit.ROOT}", sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx", root.name}
    check_place(tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"new"


def test_the_cache_is_tidied_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CA_DEPLOY_CACHE", str(tmp_path))
    make = "import os; from ca_deploy.cache import cached; cached('entry', lambda folder: os.kill(os.getpid(), 9))"
    assert subprocess.run([sys.executable, "-c", make], cwd=kit.ROOT).returncode == -9
    (leftover,) = tmp_path.iterdir()
    assert leftover.name.startswith(".ca-deploy-")
    cached("entry", lambda folder: (folder / "part").touch())
    assert [path.name for path in tmp_path.rglob("*")] == ["entry", "part"]
