"""What measuring on devices needs on this machine, what of it is missing, and how to get it."""

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass

from ca_deploy.cache import cache_folder
from ca_deploy.devices import discover
from ca_deploy.errors import DeviceError
from ca_deploy.files import sha256_of
from ca_deploy.native import emulator, libraries
from ca_deploy.native.bundle import runner_binary, support_files
from ca_deploy.records.devices import DeviceSummary


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that may be missing. ``status``: ``ok``, ``later`` (fetched on first use) or ``missing``."""

    name: str
    status: str
    detail: str
    remedy: str = ""


def examine() -> list[Check]:
    """Look at everything; nothing is fetched, started or changed, but that adb starts its server."""
    return [
        *(_runner(architecture) for architecture in ("aarch64", "x86_64")),
        _support(),
        *(_library(runtime) for runtime in libraries.LIBRARIES),
        _program("adb", "phones", "Install Android's platform-tools (Debian, Ubuntu: apt install adb)."),
        _program("ssh", "Raspberry Pi and other Linux machines", "apt install openssh-client"),
        _emulator(),
        *(_device(summary) for summary in discover() if summary.name.startswith("adb:")),
    ]


def _runner(architecture: str) -> Check:
    name = f"runner for {architecture}"
    try:
        return Check(name, "ok", f"shipped, sha256 {sha256_of(runner_binary(architecture))[:16]}…")
    except DeviceError as error:
        return Check(name, "missing", "shipped with ca-deploy", str(error))


def _support() -> Check:
    try:
        return Check("loader for aarch64", "ok", f"shipped, {len(support_files())} files verified")
    except DeviceError as error:
        return Check("loader for aarch64", "missing", "shipped with ca-deploy", str(error))


def _library(runtime: str) -> Check:
    library = libraries.LIBRARIES[runtime]
    detail = f"{library.package} {library.version} for aarch64"
    if libraries.is_cached(runtime):
        return Check(f"{runtime} library", "ok", f"{detail}, in {cache_folder()}")
    if importlib.util.find_spec("pip") is None:
        remedy = "Install pip here (python -m ensurepip), or bring a bundle from another machine: --bundle FILE"
        return Check(f"{runtime} library", "missing", detail, remedy)
    return Check(f"{runtime} library", "later", f"{detail}, fetched by pip on first use")


def _program(name: str, what_for: str, remedy: str) -> Check:
    path = shutil.which(name)
    if path is None:
        return Check(name, "missing", f"for {what_for}", remedy)
    option = "-V" if name == "ssh" else "version"
    try:
        said = subprocess.run([path, option], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, "missing", f"{path} does not run: {error}", remedy)
    version = next(iter((said.stdout + said.stderr).splitlines()), "").strip()
    return Check(name, "ok", version or path)


def _emulator() -> Check:
    name = "emulated processors"
    if reason := emulator.missing():
        return Check(name, "missing", "count instructions without ARM hardware", reason)
    if emulator.is_cached():
        return Check(name, "ok", f"QEMU 7.2 in {cache_folder()}")
    return Check(name, "later", "QEMU 7.2, fetched from Debian 12 on first use")


def _device(summary: DeviceSummary) -> Check:
    status = "ok" if summary.state == "ready" else "missing"
    detail = summary.detail if summary.state == "ready" else f"{summary.detail}: {summary.state}"
    return Check(summary.name, status, detail, summary.remedy)
