"""A device at the other end of a link: pushes files once, runs commands, and leaves nothing behind.

During a session a janitor runs on the device: a shell that does nothing but read from the link, and cleans up at the
end of input. So a pulled cable, a killed ca-deploy or a lost network leaves neither files nor processes there. With
``keep`` the pushed files stay, and the next session finds them by their sha256.
"""

import contextlib
import re
import secrets
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ca_deploy.devices._process import end
from ca_deploy.devices._shell import CONDITIONS, PROBE, read_conditions, read_probe
from ca_deploy.errors import DeviceError
from ca_deploy.files import sha256_of
from ca_deploy.records.devices import Completed, Conditions, DeviceInfo

_ASK_S = 60.0
_CLEAN_S = 20.0
_SLOWEST_BYTES_PER_S = 200_000
# "SIZE PATH" for each file that exists. Early Androids have no stat; busybox's wc, the fallback, reads the whole file.
_SIZES = (
    'sizes() { if command -v stat > /dev/null; then stat -c "%s %n" "$@"; '
    'else for f in "$@"; do [ -f "$f" ] && echo $(wc -c < "$f") "$f"; done; fi 2> /dev/null; }'
)
_DONE, _END, _READY = "CA-DEPLOY-DONE", "CA-DEPLOY-END", "CA-DEPLOY-READY"


class Link(Protocol):
    """How a device is reached. ``base`` is a folder there, as an expression of its shell; created if missing.

    ``python`` as in :class:`~ca_deploy.devices.Device`.
    """

    name: str
    base: str
    python: str | None

    def start(self, script: str) -> "subprocess.Popen[bytes]":
        """Run a script in the device's ``sh``; its output arrives byte for byte."""

    def watch(self, script: str) -> "subprocess.Popen[bytes]":
        """Run a script whose standard input ends when the link breaks or this process ends, however it ends."""

    def send(self, files: Sequence[Path], folder: str, timeout_s: float) -> None:
        """Copy files, whose names differ, into a folder. Raises ``DeviceError``."""

    def fetch(self, remote: str, local: Path, timeout_s: float) -> None: ...

    def explain(self, stderr: bytes) -> str:
        """Why the output of a command did not arrive, and what to do about it."""

    def close(self) -> None: ...


