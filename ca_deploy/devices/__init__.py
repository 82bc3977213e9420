"""Devices that a runner runs on. One module per kind of device; its ``KIND`` describes it.

A device is named ``local``, ``ssh://[user@]host[:port]``, ``adb[:SERIAL]`` or ``emulated:CPU``. It only transfers files
and runs commands; what runs there is up to :mod:`ca_deploy.native`.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ca_deploy.errors import unknown_name
from ca_deploy.native.operator_counts import Calls, Trace
from ca_deploy.plugins import names_in
from ca_deploy.progress import Step
from ca_deploy.records.devices import Check, Completed, Conditions, DeviceInfo, DeviceSummary, InstructionCounts


class Device(Protocol):
    """An opened device; leaving it as a context manager removes what was pushed, unless it was opened with ``keep``.

    ``counts_instructions``: this device is emulated, its milliseconds mean nothing, and it has ``count``.
    ``is_this_machine``: its processor is this machine's own, so that libraries installed here can run on it.
    ``python`` starts a Python there for the Python runner; None where there is none.
    Every method raises :class:`~ca_deploy.errors.DeviceError` when the device is lost or refuses.
    """

    name: str
    counts_instructions: bool
    is_this_machine: bool
    python: str | None

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def probe(self) -> DeviceInfo: ...

    def conditions(self) -> Conditions: ...

    def push(self, files: Sequence[Path]) -> Mapping[Path, str]:
        """Copy files to the device, each content once; returns their paths there. Executable bits are kept."""

    def run(self, argv: Sequence[str], timeout_s: float) -> Completed:
        """Run a command there. On a timeout (``DeviceError``) or Ctrl-C the process there is killed too."""

    def pull(self, remote: str, local: Path) -> None: ...

    def scratch(self) -> str:
        """A folder on the device for outputs, removed at the end."""


class CountingDevice(Device, Protocol):
    """An emulated device."""

    def prepare(self, step: Step) -> None:
        """Fetch and build the emulator, where that was not done before; it may take minutes.

        Raises:
            DeviceError: something it needs is missing; the message says what to do.
        """

    def count(self, argv: Sequence[str], timeout_s: float) -> tuple[Completed, InstructionCounts | None]:
        """Run the C runner; also returns the exact number of instructions of its timed inferences, and of nothing else.

        A single timed inference (``--runs 1 --min-seconds 0 --warmup-runs 0``) is enough. The counts are None where
        the runner failed.

        Raises:
            DeviceError: the runner ended well and timed no inference, or it took too long.
        """

    def trace(self, argv: Sequence[str], timeout_s: float) -> tuple[Completed, Trace | None]:
        """Run the C runner with ``--ops`` for one timed inference, its clock answered with instructions.

        A microsecond of what the runtime's profiler reports is one instruction. None and raises as in ``count``.
        """

    def count_calls(
        self, argv: Sequence[str], sites: Sequence[int], timeout_s: float
    ) -> tuple[Completed, Calls | None]:
        """Run the C runner without ``--ops`` for one timed inference; also returns the instructions of calls.

        ``sites`` are those of a ``trace``. None and raises as in ``count``.
        """


def no_requirements() -> list[Check]:
    """For a kind of device that needs nothing beyond ca-deploy."""
    return []


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """One kind of device. ``open(rest, keep)`` gets what follows ``name:``; ``discover`` finds those within reach.

    ``requirements`` looks for what this machine needs in order to reach such a device, for ``ca-deploy doctor``.
    ``canonical`` gives what follows ``name:`` in the one spelling that all spellings of a device have in common.
    """

    name: str
    spelling: str
    description: str
    open: Callable[[str, bool], Device]
    discover: Callable[[], list[DeviceSummary]]
    requirements: Callable[[], list[Check]] = no_requirements
    canonical: Callable[[str], str] = str


def kind_names() -> list[str]:
    return names_in(__path__)


def find_kind(name: str) -> DeviceKind:
    kind: DeviceKind = importlib.import_module(f"{__name__}.{name}").KIND
    return kind


def open_device(name: str, keep: bool = False) -> Device:
    """The device called ``name``; nothing is sent to it before its first method call.

    Raises:
        UsageError: no such kind of device.
        DeviceError: the device cannot be used; the message says why and what to do.
    """
    kind, _, rest = name.partition(":")
    if kind not in kind_names():
        raise unknown_name(
            "device", name, [find_kind(known).spelling for known in kind_names()], "ca-deploy list devices"
        )
    return find_kind(kind).open(rest, keep)


def canonical_name(name: str) -> str:
    """The same name for all spellings of a device: ``ssh://pi@a:22`` of ``ssh://pi@A``.

    Raises:
        UsageError: not the name of a device.
    """
    kind, _, rest = name.partition(":")
    return f"{kind}:{find_kind(kind).canonical(rest)}" if rest and kind in kind_names() else kind


def discover() -> list[DeviceSummary]:
    """Every device within reach, kind by kind; those that cannot be used say why."""
    return [summary for kind in kind_names() for summary in find_kind(kind).discover()]
