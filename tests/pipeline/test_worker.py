"""However a converter process fails, it ends in one clear message, and leaves nothing running."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ca_deploy.errors import ModelError, OutputError, WorkerError
from ca_deploy.formats import Bits, Format
from ca_deploy.pipeline.worker import Worker
from ca_deploy.progress import no_step
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion
from ca_deploy.records.model import ModelSource
from tests.warm import Idle


def _format(name: str) -> Format:
    return Format(
        "fake",
        ".fake",
        "for injecting faults",
        converter=f"tests.faulty_converters:{name}",
        snippets="",
        packages=(),
        modes={"float32": Bits()},
    )


def _worker(tmp_path: Path, name: str) -> Worker:
    return Worker(_format(name), tmp_path / "fake.log", tmp_path)


def _conversion(tmp_path: Path) -> Conversion:
    source = ModelSource("tests.zoo.tiny:tiny_ca", random_weights=True, input_size=32)
    return Conversion(source, load_recipe("onnx_float32"), None, tmp_path / "x.fake", tmp_path / "fake.log")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Segfault", "SIGSEGV"),
        ("Killed", "SIGKILL"),
        ("Exits", "exit code 7"),
        ("Raises", "ZeroDivisionError"),
    ],
)
def test_a_crash_names_the_converter_the_step_and_the_log(tmp_path: Path, name: str, said: str) -> None:
    with _worker(tmp_path, name) as worker, pytest.raises(WorkerError) as error:
        worker.convert(_conversion(tmp_path), no_step)
    for expected in (said, "fake converter", "converting", str(tmp_path / "fake.log")):
        assert expected in str(error.value)
    assert "last words" in (tmp_path / "fake.log").read_text()


def test_temporary_files_of_a_converter_lie_in_the_scratch_folder(tmp_path: Path) -> None:
    with _worker(tmp_path, "Leaves") as worker:
        worker.convert(_conversion(tmp_path), no_step)
    assert len(list(tmp_path.glob("tmp*.mlpackage"))) == 1


def test_one_process_makes_several_files_and_ends_when_asked(tmp_path: Path) -> None:
    with _worker(tmp_path, "Works") as worker:
        for number, name in enumerate(("first", "second"), start=1):
            conversion = replace(_conversion(tmp_path), log=tmp_path / f"{name}.log")
            made = worker.convert(conversion, no_step).operators
            assert made == {"converters made": 1, "files written": number}
            assert conversion.printed.read_text() == "last words\n"
        worker.finish()
        assert worker._child.ending() == "ended with exit code 0"


def test_a_worker_is_lent_again_unless_it_died(tmp_path: Path) -> None:
    """As other tests share them."""
    conversion = _conversion(tmp_path)
    for name, error in (("Works", None), ("Refuses", ModelError), ("Killed", WorkerError)):
        with Idle(tmp_path) as idle:
            pids = []
            for _ in range(2):
                with idle.lend(_format(name), conversion.printed, tmp_path) as worker:
                    pids.append(worker.pid)
                    with contextlib.nullcontext() if error is None else pytest.raises(error):
                        worker.convert(conversion, no_step)
        assert (pids[0] == pids[1]) == (error is not WorkerError), name


def test_an_error_on_purpose_arrives_as_it_was_raised(tmp_path: Path) -> None:
    with _worker(tmp_path, "Refuses") as worker, pytest.raises(ModelError, match="cannot take this"):
        worker.convert(_conversion(tmp_path), no_step)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_in_the_converter_is_explained(tmp_path: Path) -> None:
    with _worker(tmp_path, "FillsTheDisk") as worker, pytest.raises(OutputError, match="disk is full"):
        worker.convert(_conversion(tmp_path), no_step)


def test_leaving_the_context_ends_the_process(tmp_path: Path) -> None:
    with _worker(tmp_path, "Hangs") as worker:
        pid = worker.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the process in /proc")
def test_the_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from tests.pipeline.test_worker import _conversion, _worker\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "worker = _worker(folder, 'Hangs')\n"
        "print(worker.pid, flush=True)\n"
        "worker.convert(_conversion(folder), lambda text: print(text, flush=True))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    while "converting" not in parent.stdout.readline():
        pass
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(600):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]:
            return
        time.sleep(0.1)
    pytest.fail("the converter process outlived its parent by a minute")