class Remote:
    """A device behind a link."""

    counts_instructions = False
    is_this_machine = False

    def __init__(self, link: Link, keep: bool) -> None:
        self.name = link.name
        self.python = link.python
        self._link = link
        self._keep = keep
        self._janitor: subprocess.Popen[bytes] | None = None
        self._base = self._folder = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._janitor is not None and self._janitor.poll() is None:
                with contextlib.suppress(DeviceError):
                    self._ask(_clean(self._base, self._folder, self._keep), _CLEAN_S)
        finally:
            if self._janitor is not None:
                end(self._janitor)
                self._janitor = None
            self._link.close()

    def probe(self) -> DeviceInfo:
        self._open()  # first: over ssh the other commands share its connection, which may ask for a password
        return read_probe(self.name, self._ask(PROBE, _ASK_S).decode(errors="replace"))

    def conditions(self) -> Conditions:
        self._open()
        return read_conditions(self._ask(CONDITIONS, _ASK_S).decode(errors="replace"))

    def scratch(self) -> str:
        self._open()
        return self._folder

    def push(self, files: Sequence[Path]) -> Mapping[Path, str]:
        self._open()
        for file in files:
            if not file.is_file():
                raise DeviceError(f"{file} does not exist.")
        places = {file: f"{self._base}/{sha256_of(file)[:16]}/{_plain(file.name)}" for file in dict.fromkeys(files)}
        there = self._present(places)
        missing = {file: place for file, place in places.items() if place not in there}
        for group in _with_different_names(list(missing)):
            self._send({file: missing[file] for file in group})
        return places

    def _present(self, places: Mapping[Path, str]) -> set[str]:
        """The places that hold a file of the right size already; files get their names only when they are complete."""
        listed = " ".join(shlex.quote(place) for place in places.values())
        sizes = {place: str(file.stat().st_size) for file, place in places.items()}
        answer = self._ask(f"{_SIZES}\nsizes {listed}", _ASK_S).decode(errors="replace")
        found = (line.strip().partition(" ") for line in answer.splitlines())
        return {place for size, _, place in found if size == sizes.get(place)}

    def _send(self, files: Mapping[Path, str]) -> None:
        incoming = f"{self._folder}/incoming"
        folders = sorted({place.rpartition("/")[0] for place in files.values()})
        listed = " ".join(shlex.quote(folder) for folder in folders)
        pushed = shlex.quote(f"{self._folder}/pushed")
        script = f'mkdir -p {shlex.quote(incoming)} && for d in {listed}; do echo "$d"; done >> {pushed} && echo made'
        if self._ask(script, _ASK_S).strip() != b"made":
            raise DeviceError(f"{self.name}: {self._base} cannot be written. Is the device full?")
        size = sum(file.stat().st_size for file in files)
        try:
            self._link.send(list(files), incoming, _ASK_S + size / _SLOWEST_BYTES_PER_S)
        except DeviceError:
            with contextlib.suppress(DeviceError):
                self._ask(f"rm -rf {shlex.quote(incoming)}", _CLEAN_S)
            raise
        moves = [
            f"put {file.stat().st_size} {shlex.quote(f'{incoming}/{file.name}')} {shlex.quote(place)}"
            for file, place in files.items()
        ]
        script = (
            f"mkdir -p {listed}\n"
            f"{_SIZES}\n"
            'put() { n=$(sizes "$2") && [ "${n%% *}" = $1 ] && chmod 755 "$2" && mv -f "$2" "$3" && echo "$3"; }\n'
            + "\n".join(moves)
        )
        arrived = set(self._ask(script, _ASK_S).decode(errors="replace").splitlines())
        lost = [file.name for file, place in files.items() if place not in arrived]
        if lost:
            raise DeviceError(f"{self.name}: {', '.join(lost)} did not arrive whole. Is the device full?")

    def pull(self, remote: str, local: Path) -> None:
        self._link.fetch(remote, local, _ASK_S)

    def run(self, argv: Sequence[str], timeout_s: float) -> Completed:
        """The output is kept in files there until the command ends: it does not disturb, and cannot be cut unseen."""
        self._open()
        command = " ".join(shlex.quote(part) for part in argv)
        # Cleaning removes `live` before it reads `pid`: a command that it does not see does not start.
        starting = shlex.quote(f"echo $$ > pid; [ -f live ] || exit 125; exec {command}")
        script = (
            f"cd {shlex.quote(self._folder)} || exit 1\n"
            f"sh -c {starting} > out 2> err < /dev/null\n"
            "rc=$?; rm -f pid\n"
            f"echo {_DONE} $rc $(wc -c < out) $(wc -c < err); cat out err"
        )
        try:
            answer = self._ask(script, timeout_s)
        except BaseException:
            self._kill()
            raise
        header, _, rest = answer.partition(b"\n")
        found = re.fullmatch(rf"{_DONE} (\d+) (\d+) (\d+)", header.decode(errors="replace").strip())
        if found is None:
            raise DeviceError(f"{self.name}: the command could not be started: {header.decode(errors='replace')[:200]}")
        code, n_out, n_err = (int(number) for number in found.groups())
        if len(rest) < n_out + n_err:
            raise DeviceError(f"{self.name}: the command's answer was cut off after {len(rest)} bytes.")
        return Completed(code, rest[:n_out], rest[n_out : n_out + n_err])

    def _kill(self) -> None:
        """Kill the command that runs on the device."""
        with contextlib.suppress(DeviceError):
            pid = shlex.quote(f"{self._folder}/pid")
            self._ask(f"read p < {pid} && kill -9 $p", _CLEAN_S)

    def _open(self) -> None:
        """Start the janitor, which creates the session's folder and prints its path."""
        if self._janitor is not None:
            if self._janitor.poll() is not None:
                raise DeviceError(self._link.explain(_rest(self._janitor)))
            return
        session = f"run-{secrets.token_hex(6)}"
        script = (
            f'b={self._link.base}; s="$b/{session}"\n'
            f'mkdir -p "$s" && cd "$b" && b=$(pwd) && s="$b/{session}" && : > "$s/live" || exit 1\n'
            f'echo "{_READY} $b"\n'
            # adbd signals the end of the link by SIGHUP, sshd by the end of standard input.
            "exec 3<&0; cat <&3 > /dev/null & c=$!\ntrap : HUP TERM PIPE\nwait $c\nkill $c\n"
            + _clean("$b", "$s", self._keep)
        )
        janitor = self._link.watch(script)
        timer = threading.Timer(_ASK_S, janitor.kill)
        timer.start()
        try:
            assert janitor.stdout is not None
            line = janitor.stdout.readline().decode(errors="replace").strip()
        except BaseException:
            end(janitor)
            raise
        finally:
            timer.cancel()
        word, _, base = line.partition(" ")
        if word != _READY:
            with contextlib.suppress(subprocess.TimeoutExpired):
                janitor.wait(1)  # time for its error message
            stderr = _rest(janitor)
            end(janitor)
            raise DeviceError(self._link.explain(stderr))
        self._janitor, self._base, self._folder = janitor, base, f"{base}/{session}"

    def _ask(self, script: str, timeout_s: float) -> bytes:
        """The output of a script; a mark at its end reveals truncated output."""
        process = self._link.start(f"{script}\necho {_END}\n")
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            end(process)
            raise DeviceError(
                f"{self.name} gave no answer in {timeout_s:.0f} s: it hangs, is too slow, or the connection is lost."
            ) from error
        except BaseException:
            end(process)
            raise
        if not stdout.endswith(f"{_END}\n".encode()):
            raise DeviceError(self._link.explain(stderr))
        return stdout[: -len(_END) - 1]


def _clean(base: str, folder: str, keep: bool) -> str:
    """A script that kills what runs and removes what was pushed; it may run more than once."""
    forget = 'while read -r d; do rm -rf "$d"; done < "$s/pushed"; ' if not keep else ""
    return (
        f'b="{base}"; s="{folder}"\nexec 2> /dev/null\n'
        'rm -f "$s/live"; [ -f "$s/pid" ] && read -r p < "$s/pid" && kill -9 $p\n'
        f'[ -f "$s/pushed" ] && {{ {forget}:; }}\n'
        'rm -rf "$s" || { sleep 1; rm -rf "$s"; }; rmdir "$b"\n:'  # a command that just starts may still write there
    )


def _plain(name: str) -> str:
    """The name of a file with only those characters that are safe in shells and protocols."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", name)


def _with_different_names(files: Sequence[Path]) -> list[list[Path]]:
    groups: list[list[Path]] = []
    for file in files:
        group = next((g for g in groups if all(other.name != file.name for other in g)), None)
        if group is None:
            groups.append([file])
        else:
            group.append(file)
    return groups


def _rest(process: "subprocess.Popen[bytes]") -> bytes:
    """What a process wrote to standard error before it ended."""
    if process.poll() is None:
        end(process)
        return b""
    assert process.stderr is not None
    return b"" if process.stderr.closed else process.stderr.read()
