"""What is known about a device, and what it returned."""

from collections.abc import Mapping

from ca_deploy.records.record import record


@record
class Core:
    """One processor core. ``index`` is its number, as the system counts them and affinity masks do: numbers have gaps
    where cores are offline. ``part`` is Arm's part number, ``"0xd0b"`` for a Cortex-A76; None where unknown."""

    index: int
    part: str | None
    max_khz: int | None


@record
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


@record
class Conditions:
    """The state of a device at one moment; None for whatever it does not report.

    ``at_s`` is this machine's monotonic clock. ``frequencies_khz`` are those of ``clocked_cores``, the numbers of the
    cores that report one (None in old reports: 0, 1, …); governors are one per core, in order. ``throttled`` is
    the raw word of a Raspberry Pi's ``vcgencmd get_throttled`` or Android's thermal status, 0 when all is well.
    ``current_ua`` and ``voltage_uv`` are the battery's, as Linux reports them (power_supply.h: µA and µV); signs and
    some vendors' units differ.
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
    clocked_cores: tuple[int, ...] | None = None
    current_ua: int | None = None
    voltage_uv: int | None = None

    @property
    def clocks_khz(self) -> Mapping[int, int]:
        """The clock of each core by its number; {} where the device does not report it."""
        found = self.frequencies_khz or ()
        return dict(zip(self.clocked_cores or range(len(found)), found, strict=False))


@record
class Completed:
    """A command that ran to its end, whatever its exit code."""

    returncode: int
    stdout: bytes
    stderr: bytes


@record
class InstructionCounts:
    """Exact counts of executed instructions. The classes overlap: dot products are SIMD instructions too."""

    total: int
    simd: int
    dot_product: int
    load_store: int
    branch: int


@record
class DeviceSummary:
    """A device that may be used. ``state``: ``ready``, or why not; ``remedy`` says what to do about it."""

    name: str
    state: str
    detail: str
    remedy: str = ""


@record
class Check:
    """One requirement of measuring on devices. ``status``: ``ok``, ``later`` (fetched on first use) or ``missing``."""

    name: str
    status: str
    detail: str
    remedy: str = ""
