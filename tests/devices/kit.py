"""Real parts to test devices with, on a Linux machine without ARM hardware and without root.

A folder in the cache holds an arm64 root with Android's real adbd and busybox, a static QEMU, the real adb client and
the real sshd, all from Debian. The root runs in private user, mount, pid and network namespaces, with a private
binfmt_misc (Linux 6.7) that hands its programs to QEMU: nothing outside notices.
"""

import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.cache import cached
from ca_deploy.native import debian

NAME = "test-kit-3"
_APPLETS = (
    "sh ls cat echo mkdir rm rmdir mv chmod wc kill sleep uname tr tar head true dd df ps env stat id test [ printf"
)
# The adb client and sshd with the libraries that they load; their full dependencies would bring in Perl and more.
_HOST_PACKAGES = (
    "adb android-libbase android-libboringssl android-libcutils android-liblog libusb-1.0-0 libudev1 "
    "openssh-server libcrypt1 libwrap0 libaudit1 libpam0g libsystemd0 libselinux1 libgssapi-krb5-2 "
    "libkrb5-3 libcom-err2 libssl3 zlib1g libnsl2 libcap-ng0 libcap2 libgcrypt20 liblzma5 libzstd1 liblz4-1 "
    "libpcre2-8-0 libk5crypto3 libkrb5support0 libkeyutils1 libtirpc3 libgpg-error0"
)
_NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child=KILL"]
_MAGIC = r"\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


def unavailable() -> str | None:
    """Why the kit is not available on this machine."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "the kit of emulated devices is for x86-64 Linux"
    if reason := debian.missing():
        return f"the kit comes from Debian, but {reason}"
    probe = "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc"
    done = subprocess.run([*_NAMESPACES, "sh", "-c", probe], capture_output=True, text=True)
    if done.returncode:
        return f"no private namespaces with a binfmt_misc of their own here: {done.stderr.strip()}"
    return None


@dataclass(frozen=True, slots=True)
class Kit:
    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "arm64"

    def enter(self, scratch_mb: int, prepare: str = "", options: str = "exec") -> str:
        """A script, to be run in fresh namespaces, that prepares the arm64 root in ``$ROOT``.

        ``options`` are those of the file system that they write to. What devices write goes to memory: their home and
        temporary folders are empty at the start.
        """
        return f"""set -e
ROOT={self.root}
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf %s ':q:M::{_MAGIC}:{_MASK}:{self.folder}/qemu-aarch64:POCF' > /proc/sys/fs/binfmt_misc/register
mount -t proc none $ROOT/proc
mount --rbind /sys/devices/system/cpu $ROOT/sys/devices/system/cpu
mount -t tmpfs -o mode=755 none $ROOT/dev
for n in null zero urandom random tty; do touch $ROOT/dev/$n; mount --bind /dev/$n $ROOT/dev/$n; done
mount -t tmpfs -o size={scratch_mb}m,{options} none $ROOT/data/local/tmp
{prepare}
"""

    def login_shell(self, name: str, path: Path) -> Path:
        """Write a program that is fish, tcsh or busybox's sh, as Debian packs them."""
        root = cached("login-shells-1", _make_login_shells)
        libraries = f"{root}/lib/x86_64-linux-gnu:{root}/usr/lib/x86_64-linux-gnu"
        command = {"busybox": f"{root}/bin/busybox sh"}.get(name) or f"{root}/usr/bin/{name}"
        if not Path(command.split()[0]).exists():
            command = command.replace(f"{root}/usr/bin", f"{root}/bin")
        write_program(path, f"env LD_LIBRARY_PATH={libraries} {command}")
        return path

    def host_command(self, program: str) -> str:
        """A shell command for a program of the kit that runs on this machine, with the libraries that came with it."""
        host = self.folder / "host"
        triplet = "lib/x86_64-linux-gnu"
        libraries = ":".join(f"{host}/{place}" for place in (triplet, f"usr/{triplet}", f"usr/{triplet}/android"))
        return f"env LD_LIBRARY_PATH={libraries} {host}{program}"


def kit() -> Kit:
    return Kit(cached(NAME, _make))


def _make(folder: Path) -> None:
    root = folder / "arm64"
    with ThreadPoolExecutor() as at_once:
        fetched = [
            at_once.submit(debian.fetch, ["qemu-user"], "trixie", "amd64", folder / "qemu"),
            at_once.submit(debian.fetch, ["adbd", "busybox-static", "libstdc++6"], "trixie", "arm64", root, True),
            at_once.submit(debian.fetch, _HOST_PACKAGES.split(), "bookworm", "amd64", folder / "host"),
        ]
        for one in fetched:
            one.result()
    (folder / "qemu/usr/bin/qemu-aarch64").rename(folder / "qemu-aarch64")
    shutil.rmtree(folder / "qemu")
    for unneeded in ("host/usr/share", "host/var", "arm64/usr/share", "arm64/usr/lib/systemd"):
        shutil.rmtree(folder / unneeded, ignore_errors=True)
    for encodings in folder.glob("*/usr/lib/*/gconv"):
        shutil.rmtree(encodings)
    for name in ("bin", "lib", "sbin"):
        (root / "usr" / name).mkdir(exist_ok=True)
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("proc", "dev", "sys/devices/system/cpu", "data/local/tmp", "system/bin", "etc", "tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    busybox = next(path for path in (root / "usr/bin/busybox", root / "bin/busybox") if path.exists())
    for applet in _APPLETS.split():
        if not (root / "usr/bin" / applet).exists():
            (root / "usr/bin" / applet).symlink_to(busybox.name)
    (root / "system/bin/sh").symlink_to("/usr/bin/sh")


def _make_login_shells(folder: Path) -> None:
    packages = ["fish", "fish-common", "libpcre2-32-0", "libtinfo6", "tcsh", "libcrypt1", "busybox-static"]
    debian.fetch(packages, "bookworm", "amd64", folder)


@contextmanager
def running(script: str, namespaces: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a script in fresh namespaces until the end of the block; yields the pid whose namespaces can be entered."""
    process = subprocess.Popen(
        [*_NAMESPACES, *namespaces, "bash", "-c", script],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield _child(process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def _child(process: "subprocess.Popen[bytes]") -> int:
    """The first process inside the new pid namespace."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(200):
        if process.poll() is not None:
            assert process.stderr is not None
            raise RuntimeError(f"the namespaces cannot be made: {process.stderr.read().decode()}")
        if found := children.read_text().split():
            return int(found[0])
        time.sleep(0.02)
    raise RuntimeError("the namespaces were not made in time")


def wait_until(true: Callable[[], object], what: str, patience_s: float = 20.0) -> None:
    """Raise ``RuntimeError`` unless ``true()`` holds within ``patience_s``."""
    end = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not happen in {patience_s:.0f} s")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_program(path: Path, command: str) -> None:
    """A shell script that becomes ``command``, with the arguments that it gets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)
