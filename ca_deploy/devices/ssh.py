"""Linux machines such as a Raspberry Pi, through the system's OpenSSH with its config, agent and jump hosts.

All commands share one connection (ControlMaster), ca-deploy's or that of the user's configuration, so that a password
is asked for once.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote

from ca_deploy.delivery.scratch import temporary
from ca_deploy.devices import DeviceKind
from ca_deploy.devices._link import ask
from ca_deploy.devices._marks import Heard, Marks
from ca_deploy.devices._remote import Remote
from ca_deploy.devices._ssh_hosts import configured_hosts
from ca_deploy.errors import DeviceError, UsageError, shown
from ca_deploy.processes.commands import Drain, check_program, end, run
from ca_deploy.processes.group import close
from ca_deploy.records.devices import Check, DeviceSummary

_CONNECT_S = 15
_PATIENCE_S = 30.0
_FAILED = 255  # ssh's exit code for its own failures; any other is that of the login shell there
_INSTALL = "Install it: apt install openssh-client"
_SPELLING = "write ssh://[user@]host[:port], as in ssh://pi@raspberrypi.local or ssh://pi@[fe80::1]:22"
_REMEDIES = {
    "permission denied": "Check the user name, and that your key is installed there: ssh-copy-id",
    "could not resolve": "Check the name; a Raspberry Pi is often raspberrypi.local, else use its address.",
    "connection refused": "No ssh server listens there: enable ssh on the device (raspi-config > Interface Options).",
    "timed out": "It does not answer: is it switched on and on the same network?",
    "no route to host": "It does not answer: is it switched on and on the same network?",
    "host key verification failed": "Its key is unknown or has changed: log in with ssh once and check it.",
    "bad configuration option": "ssh does not know an option in your configuration: see `ssh -G` of this host.",
}
# What would be in our way: keyword of `ssh -G` -> its harmless values, and what to ask for otherwise.
_UNWANTED = {
    "remotecommand": (("none",), "RemoteCommand=none"),
    "requesttty": (("auto", "no", "false"), "RequestTTY=no"),
    "sessiontype": (("default",), "SessionType=default"),
    "stdinnull": (("no",), "StdinNull=no"),
    "forkafterauthentication": (("no",), "ForkAfterAuthentication=no"),
}
_MOST_SAID, _LARGEST_FILE = 2**20, 2**30
# Reads a script from one line of standard input, which every shell hands on as it is; no login shell sees the script.
_BOOTSTRAP = """exec sh -c 'read -r s && eval "$(printf %b "$s")"'"""
# The name of a socket, and of ssh's temporary one beside it, fits into 104 bytes on every system.
_LONGEST_SOCKET = 104 - len(".0123456789abcdef")


@dataclass(frozen=True, slots=True)
class _Address:
    user: str | None
    host: str
    port: int | None

    @property
    def arguments(self) -> list[str]:
        user = ["-l", self.user] if self.user else []
        port = ["-p", str(self.port)] if self.port else []
        return [*user, *port, self.host]


def _address(rest: str) -> _Address:
    """``//user@corp@host:22`` or ``//[::1]``: the host follows the last @.

    Raises:
        UsageError: not an address.
    """
    user, _, place = rest.removeprefix("//").rstrip("/").rpartition("@")
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^-\[\]:/\s][^\[\]:/\s]*))(?::([0-9]{1,5}))?", place)
    user = unquote(user)
    if not rest.startswith("//") or found is None or user.startswith("-") or not user.isprintable():
        raise UsageError(f"ssh:{rest} is not a device: {_SPELLING}")
    return _Address(user or None, found[1] or found[2], int(found[3]) if found[3] else None)


class _Ssh:
    base = '"${XDG_CACHE_HOME:-$HOME/.cache}/ca-deploy"'
    python: str | None = "python3"

    def __init__(self, name: str, address: _Address) -> None:
        self.name = name
        self._address = address
        self._folder: Path | None = None
        self._removed_at_the_end = contextlib.ExitStack()
        self._options = self._missing_options()

    def _missing_options(self) -> list[str]:
        """Options for what the user's configuration leaves open, and against what would be in our way."""
        shown_by_ssh = run(["ssh", "-G", *self._address.arguments], _PATIENCE_S)
        if shown_by_ssh.returncode:
            raise DeviceError(self.explain(Heard(False, b"", shown_by_ssh.stderr, _FAILED)))
        lines = shown_by_ssh.stdout.decode(errors="replace").splitlines()
        config = {key.lower(): value for key, _, value in (line.partition(" ") for line in lines)}
        options = []
        for key, (harmless, wanted) in _UNWANTED.items():
            if config.get(key, harmless[0]).lower() not in harmless:
                options += ["-o", wanted]
        if config.get("loglevel", "").upper() in ("QUIET", "SILENT", "FATAL"):
            options += ["-o", "LogLevel=ERROR"]  # a failure has to say something
        if config.get("connecttimeout", "none") == "none":
            options += ["-o", f"ConnectTimeout={_CONNECT_S}"]
        if config.get("serveraliveinterval", "0") == "0":
            options += ["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]
        if config.get("controlpath", "none") == "none" and os.name == "posix":
            self._folder = self._socket_folder()
        if self._folder is not None:
            options += ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._folder}/s", "-o", "ControlPersist=no"]
        return options

    def start(self, script: str) -> "subprocess.Popen[bytes]":
        # In this process group, not in one of its own: ssh may have to ask for a password on the terminal.
        process = subprocess.Popen(
            ["ssh", "-T", *self._options, *self._address.arguments, _BOOTSTRAP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        line = script.replace("\\", "\\\\").replace("\n", "\\n") + "\n"
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # ssh has ended: its exit code and its output say why
            process.stdin.write(line.encode(errors="surrogateescape"))
            process.stdin.flush()
        return process

    watch = start

    def send(self, files: Sequence[Path], folder: str, timeout_s: float) -> None:
        marks = Marks()
        script = f'said=$(tar xf - -C {_quote(folder)} 2>&1 > /dev/null); echo "unpacked $?"; echo "$said" | head -n 3'
        process = self.start(marks.around(script))
        assert process.stdout is not None
        assert process.stderr is not None
        output, complaints = Drain(process.stdout, _MOST_SAID), Drain(process.stderr, _MOST_SAID)
        timer = threading.Timer(timeout_s, process.kill)
        timer.start()
        try:
            # The other end explains a broken pipe.
            with (
                contextlib.suppress(OSError),
                tarfile.open(fileobj=cast(IO[bytes], process.stdin), mode="w|") as archive,
            ):
                for file in files:
                    archive.add(file, file.name)
            with contextlib.suppress(OSError):
                cast(IO[bytes], process.stdin).close()
            process.wait()
            output.ended(_PATIENCE_S)
            complaints.ended(1)
        except BaseException:
            end(process)
            raise
        finally:
            timer.cancel()
        close(process)
        answer = marks.answer(output.content)
        if answer is None:
            begun = marks.after_begin(output.content) is not None
            raise DeviceError(self.explain(Heard(begun, output.content, complaints.content, process.returncode)))
        if b"unpacked 0" not in answer.splitlines():
            said = shown(answer.decode(errors="replace").partition("unpacked ")[2].partition("\n")[2])
            raise DeviceError(
                f"{self.name}: what was sent could not be unpacked there. Is it full, or has it no tar? It said: {said}"
            )

    def fetch(self, remote: str, local: Path, timeout_s: float) -> None:
        local.write_bytes(ask(self, f"cat {_quote(remote)}", timeout_s, _LARGEST_FILE))

    def explain(self, heard: Heard) -> str:
        said = heard.stderr.decode(errors="replace")
        known = next(((line, _REMEDIES[w]) for line in said.splitlines() for w in _REMEDIES if w in line.lower()), None)
        if heard.code == _FAILED and known is not None:
            line, remedy = known
            return f"{self.name}: {shown(line).removesuffix('.')}. {remedy}"
        if heard.begun:
            return f"{self.name}: the connection was lost in the middle of an answer. Is it still on the network?"
        printed = f" It printed: {heard.printed}" if heard.printed else ""
        if heard.code == _FAILED:
            return f"{self.name}: ssh could not connect, or lost the connection. Try: ssh {self._login} true.{printed}"
        ended = "did not run our script"
        if heard.code is not None:
            ended = f"ended with exit code {heard.code} without running our script"
        return (
            f"{self.name}: the login shell there {ended}. The account has to allow commands: "
            f"`ssh {self._login} echo fine` has to print fine.{printed}"
        )

    def _socket_folder(self) -> Path | None:
        """A private folder with a path that is short enough for a socket; None where there is none."""
        for place in dict.fromkeys([tempfile.gettempdir(), "/tmp", "/var/tmp"]):
            with contextlib.suppress(OSError), contextlib.ExitStack() as made:
                folder = made.enter_context(temporary(place))
                if len(os.fsencode(folder / "s")) <= _LONGEST_SOCKET:
                    self._removed_at_the_end.push(made.pop_all())
                    return folder
        return None

    @property
    def _login(self) -> str:
        return " ".join(self._address.arguments)

    def close(self) -> None:
        if self._folder is not None:
            with contextlib.suppress(subprocess.TimeoutExpired, OSError, DeviceError):
                run(["ssh", *self._options, "-O", "exit", *self._address.arguments], _PATIENCE_S)
        self._removed_at_the_end.close()


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _open(rest: str, keep: bool) -> Remote:
    address = _address(rest)
    if shutil.which("ssh") is None:
        raise DeviceError(f"ssh is not installed on this machine. {_INSTALL}")
    return Remote(_Ssh(f"ssh:{rest.rstrip('/')}", address), keep)


def _canonical(rest: str) -> str:
    """Without regard to what the user's configuration makes of the host."""
    address = _address(rest)
    user = f"{address.user}@" if address.user else ""
    return f"//{user}{address.host.lower()}:{address.port or 22}"


def _discover() -> list[DeviceSummary]:
    """The hosts in the user's configuration; none of them is contacted."""
    if shutil.which("ssh") is None:
        return [DeviceSummary("ssh", "not available", "Raspberry Pi", _INSTALL)]
    return [DeviceSummary(f"ssh://{host}", "not contacted", f"in {file}") for host, file in configured_hosts().items()]


def _requirements() -> list[Check]:
    return [check_program("ssh", "-V", "Raspberry Pi and other Linux machines", _INSTALL)]


KIND = DeviceKind(
    "ssh",
    "ssh://[user@]host[:port]",
    "a Linux machine such as a Raspberry Pi",
    _open,
    _discover,
    _requirements,
    _canonical,
)
