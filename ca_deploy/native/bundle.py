"""What the runner needs on a device: itself, a runtime's library, and a loader.

A device whose C library is new enough uses its own loader; every other one (Android, an older system) gets the shipped
one.
"""

import importlib.util
import io
import os
import shutil
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.cache import cached
from ca_deploy.delivery import write_atomically
from ca_deploy.errors import DeviceError, RuntimeUnavailable
from ca_deploy.files import sha256_of
from ca_deploy.native.libraries import LIBRARIES, find_library, library_path, runs_in_c, verified
from ca_deploy.records.devices import DeviceInfo

HERE = Path(__file__).parent
LOADER = "ld-linux-aarch64.so.1"
_IS_32_BIT = "it runs a 32-bit system, for which the runtimes have no packages: install a 64-bit one"
_NOT_ARM = (
    "it is not an ARM device. An emulator's times say nothing about a phone; a Linux machine is measured with "
    "--runner python"
)


@dataclass(frozen=True, slots=True)
class RunnerCommand:
    """How to start the runner: push ``files``, then run ``argv(places)`` followed by the runner's own options.

    ``argv`` names the runtime's library (``--library``) already. ``loader`` is None where the device uses its own.
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


def runner_command(
    device: DeviceInfo, runtime: str, bundle: Path | None = None, is_this_machine: bool = False
) -> RunnerCommand:
    """The runner for a device; ``runtime`` is ``litert`` or ``onnxruntime``.

    The library comes from ``bundle`` if given, else from the cache, where pip downloads it on first use. On this
    machine, if that is x86-64, it comes from the installed package.

    Raises:
        DeviceError: there is no runner for this device and runtime, or its parts cannot be fetched.
    """
    if is_this_machine and device.architecture == "x86_64":
        return _on_this_machine(device, runtime)
    if device.architecture != "aarch64":
        raise DeviceError(_wrong_architecture(device))
    library = find_library(runtime)
    own_glibc = tuple(int(part) for part in device.glibc.split(".")[:2]) if device.glibc else (0, 0)
    support = {} if own_glibc >= library.glibc else {file.name: file for file in support_files()}
    loader = support.pop(LOADER, None)
    runner = runner_binary("aarch64")
    file = _from_bundle(bundle, runtime) if bundle else library_path(runtime)
    return RunnerCommand(
        runtime=runtime,
        runtime_version=library.version,
        runner=runner,
        library=file,
        loader=loader,
        support=tuple(support.values()),
        runner_sha256=sha256_of(runner),
        library_sha256=library.sha256,
    )


def runner_binary(architecture: str) -> Path:
    """The shipped runner, verified against its provenance.

    Raises:
        DeviceError: there is none for this architecture, or it was altered.
    """
    path = HERE / "bin" / f"runner-{architecture}"
    known = tomllib.loads((HERE / "bin" / "PROVENANCE.toml").read_text(encoding="utf-8"))["runners"]
    if architecture not in known:
        raise DeviceError(f"There is no runner for {architecture}, only for {', '.join(known)}.")
    if not path.is_file() or sha256_of(path) != known[architecture]["sha256"]:
        raise DeviceError(f"{path} is not the runner that was shipped. Reinstall ca-deploy, or run `make runner`.")
    if os.access(path, os.X_OK):
        return path

    def copy(folder: Path) -> None:  # the installer dropped the permission, and the file may belong to another user
        shutil.copyfile(path, folder / path.name)
        (folder / path.name).chmod(0o755)

    return cached(f"runner-{architecture}-{known[architecture]['sha256'][:16]}", copy) / path.name


def support_files() -> list[Path]:
    """The loader, libc and libstdc++ for aarch64, unpacked into the cache and verified."""
    known: dict[str, str] = tomllib.loads((HERE / "support" / "PROVENANCE.toml").read_text(encoding="utf-8"))["files"]
    archive = HERE / "support" / "support-aarch64.zip"

    def unpack(folder: Path) -> None:
        with zipfile.ZipFile(archive) as files:
            files.extractall(folder)
        (folder / LOADER).chmod(0o755)

    folder = cached(f"support-aarch64-{known['libc.so.6'][:16]}", unpack)
    for name, sha256 in known.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != sha256:
            raise DeviceError(f"{folder / name} was altered. Remove {folder} and try again.")
    return [folder / name for name in known]


def make_bundle(path: Path) -> None:
    """Write the runtimes' libraries into one file, for machines that cannot reach a package index.

    Raises:
        DeviceError, OutputError: they cannot be fetched here, or the file cannot be written.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for runtime in LIBRARIES:
            member = zipfile.ZipInfo(_member(runtime), (1980, 1, 1, 0, 0, 0))
            archive.writestr(member, library_path(runtime).read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
    write_atomically(path, content.getvalue())


def _member(runtime: str) -> str:
    library = LIBRARIES[runtime]
    return f"{library.package}-{library.version}/{library.name}"


def _from_bundle(bundle: Path, runtime: str) -> Path:
    """The library out of a bundle, unpacked into the cache."""
    library = find_library(runtime)
    advice = f"Create it again with this version of ca-deploy: ca-deploy doctor --make-bundle {bundle}"
    if not bundle.is_file():
        raise DeviceError(f"Bundle {bundle} does not exist. {advice}")

    def unpack(folder: Path) -> None:
        try:
            with zipfile.ZipFile(bundle) as archive, archive.open(_member(runtime)) as packed:
                content = packed.read(library.size_bytes + 1)  # and no more: it may unpack to any size
        except Exception as error:  # zipfile and zlib raise many kinds for an archive that is damaged
            raise DeviceError(f"Bundle {bundle} does not contain {_member(runtime)}. {advice}") from error
        if len(content) != library.size_bytes:
            raise DeviceError(
                f"Bundle {bundle} has another {_member(runtime)}, not of {library.size_bytes} bytes. {advice}"
            )
        (folder / library.name).write_bytes(content)
        verified(library, folder / library.name)

    folder = cached(f"bundled/{library.package}-{library.version}-{library.sha256[:16]}", unpack)
    return verified(library, folder / library.name)


def _on_this_machine(device: DeviceInfo, runtime: str) -> RunnerCommand:
    """With the C library inside the installed package of the runtime."""
    library = find_library(runtime)
    if not runs_in_c(runtime, device.architecture, True):
        raise RuntimeUnavailable(f"On x86-64, {runtime} has no C library: use --runner python, or another device.")
    found = importlib.util.find_spec(library.module)
    if found is None or not found.submodule_search_locations:
        raise RuntimeUnavailable(f"Runtime {runtime} is not installed here. Install it: pip install ca-deploy")
    libraries = sorted(Path(found.submodule_search_locations[0]).glob(library.installed))
    if not libraries:
        raise RuntimeUnavailable(f"The installed {library.package} package has no C library. Use --runner python.")
    runner, version = runner_binary(device.architecture), libraries[-1].name.partition(".so.")[2]
    return RunnerCommand(
        runtime=runtime,
        runtime_version=version,
        runner=runner,
        library=libraries[-1],
        loader=None,
        support=(),
        runner_sha256=sha256_of(runner),
        library_sha256=sha256_of(libraries[-1]),
    )


def _wrong_architecture(device: DeviceInfo) -> str:
    why = {
        "armv7l": _IS_32_BIT,
        "armv8l": _IS_32_BIT,
        "x86_64": _NOT_ARM,
        "i686": _NOT_ARM,
    }.get(device.architecture, "there is no runner for it")
    return f"{device.name} has a processor of type {device.architecture}; {why}."
