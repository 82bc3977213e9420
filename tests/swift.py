"""Debian's Swift compiler, in a root of its own, and the programs that it makes with stubs of Apple's frameworks."""

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ca_deploy.cache import cached
from ca_deploy.errors import DeviceError
from ca_deploy.native import debian
from tests.system_tools import unavailable

SEEN_AS = "/program"  # the folder of a program, in the compiler's root
_ROOT = "swift-6.0-trixie"
_PACKAGES = ("swiftlang", "libc6-dev", "libstdc++-14-dev")
_UNNEEDED = ("lldb*", "clangd", "sourcekit-lsp", "swift-package", "docc", "swift-format")  # 0.4 GB
_NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child=KILL"]
_FRAMEWORKS = ("CoreGraphics", "ImageIO", "CoreVideo", "CoreML")  # each imports only those before it
_STUBS = Path(__file__).parent / "swift_stubs"


def compile_and_run(sources: Mapping[str, str], main: str, folder: Path) -> list[str]:
    """Compile each source as a module of that name, and ``main``, which may import them, and run it; gives its lines.

    The program sees ``folder`` as :data:`SEEN_AS`.

    Raises:
        AssertionError: the compiler refuses one, or the program fails; with what was said.
    """
    try:
        root = cached(_ROOT, _make)
    except DeviceError as error:
        unavailable(f"Swift's compiler cannot be had: {error}")
    for framework in _FRAMEWORKS:
        shutil.copy(_STUBS / f"{framework}.swift", folder)
    for name, source in {**sources, "main": main}.items():
        (folder / f"{name}.swift").write_text(source, encoding="utf-8")
    swiftc = f"chroot {shlex.quote(str(root))} /usr/bin/swiftc -working-directory {SEEN_AS} -I ."
    library = "-parse-as-library -enable-testing -emit-module -emit-library -static"
    modules = [
        f"{swiftc} {library} -module-name {name} {name}.swift -o lib{name}.a" for name in (*_FRAMEWORKS, *sources)
    ]
    linked = " ".join(f"-l{name}" for name in (*sources, *reversed(_FRAMEWORKS)))
    script = "\n".join(
        (
            "set -e",
            "export TMPDIR=/tmp",  # this machine's own is not in there
            f"cd {shlex.quote(str(root))}",
            "mount -t proc none proc",
            "mount -t tmpfs none tmp",
            f"mkdir -p .{SEEN_AS}",
            f"mount --bind {shlex.quote(str(folder))} .{SEEN_AS}",
            *modules,
            f"{swiftc} -L . {linked} main.swift -o main",
            f"chroot {shlex.quote(str(root))} {SEEN_AS}/main",
        )
    )
    done = subprocess.run([*_NAMESPACES, "sh", "-c", script], capture_output=True, text=True)
    if "unshare: " in done.stderr:
        unavailable(f"no private namespaces here, in which Swift's compiler runs: {done.stderr.strip()}")
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout.splitlines()


def _make(root: Path) -> None:
    debian.fetch(_PACKAGES, "trixie", "amd64", root, dependencies=True)
    for pattern in _UNNEEDED:
        for program in (root / "usr/libexec/swift/bin").glob(pattern):
            program.unlink()
    for name in ("usr/share/doc", "usr/share/man", "usr/libexec/swift/lib/swift_static"):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("proc", "tmp"):
        (root / name).mkdir(exist_ok=True)
