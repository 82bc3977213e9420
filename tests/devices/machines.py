"""An emulated phone and an emulated Raspberry Pi made of real parts: adbd and sshd with arm64 programs behind them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.devices.kit import Kit, free_port, running, wait_until, write_program

_ADBD_PORT = 5600  # in a network of its own: it is always free
_ARM_SHELL_ENVIRONMENT = "PATH=/usr/bin:/system/bin HOME=/data/local/tmp QEMU_CPU=cortex-a76"


@dataclass(frozen=True, slots=True)
class Machine:
    """A device to be tested: its name for ``open_device``, and the folder that comes first in PATH meanwhile."""

    name: str
    path: Path
    inside: tuple[str, ...]

    def path_variable(self) -> str:
        return f"{self.path}{os.pathsep}{os.environ['PATH']}"

    def shell(self, command: str) -> str:
        """What a command prints on the device, bypassing everything under test."""
        done = subprocess.run([*self.inside, "/usr/bin/sh", "-c", command], capture_output=True, text=True, timeout=60)
        return done.stdout


def _enter(pid: int, *namespaces: str) -> list[str]:
    return ["nsenter", f"--target={pid}", "--user", "--preserve-credentials", *namespaces]


@contextmanager
def phone(kit: Kit, folder: Path, scratch_mb: int = 200, options: str = "exec") -> Iterator[Machine]:
    """Android's adbd in a network of its own; ``adb`` in ``folder/bin`` is the real client, inside that network."""
    prepare = f"""
{sys.executable} -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 0x41))'
mkdir $ROOT/dev/pts; mount -t devpts -o newinstance,ptmxmode=0666 none $ROOT/dev/pts; ln -s pts/ptmx $ROOT/dev/ptmx
exec /usr/sbin/chroot $ROOT /usr/bin/env -i {_ARM_SHELL_ENVIRONMENT} SHELL=/system/bin/sh ADBD_PORT={_ADBD_PORT} \\
    /usr/lib/android-sdk/platform-tools/adbd
"""
    with running(kit.enter(scratch_mb, prepare, options), ["--net"]) as pid:
        adb = [*_enter(pid, "--net"), *kit.host_command("/usr/lib/android-sdk/platform-tools/adb").split()]
        home = folder / "home"
        home.mkdir(parents=True)
        write_program(folder / "bin" / "adb", f"env HOME={home} TMPDIR={home} {' '.join(adb)}")
        serial = f"127.0.0.1:{_ADBD_PORT}"

        def connected() -> bool:
            command = [str(folder / "bin" / "adb"), "connect", serial]
            subprocess.run(command, capture_output=True, timeout=60)
            listed = subprocess.run([command[0], "devices"], capture_output=True, text=True, timeout=60).stdout
            return f"{serial}\tdevice" in listed

        inside = (*_enter(pid, "--mount", "--pid"), "/usr/sbin/chroot", str(kit.root))
        try:
            wait_until(connected, "connecting to the emulated phone", 60)
            yield Machine(f"adb:{serial}", folder / "bin", inside)
        finally:
            subprocess.run([str(folder / "bin" / "adb"), "kill-server"], capture_output=True, timeout=60)


@contextmanager
def raspberry(kit: Kit, folder: Path, scratch_mb: int = 200) -> Iterator[Machine]:
    """sshd on the loopback interface; each command it gets runs in the arm64 root. ``ssh`` in ``folder/bin`` is the
    system's own client with a configuration that knows the key."""
    folder.mkdir(parents=True)
    write_program(
        folder / "in_root",
        f'/usr/sbin/chroot {kit.root} /usr/bin/env -i {_ARM_SHELL_ENVIRONMENT} /usr/bin/sh -c "$SSH_ORIGINAL_COMMAND"',
    )
    port, sshd = _server(kit, folder, "/bin/sh", f"ForceCommand {folder}/in_root\n")
    with running(kit.enter(scratch_mb, sshd)) as pid:
        inside = (*_enter(pid, "--mount", "--pid"), "/usr/sbin/chroot", str(kit.root))
        machine = Machine(f"ssh://pi@127.0.0.1:{port}", folder / "bin", inside)
        _wait_for(machine, port)
        yield machine


@contextmanager
def linux_machine(kit: Kit, folder: Path, shell: str, user: str = "pi", prepare: str = "") -> Iterator[Machine]:
    """sshd whose user has any login shell, on this machine's own processor and files; the home is ``folder/home``.

    ``prepare`` is a script that runs before it, in namespaces of its own.
    """
    folder.mkdir(parents=True)
    environment = f"SetEnv PATH={Path(sys.executable).parent}:/usr/bin:/bin\n"
    port, sshd = _server(kit, folder, shell, environment, user)
    with running(f"set -e\n{prepare}\n{sshd}") as pid:
        machine = Machine(f"ssh://{user}@127.0.0.1:{port}", folder / "bin", tuple(_enter(pid, "--mount", "--pid")))
        _wait_for(machine, port)
        yield machine


def _server(kit: Kit, folder: Path, shell: str, settings: str, user: str = "pi") -> tuple[int, str]:
    """Keys, configurations and ``bin/ssh`` for an sshd on the loopback interface; its port, and how to start it."""
    home, port = folder / "home", free_port()
    home.mkdir()
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    (folder / "authorized").write_bytes((folder / "user_key.pub").read_bytes())
    (folder / "passwd").write_text(f"{user}:x:1000:1000:Pi:{home}:{shell}\nroot:x:0:0:root:/root:/bin/sh\n")
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nListenAddress ::1\nPort {port}\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/authorized\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPidFile none\n"
        f"{settings}"
    )
    (folder / "config").write_text(
        f"Host *\nIdentityFile {folder}/user_key\nIdentitiesOnly yes\nUserKnownHostsFile {folder}/known\n"
        "StrictHostKeyChecking accept-new\n"
    )
    write_program(folder / "bin" / "ssh", f"/usr/bin/ssh -F {folder}/config")
    # As root, sshd would drop its rights to a user of its own: so it does not run as root.
    sshd = kit.host_command("/usr/sbin/sshd")
    return (
        port,
        f"""
mount --bind {folder}/passwd /etc/passwd
unshare --user --map-user=1000 --map-group=1000 --keep-caps {sshd} -D -e -r -f {folder}/sshd_config
""",
    )


def _wait_for(machine: Machine, port: int) -> None:
    def listens() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    wait_until(listens, f"sshd's answer for {machine.name}", 60)
