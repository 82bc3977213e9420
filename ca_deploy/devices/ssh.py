"""Linux machines such as a Raspberry Pi, through the system's OpenSSH with its config, agent and jump hosts.

All commands share one connection (ControlMaster), ca-deploy's or that of the user's configuration, so that a password
is asked for once.
"""

import contextlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from ca_deploy.devices import DeviceKind
from ca_deploy.devices._process import check_program, end, last_words, run
from ca_deploy.devices._remote import Remote
from ca_deploy.errors import DeviceError, UsageError
from ca_deploy.records.devices import Check, DeviceSummary

_CONNECT_S = 15
_PATIENCE_S = 30.0
_INSTALL = "Install it: apt install openssh-client"
_REMEDIES = {
    "permission denied": "Check the user name, and that your key is installed there: ssh-copy-id",
    "could not resolve": "Check the name; a Raspberry Pi is often raspberrypi.local, else use its address.",
    "connection refused": "No ssh server listens there: enable ssh on the device (raspi-config > Interface Options).",
    "connection timed out": "It does not answer: is it switched on and on the same network?",
    "no route to host": "It does not answer: is it switched on and on the same network?",
    "host key verification failed": "Its key is unknown or has changed: log in with ssh once and check it.",
    "no space left": "Free some space on it.",
}


class _Ssh:
    base = '"${XDG_CACHE_HOME:-$HOME/.cache}/ca-deploy"'
    python: str | None = "python3"

    def __init__(self, uri: str) -> None:
        self.name = uri
        self._folder: Path | None = None
        self._options = self._missing_options()

    def _missing_options(self) -> list[str]:
        """Options for what the user's configuration leaves open."""
        shown = run(["ssh", "-G", self.name], _PATIENCE_S)
        if shown.returncode:
            raise DeviceError(self.explain(shown.stderr))
        config = dict(line.partition(" ")[::2] for line in shown.stdout.decode(errors="replace").splitlines())
        options = []
        if config.get("connecttimeout", "none") == "none":
            options += ["-o", f"ConnectTimeout={_CONNECT_S}"]
        if config.get("serveraliveinterval", "0") == "0":
            options += ["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]
        if config.get("controlpath", "none") == "none" and os.name == "posix":
            self._folder = Path(tempfile.mkdtemp(prefix="cad-"))  # short: a socket's path has at most 108 bytes
            options += ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._folder}/s", "-o", "ControlPersist=no"]
        return options

    def start(self, script: str) -> "subprocess.Popen[bytes]":
        # In this process group, not in one of its own: ssh may have to ask for a password on the terminal.
        return subprocess.Popen(
            ["ssh", "-T", *self._options, self.name, f"exec sh -c {_quote(script)}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    watch = start

    def send(self, files: Sequence[Path], folder: str, timeout_s: float) -> None:
        process = self.start(f"tar xf - -C {_quote(folder)}")
        timer = threading.Timer(timeout_s, process.kill)
        timer.start()
        try:
            # The error message of the other end explains a broken pipe.
            with (
                contextlib.suppress(OSError),
                tarfile.open(fileobj=cast(IO[bytes], process.stdin), mode="w|") as archive,
            ):
                for file in files:
                    archive.add(file, file.name)
            _, stderr = process.communicate()
        except BaseException:
            end(process)
            raise
        finally:
            timer.cancel()
        if process.returncode:
            raise DeviceError(self.explain(stderr))

    def fetch(self, remote: str, local: Path, timeout_s: float) -> None:
        process = self.start(f"cat {_quote(remote)}")
        try:
            content, stderr = process.communicate(timeout=timeout_s)
        except BaseException as error:
            end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise DeviceError(f"{self.name}: {remote} did not arrive in {timeout_s:.0f} s.") from error
            raise
        if process.returncode:
            raise DeviceError(self.explain(stderr))
        local.write_bytes(content)

    def explain(self, stderr: bytes) -> str:
        if not stderr.strip():
            return f"{self.name}: the connection was lost."
        said = last_words(stderr).removesuffix(".")
        remedy = next((remedy for words, remedy in _REMEDIES.items() if words in said.lower()), "")
        return f"{self.name}: {said}. {remedy}".rstrip()

    def close(self) -> None:
        if self._folder is not None:
            with contextlib.suppress(subprocess.TimeoutExpired, OSError):
                run(["ssh", *self._options, "-O", "exit", self.name], _PATIENCE_S)
            shutil.rmtree(self._folder, ignore_errors=True)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _open(rest: str, keep: bool) -> Remote:
    uri = f"ssh:{rest}"
    host = urlsplit(uri).hostname if rest.startswith("//") else None
    if not host or urlsplit(uri).path.strip("/"):
        raise UsageError(f"{uri} is not a device: write ssh://[user@]host[:port], as in ssh://pi@raspberrypi.local")
    if shutil.which("ssh") is None:
        raise DeviceError(f"ssh is not installed on this machine. {_INSTALL}")
    return Remote(_Ssh(uri.rstrip("/")), keep)


def _discover() -> list[DeviceSummary]:
    """The hosts in ~/.ssh/config; none of them is contacted."""
    if shutil.which("ssh") is None:
        return [DeviceSummary("ssh", "not available", "Raspberry Pi", _INSTALL)]
    config = Path.home() / ".ssh" / "config"
    try:
        lines = config.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    hosts = [host for line in words if line and line[0].lower() == "host" for host in line[1:]]
    return [
        DeviceSummary(f"ssh://{host}", "not contacted", f"in {config}")
        for host in dict.fromkeys(hosts)
        if not set(host) & set("*?!")
    ]


def _requirements() -> list[Check]:
    return [check_program("ssh", "-V", "Raspberry Pi and other Linux machines", _INSTALL)]


KIND = DeviceKind(
    "ssh", "ssh://[user@]host[:port]", "a Linux machine such as a Raspberry Pi", _open, _discover, _requirements
)
