"""A processor emulated by QEMU: exact instruction counts and the exact results of its kernels, but no times."""

from collections.abc import Sequence
from pathlib import Path

from ca_deploy.cache import cache_folder
from ca_deploy.devices import DeviceKind
from ca_deploy.devices._here import Here
from ca_deploy.errors import DeviceError, unknown_name
from ca_deploy.native import emulator
from ca_deploy.native.operator_counts import Calls, Trace, read_calls, read_trace
from ca_deploy.progress import Step
from ca_deploy.records.devices import Check, Completed, Conditions, Core, DeviceInfo, DeviceSummary, InstructionCounts


class Emulated(Here):
    """One processor. Programs for aarch64 run under QEMU, on the files of this machine."""

    counts_instructions = True

    def __init__(self, processor: emulator.Processor, keep: bool) -> None:
        super().__init__(f"emulated:{processor.name}", keep)
        self._processor = processor
        self._qemu: list[str] | None = None

    def prepare(self, step: Step) -> None:
        step(f"preparing {self.name}" + ("" if emulator.is_cached() else ": QEMU 7.2 is fetched from Debian 12, once"))
        self.command([])
        emulator.plugin()

    def command(self, argv: Sequence[str]) -> list[str]:
        if self._qemu is None:
            if reason := emulator.missing():
                raise DeviceError(f"{self.name} cannot be used: {reason}.")
            self._qemu = emulator.qemu_command(self._processor, emulator.sysroot(self._processor))
        return [*self._qemu, *argv]

    def probe(self) -> DeviceInfo:
        part = self._processor.part
        return DeviceInfo(
            name=self.name,
            model=f"{self._processor.name} (emulated)",
            os="Linux (QEMU 7.2 user mode)",
            architecture="aarch64",
            cpu_features=self._processor.features,
            cores=tuple(Core(index, part, None) for index in range(4)),
        )

    def conditions(self) -> Conditions:
        """Nothing is known: an emulated processor has no clock, temperature or battery."""
        return Conditions(at_s=0.0)

    def count(self, argv: Sequence[str], timeout_s: float) -> tuple[Completed, InstructionCounts | None]:
        """The instructions of the runner's timed inferences; it marks each of them with a system call."""
        completed, written = self._observed(argv, timeout_s, _escaped(emulator.plugin()))
        if written is None:
            return completed, None
        counts = emulator.counts(written)
        if not counts.pop("inferences"):
            raise self._nothing(argv)
        return completed, InstructionCounts(**counts)

    def trace(self, argv: Sequence[str], timeout_s: float) -> tuple[Completed, Trace | None]:
        completed, written = self._observed(argv, timeout_s, self._operator_count("trace"))
        return completed, None if written is None else read_trace(written)

    def count_calls(
        self, argv: Sequence[str], sites: Sequence[int], timeout_s: float
    ) -> tuple[Completed, Calls | None]:
        listed = Path(self.scratch()) / "sites"
        listed.write_text("\n".join(map(str, sites)))
        plugin = f"{self._operator_count('calls')},sites={_escaped(listed)}"
        completed, written = self._observed(argv, timeout_s, plugin)
        return completed, None if written is None else read_calls(written)

    def _operator_count(self, output: str) -> str:
        """The plugin and where it writes. Arguments, because variables would move what the program keeps in memory."""
        return f"{_escaped(emulator.plugin('operator_count'))},{output}={_escaped(self._written)}"

    @property
    def _written(self) -> Path:
        return Path(self.scratch()) / "counts.json"

    def _observed(self, argv: Sequence[str], timeout_s: float, plugin: str) -> tuple[Completed, Path | None]:
        """Run the runner under a plugin; also returns what that wrote, None where the runner failed."""
        command = self.command(argv)
        at = command.index("-cpu")
        command[at:at] = ["-plugin", plugin]
        self._written.unlink(missing_ok=True)
        environment = {"CA_DEPLOY_MARKS": "1", "CA_DEPLOY_COUNTS": str(self._written)}
        completed = self._run_model(command, timeout_s, environment)
        if completed.returncode:
            return completed, None
        if not self._written.is_file():
            raise self._nothing(argv)
        return completed, self._written

    def _nothing(self, argv: Sequence[str]) -> DeviceError:
        return DeviceError(f"{self.name}: {argv[0]} timed no inference whose instructions could be counted.")


def _escaped(path: Path) -> str:
    """For an argument of QEMU's, which ends at a comma."""
    return str(path).replace(",", ",,")


def _open(rest: str, keep: bool) -> Emulated:
    if rest not in emulator.PROCESSORS:
        raise unknown_name("emulated processor", rest, emulator.PROCESSORS, "ca-deploy list devices")
    return Emulated(emulator.PROCESSORS[rest], keep)


def _discover() -> list[DeviceSummary]:
    reason = emulator.missing()
    return [
        DeviceSummary(
            f"emulated:{name}",
            "not available" if reason else "ready",
            f"counts instructions; as in {processor.found_in}",
            reason or "",
        )
        for name, processor in emulator.PROCESSORS.items()
    ]


def _requirements() -> list[Check]:
    name = "emulated processors"
    if reason := emulator.missing():
        return [Check(name, "missing", "count instructions without ARM hardware", reason)]
    if emulator.is_cached():
        return [Check(name, "ok", f"QEMU 7.2 in {cache_folder()}")]
    return [Check(name, "later", "QEMU 7.2, fetched from Debian 12 on first use")]


KIND = DeviceKind(
    "emulated", "emulated:cortex-a53|a72|a76", "a processor emulated by QEMU", _open, _discover, _requirements
)
