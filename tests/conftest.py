"""Shared by all tests: exports are made once per session; data that is not shipped is looked for here.

``make test`` runs two processes. The tests of one folder stay in one process, because they share what is
costly to make; those directly in this folder are distributed file by file.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before PyTorch: its waiting threads would starve converters

import contextlib
import gc
import importlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

with contextlib.suppress(ImportError):
    importlib.import_module("triton")  # PyTorch imports it later: after coremltools and TensorFlow, that crashes

import ca_deploy
from ca_deploy.pipeline import converters
from ca_deploy.pipeline.export import Export
from tests.system_tools import unavailable
from tests.warm import Idle

if TYPE_CHECKING:
    from tests.devices.kit import Kit
    from tests.devices.machines import Machine

# The labelled photos that accuracy is measured on; they may not be redistributed with the project.
FLOWERS = Path(__file__).resolve().parents[2] / "shared" / "data" / "flowers"


# The groups that take longest, longest first; begun late, one of them would run on alone while the other process idles.
LONGEST = (
    "tests/formats", "tests/zoo", "tests/pipeline", "tests/reference", "tests/evaluation", "tests/sweeps", "tests/cli",
    "tests/devices",
)  # fmt: skip


def group(nodeid: str) -> str:
    """The group of a test, such as ``tests/devices`` or ``tests/test_recipes.py``."""
    return "/".join(nodeid.split("::")[0].split("/")[:2])


class ByFolder(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFolder:
    config.option.loadscopereorder = False  # the order is that of pytest_collection_modifyitems
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first, then those of many tests."""
    counts = Counter(group(item.nodeid) for item in items)
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (places.get(name := group(item.nodeid), len(LONGEST)), -counts[name], name))


def pytest_collection_finish() -> None:
    """Modules and collected tests are no garbage: looking through them again and again took a sixth of the time."""
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What libraries leave among temporary files goes where pytest's own are, of which it keeps three runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
        patch.setattr(tempfile, "tempdir", None)  # it is read again
        yield


@pytest.fixture(scope="session")
def flowers() -> Path:
    """The tf_flowers photos, ``train/<class>`` and ``val/<class>``."""
    if not FLOWERS.is_dir():
        unavailable(f"the flower photos are not at {FLOWERS}")
    return FLOWERS


@pytest.fixture(scope="session")
def reference_exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    """The bundled network as a new user exports it: both formats, FP32 and INT8, with the default calibration."""
    names = ["tflite_static_wi8_ai8", "tflite_float32", "onnx_static_wi8_ai8", "onnx_float32"]
    done = ca_deploy.export(recipes=names, output=tmp_path_factory.mktemp("reference"))
    return {export.manifest.recipe.name: export for export in done}


@pytest.fixture(scope="module")
def idle_converters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idle]:
    with Idle(tmp_path_factory.mktemp("idle")) as idle:
        yield idle


@pytest.fixture(scope="module")
def warm_converters(idle_converters: Idle) -> Iterator[None]:
    """For tests of what is exported, not of the processes that do it: their exports share a converter per format."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(converters, "Worker", idle_converters.lend)
        yield


@pytest.fixture(scope="session")
def arm_kit() -> "Kit":
    """Emulated devices of real parts (adbd, sshd, QEMU); fetched once, then cached. See tests/devices/kit.py."""
    from tests.devices import kit

    if reason := kit.unavailable():
        unavailable(reason)
    return kit.kit()


@pytest.fixture(scope="session")
def emulated_phone(arm_kit: "Kit", tmp_path_factory: pytest.TempPathFactory) -> Iterator["Machine"]:
    """A running phone for the real adb client; put its ``path`` first in PATH."""
    from tests.devices.machines import phone

    with phone(arm_kit, tmp_path_factory.mktemp("phone") / "files") as machine:
        yield machine


@pytest.fixture(scope="session")
def emulated_pi(arm_kit: "Kit", tmp_path_factory: pytest.TempPathFactory) -> Iterator["Machine"]:
    """A running Raspberry Pi for the system's ssh; put its ``path`` first in PATH."""
    from tests.devices.machines import raspberry

    if shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        unavailable("ssh is not installed")
    with raspberry(arm_kit, tmp_path_factory.mktemp("pi") / "files") as machine:
        yield machine
