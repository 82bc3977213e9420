"""The runtimes' C libraries for aarch64, taken from their PyPI wheels: fetched once by pip, verified, cached."""

import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired

from ca_deploy.cache import cache_folder, cached
from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import DeviceError, last_line, unknown_name
from ca_deploy.files import sha256_of
from ca_deploy.processes.commands import run
from ca_deploy.processes.python_path import python_environment, python_module

_log = logging.getLogger(__name__)
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Library:
    """A library in a wheel, and the oldest glibc of a device that it works with.

    ``installed`` finds the C library of the package on an x86-64 machine; "" where that package has none.
    """

    runtime: str
    package: str
    version: str
    platform: str
    member: str
    sha256: str
    size_bytes: int
    glibc: tuple[int, int]
    installed: str = ""

    @property
    def name(self) -> str:
        return self.member.rpartition("/")[2]

    @property
    def module(self) -> str:
        """What the package is imported as."""
        return self.member.partition("/")[0]


# The last LiteRT wheels whose library exports the TFLite C API (with a thread count) are 1.4.0 and 2.0.3; the
# former is an eighth of the size. Both need the model's buffers inside the flatbuffer, as ca-deploy writes them.
LIBRARIES = {
    "litert": Library(
        "litert",
        "ai-edge-litert",
        "1.4.0",
        "manylinux_2_17_aarch64",
        "ai_edge_litert/libLiteRtRuntimeCApi.so",
        "23781d014a0e0de4f8dd40553e558e5f1248e29b1d135edeb187894588fd8d33",
        8_694_168,
        (2, 30),
    ),
    "onnxruntime": Library(
        "onnxruntime",
        "onnxruntime",
        "1.32.0",
        "manylinux_2_28_aarch64",
        "onnxruntime/capi/libonnxruntime.so.1.32.0",
        "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
        27_165_936,
        (2, 28),
        installed="capi/libonnxruntime.so*",
    ),
}


def find_library(runtime: str) -> Library:
    """Raises ``UsageError`` for a runtime that has no C library here."""
    if runtime not in LIBRARIES:
        raise unknown_name("runtime for devices", runtime, LIBRARIES)
    return LIBRARIES[runtime]


def runs_in_c(runtime: str, architecture: str, is_this_machine: bool) -> bool:
    """Whether the C runner can run a runtime's files on this architecture.

    The libraries that are fetched are for ARM. This machine's own may be x86-64, where LiteRT exports no C API.
    """
    return architecture != "x86_64" or (is_this_machine and bool(find_library(runtime).installed))


def library_path(runtime: str) -> Path:
    """The library in the cache, fetched by pip if it is not there yet.

    Raises:
        DeviceError: pip is missing or cannot fetch it, or the file is not the expected one.
    """
    library = find_library(runtime)
    path = cached(_place(library), lambda folder: _fetch(library, folder)) / library.name
    return verified(library, path)


def is_cached(runtime: str) -> bool:
    library = find_library(runtime)
    return (cache_folder() / _place(library) / library.name).is_file()


def verified(library: Library, path: Path) -> Path:
    """``path``, if it holds the expected bytes; else ``DeviceError``."""
    if not path.is_file() or sha256_of(path) != library.sha256:
        raise DeviceError(
            f"{path} is not the {library.name} of {library.package} {library.version} that is expected "
            f"(sha256 {library.sha256[:16]}…). Remove {path.parent} and try again."
        )
    return path


def _place(library: Library) -> str:
    return f"libraries/{library.package}-{library.version}-{library.sha256[:16]}"


def _fetch(library: Library, folder: Path) -> None:
    wanted = f"{library.package}=={library.version}"
    _log.info("Fetching %s for %s by pip into the cache %s", wanted, library.platform, cache_folder())
    command = python_module("pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    command += ["--only-binary=:all:", "--python-version=3.11", f"--platform={library.platform}", wanted]
    advice = (
        "Fetch it on a machine with network access (`ca-deploy doctor --make-bundle FILE`), and pass it by "
        "--bundle FILE."
    )
    with temporary() as scratch:
        try:
            done = run([*command, "--dest", str(scratch)], _TIMEOUT_S, environment=python_environment())
        except TimeoutExpired as error:
            raise DeviceError(f"pip did not fetch {wanted} within {_TIMEOUT_S} s. {advice}") from error
        wheels = list(scratch.glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            reason = last_line(done.stderr.decode(errors="replace")) or "no message"
            raise DeviceError(f"pip cannot fetch {wanted} for {library.platform}: {reason} {advice}")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                content = wheel.read(library.member)
        except (zipfile.BadZipFile, KeyError) as error:
            raise DeviceError(f"The wheel {wheels[0].name} does not contain {library.member}. {advice}") from error
    (folder / library.name).write_bytes(content)
    verified(library, folder / library.name)
