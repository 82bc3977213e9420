"""A device that injects faults: this machine, until it fails as the test wants."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ca_deploy.errors import DeviceError
from ca_deploy.records.devices import Completed, Conditions, Core, DeviceInfo


class StandIn:
    """Ends at the ``ends_at``-th run with ``ending``; ``answers`` replace its output, by the run's number."""

    counts_instructions = False
    is_this_machine = True
    python: str | None = sys.executable

    def __init__(
        self,
        folder: Path,
        ends_at: int = 10**9,
        ending: BaseException = DeviceError("the phone is gone"),  # noqa: B008 - never changed
        answers: Mapping[int, Completed] | None = None,
    ) -> None:
        self.name = "local"
        self._folder, self._ends_at, self._ending, self._answers = folder, ends_at, ending, answers or {}
        self.ran: list[str] = []
        self.looked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if len(self.ran) >= self._ends_at and isinstance(self._ending, DeviceError):
            raise DeviceError("the phone is gone: nothing can be removed from it")

    def probe(self) -> DeviceInfo:
        cores = (Core(0, "0xd03", 1_800_000), Core(1, "0xd0b", 2_400_000))
        return DeviceInfo(self.name, "stand-in", "Linux", "x86_64", ("asimd",), cores)

    def conditions(self) -> Conditions:
        self.looked += 1
        return Conditions(
            time.monotonic(), (2_400_000,) * 2, ("performance",) * 2, 40.0 + self.looked, 0, load_1min=0.1
        )

    def push(self, files: Sequence[Path]) -> Mapping[Path, str]:
        return {file: str(file) for file in files}

    def run(self, argv: Sequence[str], timeout_s: float) -> Completed:
        self.ran.append(next(Path(word).name for word in argv if word.endswith((".onnx", ".tflite"))))
        if len(self.ran) >= self._ends_at:
            raise self._ending
        if len(self.ran) in self._answers:
            return self._answers[len(self.ran)]
        done = subprocess.run(argv, capture_output=True, timeout=timeout_s)
        return Completed(done.returncode, done.stdout, done.stderr)

    def pull(self, remote: str, local: Path) -> None:
        try:
            local.write_bytes(Path(remote).read_bytes())
        except OSError as error:
            raise DeviceError(f"{remote} cannot be read") from error

    def scratch(self) -> str:
        return str(self._folder)
