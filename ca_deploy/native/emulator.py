"""QEMU with instruction counters, set up in the cache on first use.

It has to be version 7.2 of Debian 12: later packages of ``qemu-user`` are static and cannot load plugins. That version
does not emulate /proc/cpuinfo, by which the runtimes choose their kernels, so a file is written for each processor; and
its ``-cpu max`` computes some INT8 results wrongly, so only named processors are offered.
"""

import json
import logging
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.cache import cache_folder, cached
from ca_deploy.errors import DeviceError
from ca_deploy.files import sha256_of_bytes
from ca_deploy.native import debian
from ca_deploy.native.bundle import LOADER, support_files
from ca_deploy.processes.commands import run
from ca_deploy.processes.python_path import python_environment, python_module

_log = logging.getLogger(__name__)
_HERE = Path(__file__).parent
_SUITE = "bookworm"
_QEMU = f"qemu-7.2-{_SUITE}"
_CORES = 4
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor that QEMU emulates: Arm's part number, its variant, and the features that Linux reports for it."""

    name: str
    part: str
    variant: str
    features: tuple[str, ...]
    found_in: str


_ARMV8 = ("fp", "asimd", "evtstrm", "crc32", "cpuid")
_ARMV8_2 = ("fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "cpuid", "atomics", "fphp", "asimdhp")
_A76 = (*_ARMV8_2, "asimdrdm", "lrcpc", "dcpop", "asimddp")

PROCESSORS = {
    processor.name: processor
    for processor in (
        Processor("cortex-a53", "0xd03", "0x0", _ARMV8, "Raspberry Pi 3, budget phones"),
        Processor("cortex-a72", "0xd08", "0x0", _ARMV8, "Raspberry Pi 4, phones of 2016"),
        Processor("cortex-a76", "0xd0b", "0x4", _A76, "Raspberry Pi 5, phones since 2019"),
    )
}


def missing() -> str | None:
    """Why the emulator cannot run here, with the remedy; None when it can."""
    if platform.system() != "Linux":
        return "the emulated devices need Linux"
    if not is_cached() and (reason := debian.missing()):
        return f"QEMU 7.2 is fetched from Debian 12, but {reason}"
    if _compiler() is None and not _plugin_place().is_dir():
        return "the instruction counter needs a C compiler: install gcc, or `pip install ziglang`"
    return None


def is_cached() -> bool:
    return (cache_folder() / _QEMU).is_dir()


def qemu_command(processor: Processor, sysroot: Path) -> list[str]:
    """The start of a command line that runs an aarch64 program.

    Raises:
        DeviceError: QEMU is not in the cache and cannot be fetched.
    """
    root = cached(_QEMU, _fetch_qemu)
    loader = next(file for folder in ("lib64", "lib") for file in (root / folder).glob("ld-linux-*.so.*"))
    triplet = "x86_64-linux-gnu" if platform.machine() == "x86_64" else "aarch64-linux-gnu"
    libraries = f"{root}/lib/{triplet}:{root}/usr/lib/{triplet}"
    start = [str(loader), "--inhibit-cache", "--library-path", libraries, f"{root}/usr/bin/qemu-aarch64"]
    return [*start, "-L", str(sysroot), "-cpu", processor.name]


def plugin(name: str = "instruction_count") -> Path:
    """An instruction counter, compiled into the cache: ``instruction_count`` or ``operator_count``.

    Raises:
        DeviceError: there is no C compiler, or compilation fails.
    """
    return cached(_plugin_place(name).name, lambda folder: _compile(name, folder)) / f"{name}.so"


def sysroot(processor: Processor) -> Path:
    """A folder that QEMU presents to the program as ``/``: its loader, and the processor in /proc and /sys."""
    cpuinfo = "".join(
        f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {' '.join(processor.features)}\n"
        f"CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: {processor.variant}\n"
        f"CPU part\t: {processor.part}\nCPU revision\t: 1\n\n"
        for core in range(_CORES)
    )
    loader = next(file for file in support_files() if file.name == LOADER)

    def make(folder: Path) -> None:
        cpus = folder / "sys/devices/system/cpu"
        for place in (folder / "lib", folder / "proc", cpus):
            place.mkdir(parents=True)
        shutil.copy(loader, folder / "lib" / LOADER)
        (folder / "proc/cpuinfo").write_text(cpuinfo)
        for name in ("possible", "present"):
            (cpus / name).write_text(f"0-{_CORES - 1}\n")

    return cached(f"sysroot-{processor.name}-{sha256_of_bytes(cpuinfo.encode())[:8]}", make)


def counts(file: Path) -> dict[str, int]:
    """Read the counts that the plugin wrote."""
    content: dict[str, int] = json.loads(file.read_text())
    return content


def _fetch_qemu(folder: Path) -> None:
    _log.info("Preparing the emulator (once): QEMU")
    architecture = "amd64" if platform.machine() == "x86_64" else "arm64"
    debian.fetch(["qemu-user"], _SUITE, architecture, folder, dependencies=True)
    binaries = folder / "usr/bin"
    for file in binaries.iterdir():
        if file.name != "qemu-aarch64":
            file.unlink()
    unneeded = [folder / name for name in ("usr/share", "usr/sbin", "var", "etc", "sbin")]
    for place in (*unneeded, *folder.glob("usr/lib/*/gconv")):
        shutil.rmtree(place, ignore_errors=True)


def _plugin_place(name: str = "instruction_count") -> Path:
    sources = b"".join((_HERE / file).read_bytes() for file in (f"{name}.c", "qemu_plugin.h"))
    return cache_folder() / f"{name.replace('_', '-')}-{platform.machine()}-{sha256_of_bytes(sources)[:16]}"


def _compiler() -> Sequence[str] | None:
    for name in (os.environ.get("CC", "cc"), "gcc", "clang"):
        if shutil.which(name):
            return [name]
    zig = run(python_module("ziglang", "version"), _TIMEOUT_S, environment=python_environment())
    return python_module("ziglang", "cc") if zig.returncode == 0 else None


def _compile(name: str, folder: Path) -> None:
    compiler = _compiler()
    if compiler is None:
        raise DeviceError("The instruction counter needs a C compiler. Install gcc, or `pip install ziglang`.")
    _log.info("Preparing the emulator (once): its instruction counter is compiled")
    command = [*compiler, "-O2", "-shared", "-fPIC", "-o", str(folder / f"{name}.so"), str(_HERE / f"{name}.c")]
    done = run(command, _TIMEOUT_S, environment=python_environment())
    if done.returncode:
        complaints = done.stderr.decode(errors="replace").strip().split("\n")
        raise DeviceError(f"`{' '.join(command)}` failed:", *complaints)
