"""What has to be on a device for the runner to run: the runner, a runtime's library, and a loader of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.devices import DeviceInfo


@dataclass(frozen=True, slots=True)
class RunnerCommand:
    """How to start the runner: push ``files``, then run ``argv(places)`` followed by the runner's own options.

    ``argv`` names the runtime's library (``--library``) already.
    """

    runtime: str
    runtime_version: str
    runner: Path
    library: Path
    loader: Path | None
    support: tuple[Path, ...]
    runner_sha256: str
    library_sha256: str

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.runner, self.library, *((self.loader,) if self.loader else ()), *self.support)

    def argv(self, places: Mapping[Path, str]) -> list[str]:
        """The start of a command line, given where :meth:`Device.push` has put each file."""
        start = []
        if self.loader:
            folders = dict.fromkeys(places[file].rpartition("/")[0] for file in self.support)
            start = [places[self.loader], "--inhibit-cache", "--library-path", ":".join(folders)]
        return [*start, places[self.runner], "--library", places[self.library]]


def runner_command(device: DeviceInfo, runtime: str, bundle: Path | None = None) -> RunnerCommand:
    """The runner for a device; ``runtime`` is ``litert`` or ``onnxruntime``. Fetches into the cache on first use.

    Raises:
        DeviceError: there is no runner for this device and runtime, or its parts cannot be fetched.
    """
    raise NotImplementedError


def make_bundle(path: Path, runtimes: Sequence[str] = ("litert", "onnxruntime")) -> None:
    """Write everything an aarch64 device needs into one file, for machines without a network."""
    raise NotImplementedError
