"""Devices: where a runner runs. One module here is one kind of device; its ``KIND`` describes it.

A device is named ``local``, ``ssh://[user@]host[:port]``, ``adb[:SERIAL]`` or ``emulated:CPU``. A device only carries
files and runs commands: what runs there is the business of :mod:`ca_deploy.native`.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ca_deploy.errors import unknown_name
from ca_deploy.plugins import names_in


@dataclass(frozen=True, slots=True)
class Core:
    """One processor core. ``part`` is Arm's part number, ``"0xd0b"`` for a Cortex-A76; None when not told."""

    index: int
    part: str | None
    max_khz: int | None


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device is. ``architecture`` as ``uname -m`` says: ``aarch64``, ``x86_64``.

    ``glibc`` is the version of the device's own C library, ``"2.36"``; None on Android and where unknown.
    """

    name: str
    model: str
    os: str
    architecture: str
    cpu_features: tuple[str, ...]
    cores: tuple[Core, ...]
    glibc: str | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a device is like at one moment. Everything is None when the device cannot say.

    ``at_s`` is this machine's monotonic clock; frequencies and governors are one a core, in order. ``throttled`` is
    the raw word of a Raspberry Pi's ``vcgencmd get_throttled`` or Android's thermal status, 0 when all is well.
    """

    at_s: float
    frequencies_khz: tuple[int, ...] | None = None
    governors: tuple[str, ...] | None = None
    temperature_c: float | None = None
    throttled: int | None = None
    battery_percent: int | None = None
    on_battery: bool | None = None
    screen_on: bool | None = None
    memory_available_kb: int | None = None
    load_1min: float | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended by itself, whatever its exit code."""

    returncode: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class InstructionCounts:
    """Instructions carried out, exactly. The classes overlap: dot products are SIMD instructions too."""

    total: int
    simd: int
    dot_product: int
    load_store: int
    branch: int


class Device(Protocol):
    """An opened device; leaving it as a context manager removes what was pushed, unless it was opened with ``keep``.

    ``counts_instructions``: this device is emulated, its milliseconds mean nothing, and it has ``count``.
    Every method raises :class:`~ca_deploy.errors.DeviceError` when the device vanished or refuses.
    """

    name: str
    counts_instructions: bool

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def probe(self) -> DeviceInfo: ...

    def conditions(self) -> Conditions: ...

    def push(self, files: Sequence[Path]) -> Mapping[Path, str]:
        """Bring files to the device, each content once; gives their paths there. Executable bits are kept."""

    def run(self, argv: Sequence[str], timeout_s: float) -> Completed:
        """Run a command there. On a timeout (``DeviceError``) or Ctrl-C the process there is ended as well."""

    def pull(self, remote: str, local: Path) -> None: ...

    def scratch(self) -> str:
        """A folder on the device for outputs, removed in the end."""


class CountingDevice(Device, Protocol):
    """An emulated device."""

    def count(self, argv: Sequence[str], timeout_s: float) -> tuple[Completed, InstructionCounts]:
        """Run the C runner; also gives the instructions of its timed inferences together, exactly, without all else.

        One call with one timed inference (``--runs 1 --min-seconds 0 --warmup-runs 0``) is all that it takes.

        Raises:
            DeviceError: the runner failed; its message is in the error.
        """


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """A device that may be used. ``state``: ``ready``, or why not; ``remedy`` says what to do about it."""

    name: str
    state: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """One kind of device. ``open(rest, keep)`` gets what follows the name; ``discover`` finds those within reach."""

    name: str
    spelling: str
    description: str
    open: Callable[[str, bool], Device]
    discover: Callable[[], list[DeviceSummary]]


def kind_names() -> list[str]:
    return names_in(__path__)


def find_kind(name: str) -> DeviceKind:
    kind: DeviceKind = importlib.import_module(f"{__name__}.{name}").KIND
    return kind


def open_device(name: str, keep: bool = False) -> Device:
    """The device that ``name`` spells; nothing is sent to it before it is asked something.

    Raises:
        UsageError: no such kind of device.
        DeviceError: the device cannot be used; says why and what to do.
    """
    kind, _, rest = name.partition(":")
    if kind not in kind_names():
        raise unknown_name(
            "device", name, [find_kind(known).spelling for known in kind_names()], "ca-deploy list devices"
        )
    return find_kind(kind).open(rest, keep)


def discover() -> list[DeviceSummary]:
    """Every device within reach, kind by kind; those that cannot be used say why."""
    return [summary for kind in kind_names() for summary in find_kind(kind).discover()]
