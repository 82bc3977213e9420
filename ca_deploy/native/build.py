"""``make runner``: build the runner for each architecture, and pack the loader and C libraries that go with it.

The runner is compiled by zig (PyPI: ziglang), which produces the same bytes on every machine; the loader and libraries
are Debian's, unchanged. PROVENANCE.toml beside the results records what they were made from.

    python -m ca_deploy.native.build [OUTPUT] [--support]
"""

import importlib.metadata
import json
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import DeviceError
from ca_deploy.files import sha256_of_bytes
from ca_deploy.native import debian
from ca_deploy.processes.commands import run
from ca_deploy.processes.python_path import python_environment, python_module

HERE = Path(__file__).parent
TARGETS = {"aarch64": "aarch64-linux-gnu.2.28", "x86_64": "x86_64-linux-gnu.2.28"}
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-s")

_TIMEOUT_S = 600  # once per cache, zig compiles parts of its own
_SUITE = "bookworm"
_PACKAGES = ("libc6", "libstdc++6", "libgcc-s1", "gcc-12-base")
_LICENCES = ("libc6", "gcc-12-base")
_LIBRARIES = (
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libgcc_s.so.1",
    "libstdc++.so.6",
)
_LOADER = "ld-linux-aarch64.so.1"


def sources() -> list[Path]:
    return sorted((HERE / "runner").glob("*.[ch]"))


def sources_digest() -> str:
    """Changes whenever a source file, the compiler's flags or a target does."""
    text = repr((FLAGS, sorted(TARGETS.items()))).encode()
    return sha256_of_bytes(text + b"".join(file.name.encode() + file.read_bytes() for file in sources()))


def build_runner(output: Path) -> None:
    """Compile ``runner-<architecture>`` for every target into a folder.

    Raises:
        DeviceError: ziglang is not installed, or compilation fails.
    """
    try:
        zig = importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError as error:
        raise DeviceError("Building the runner needs zig. Install it: pip install ziglang") from error
    output.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Made by `make runner`; the test-suite makes them again and compares.",
        f'compiler = "ziglang {zig}"',
        f'sources_sha256 = "{sources_digest()}"',
        "",
        "[runners]",
    ]
    names = [file.name for file in sources() if file.suffix == ".c"]
    for architecture, target in TARGETS.items():
        binary = output.absolute() / f"runner-{architecture}"
        command = python_module("ziglang", "cc", "-target", target, *FLAGS, "-o", str(binary), *names, "-ldl")
        environment = {**python_environment(), "SOURCE_DATE_EPOCH": "0"}
        done = run(command, _TIMEOUT_S, HERE / "runner", environment)
        if done.returncode:
            complaints = done.stderr.decode(errors="replace").strip().split("\n")
            raise DeviceError(f"zig cannot build the runner for {target}:", *complaints)
        lines.append(f'{architecture} = {{ target = "{target}", sha256 = "{sha256_of_bytes(binary.read_bytes())}" }}')
    (output / "PROVENANCE.toml").write_text("\n".join(lines) + "\n")


def pack_support(output: Path) -> None:
    """Pack Debian's loader, libc and libstdc++ for aarch64, with their licences, into ``support-aarch64.zip``.

    Raises:
        DeviceError: Debian's packages cannot be fetched here.
    """
    output.mkdir(parents=True, exist_ok=True)
    with temporary() as root:
        packages = debian.fetch(_PACKAGES, _SUITE, "arm64", root)
        places = [root / "lib/aarch64-linux-gnu", root / "usr/lib/aarch64-linux-gnu"]
        files = {name: _first(place / name for place in places) for name in (_LOADER, *_LIBRARIES)}
        licences = {f"{name}.copyright": root / "usr/share/doc" / name / "copyright" for name in _LICENCES}
        with zipfile.ZipFile(output / "support-aarch64.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, file in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), file.read_bytes(), zipfile.ZIP_DEFLATED)
        for name, file in licences.items():
            (output / name).write_bytes(file.read_bytes())
        lines = [
            "# Debian's own files, unchanged; made by `python -m ca_deploy.native.build --support`.",
            f'suite = "{_SUITE}"',
            f"packages = {json.dumps(packages)}",
            "",
            "[files]",
            *(f'"{name}" = "{sha256_of_bytes(file.read_bytes())}"' for name, file in sorted(files.items())),
        ]
    (output / "PROVENANCE.toml").write_text("\n".join(lines) + "\n")


def _first(paths: Iterable[Path]) -> Path:
    return next(path for path in paths if path.exists())


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--support"]
    try:
        build_runner(Path(arguments[0]) if arguments else HERE / "bin")
        if "--support" in sys.argv:
            pack_support(HERE / "support")
    except DeviceError as error:
        sys.exit(f"Error: {error}")
