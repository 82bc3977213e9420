"""What ``local`` and ``emulated`` share: files stay where they are, commands run on this machine."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from ca_deploy.delivery.scratch import temporary
from ca_deploy.devices._shell import CONDITIONS, read_conditions
from ca_deploy.errors import DeviceError, RuntimeUnavailable
from ca_deploy.processes.commands import TooMuch, run
from ca_deploy.processes.time_limit import advice
from ca_deploy.records.devices import Completed, Conditions

_ASK_S = 60.0


class _TooLong(DeviceError):
    """A command was ended."""


class Here:
    """Base of both; ``command`` turns an argument list for the device into one for this machine."""

    is_this_machine = False
    python: str | None = None

    def __init__(self, name: str, keep: bool) -> None:
        self.name = name
        self._keep = keep
        self._scratch: Path | None = None
        self._removed_at_the_end = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._removed_at_the_end.close()
        self._scratch = None

    def command(self, argv: Sequence[str]) -> list[str]:
        return list(argv)

    def push(self, files: Sequence[Path]) -> Mapping[Path, str]:
        for file in files:
            if not file.is_file():
                raise DeviceError(f"{file} does not exist.")
        return {file: str(file.absolute()) for file in files}

    def run(self, argv: Sequence[str], timeout_s: float) -> Completed:
        return self._run_model(self.command(argv), timeout_s)

    def _run_model(
        self, argv: Sequence[str], timeout_s: float, environment: Mapping[str, str] | None = None
    ) -> Completed:
        """Raises ``RuntimeUnavailable`` for what takes too long: it is that file's fault, and others can be run."""
        try:
            return self._run(argv, timeout_s, environment)
        except _TooLong as error:
            raise RuntimeUnavailable(f"{error} {advice()}") from error

    def _run(self, argv: Sequence[str], timeout_s: float, environment: Mapping[str, str] | None = None) -> Completed:
        try:
            scratch = self.scratch()
            return run(argv, timeout_s, Path(scratch), {"TMPDIR": scratch, **(environment or {})})
        except subprocess.TimeoutExpired as error:
            raise _TooLong(f"{self.name}: the run took too long and was ended after {timeout_s:.0f} s.") from error
        except TooMuch as error:
            raise DeviceError(f"{self.name}: the run was ended: {error}") from error
        except OSError as error:
            raise DeviceError(f"{self.name}: {argv[0]} cannot be started: {error.strerror or error}.") from error

    def conditions(self) -> Conditions:
        return read_conditions(self._run(["sh", "-c", CONDITIONS], _ASK_S).stdout.decode(errors="replace"))

    def pull(self, remote: str, local: Path) -> None:
        try:
            shutil.copyfile(remote, local)
        except OSError as error:
            raise DeviceError(f"{self.name}: {remote} cannot be read: {error.strerror or error}.") from error

    def scratch(self) -> str:
        if self._scratch is None:
            if self._keep:
                self._scratch = Path(tempfile.mkdtemp(prefix="ca-deploy-run-"))
            else:
                self._scratch = self._removed_at_the_end.enter_context(temporary())
        return str(self._scratch)
