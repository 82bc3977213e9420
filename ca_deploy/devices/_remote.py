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
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ca_deploy.devices._link import Link, ask
from ca_deploy.devices._marks import Heard, Marks
from ca_deploy.devices._shell import CONDITIONS, PROBE, read_conditions, read_probe
from ca_deploy.errors import DeviceError
from ca_deploy.files import sha256_of
from ca_deploy.processes.commands import Drain, end
from ca_deploy.records.devices import Completed, Conditions, DeviceInfo

_ASK_S = 60.0
_CLEAN_S = 20.0
_MOST_SAID = 2**20  # by a login shell before it starts our script
_NOT_EXECUTABLE = 126
_LOOK_S = 0.02
_ECHO_S = 5.0  # from the echo of a script to its begin: the connection stands by then
_HELD_BACK = 70_000  # bytes that a filter between adb and us, such as sed in a wrapper, may keep for later
_SLOWEST_BYTES_PER_S = 200_000
# "SIZE PATH" for each file that exists. Early Androids have no stat; busybox's wc, the fallback, reads the whole file.
_SIZES = (
    'sizes() { if command -v stat > /dev/null; then stat -c "%s %n" "$@"; '
    'else for f in "$@"; do [ -f "$f" ] && echo $(wc -c < "$f") "$f"; done; fi 2> /dev/null; }'
)
_LARGEST_ANSWER = 2**30  # a file with the outputs of one network


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
        self._complaints: Drain | None = None
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
        found = self._sizes(list(places.values()))
        return {place for file, place in places.items() if found.get(place) == file.stat().st_size}

    def _sizes(self, places: Sequence[str]) -> dict[str, int]:
        """The size in bytes of those files that exist."""
        listed = " ".join(map(shlex.quote, places))
        answer = self._ask(f"{_SIZES}\nsizes {listed}", _ASK_S).decode(errors="replace")
        found = (line.strip().partition(" ") for line in answer.splitlines())
        return {place: int(size) for size, _, place in found if place in places and size.isdecimal() and len(size) < 19}

    def _send(self, files: Mapping[Path, str]) -> None:
        incoming = f"{self._folder}/incoming"
        folders = sorted({place.rpartition("/")[0] for place in files.values()})
        listed = " ".join(shlex.quote(folder) for folder in folders)
        pushed = shlex.quote(f"{self._folder}/pushed")
        script = f'mkdir -p {shlex.quote(incoming)} && for d in {listed}; do echo "$d"; done >> {pushed} && echo made'
        if b"made" not in self._ask(script, _ASK_S).splitlines():
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
        self._open()
        size = self._sizes([remote]).get(remote)
        if size is None:
            raise DeviceError(f"{self.name}: there is no file {remote}.")
        if size > _LARGEST_ANSWER:
            raise DeviceError(f"{self.name}: {remote} has {size} bytes, more than any output ({_LARGEST_ANSWER}).")
        self._link.fetch(remote, local, _ASK_S + size / _SLOWEST_BYTES_PER_S)

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
            'echo "ca-deploy-done-$m $rc $(wc -c < out) $(wc -c < err)"; cat out err'
        )
        try:
            answer = self._ask(script, timeout_s)
        except BaseException:
            self._kill()
            raise
        # The first line of this form: what the command printed follows it. A noisy shell may print before it.
        found = re.search(rb"^ca-deploy-done-[0-9a-f]+ (\d{1,3}) +(\d{1,9}) +(\d{1,9})\r?\n", answer, re.MULTILINE)
        if found is None:
            raise DeviceError(f"{self.name}: the command could not be started: {self._folder} is gone.")
        code, n_out, n_err = (int(number) for number in found.groups())
        rest = answer[found.end() :]
        if len(rest) < n_out + n_err:
            raise DeviceError(f"{self.name}: the command's answer was cut off after {len(rest)} bytes.")
        if code == _NOT_EXECUTABLE:
            self._refuse_noexec()
        return Completed(code, rest[:n_out], rest[n_out : n_out + n_err])

    def _refuse_noexec(self) -> None:
        """Raise ``DeviceError`` where no program may run from our folder."""
        lines = self._ask("cat /proc/mounts", _ASK_S).decode(errors="replace").splitlines()
        mounts = [words for line in lines if len(words := line.split()) > 3]
        around = [words for words in mounts if f"{self._folder}/".startswith(f"{words[1].rstrip('/')}/")]
        _, place, _, options, *_ = max(around, key=lambda words: len(words[1]), default=[""] * 4)
        if "noexec" in options.split(","):
            raise DeviceError(
                f"{self.name} runs no programs in {self._base}: {place} is mounted noexec. With root there, "
                f"`mount -o remount,exec {place}` allows them; otherwise measure on another device."
            )

    def _kill(self) -> None:
        """Kill the command that runs on the device."""
        with contextlib.suppress(DeviceError):
            pid = shlex.quote(f"{self._folder}/pid")
            self._ask(f"read p < {pid} && kill -9 $p", _CLEAN_S)

    def _open(self) -> None:
        """Start the janitor, which creates the session's folder and prints its path."""
        if self._janitor is not None and self._complaints is not None:
            if self._janitor.poll() is not None:
                raise DeviceError(self._link.explain(Heard(True, b"", self._complaints.content, self._janitor.poll())))
            return
        session, marks = f"run-{secrets.token_hex(6)}", Marks()
        script = (
            f'b={self._link.base}; s="$b/{session}"\n'
            f'mkdir -p "$s" && cd "$b" && b=$(pwd) && s="$b/{session}" && : > "$s/live" || '
            f'{{ echo; echo "failed $b"; {marks.end}; exit 1; }}\n'
            f'echo; echo "ready $b"; {marks.end}\n'
            f'printf "%{_HELD_BACK}s\\n" ""\n'
            # adbd signals the end of the link by SIGHUP, sshd by the end of standard input.
            "exec 3<&0; cat <&3 > /dev/null & c=$!\ntrap : HUP TERM PIPE\nwait $c\nkill $c\n"
            + _clean("$b", "$s", self._keep)
        )
        janitor = self._link.watch(marks.around(script))
        assert janitor.stdout is not None
        assert janitor.stderr is not None
        said, complaints = Drain(janitor.stdout, _MOST_SAID), Drain(janitor.stderr, _MOST_SAID)
        deadline, echoed = time.monotonic() + _ASK_S, False
        try:
            while marks.answer(said.content) is None and not said.over and time.monotonic() < deadline:
                if marks.only_echoed(said.content) and not echoed:
                    deadline, echoed = min(deadline, time.monotonic() + _ECHO_S), True
                if said.ended(_LOOK_S):
                    break
        except BaseException:
            end(janitor)
            raise
        answer = marks.answer(said.content)
        words = [line.partition(" ") for line in (answer or b"").decode(errors="surrogateescape").splitlines()]
        state = {word: rest for word, _, rest in words if word in ("ready", "failed")}
        if "ready" not in state:
            with contextlib.suppress(subprocess.TimeoutExpired):
                janitor.wait(1)  # time for its error message
            complaints.ended(1)
            code = janitor.poll()
            end(janitor)
            if "failed" in state:
                raise DeviceError(
                    f"{self.name}: {state['failed']} cannot be written. Is the device full, or read-only?"
                )
            if marks.only_echoed(said.content):
                raise DeviceError(
                    f"{self.name}: what answers there sends back what it gets, and runs none of it. Use an account "
                    "whose login is a shell."
                )
            heard = Heard(marks.after_begin(said.content) is not None, said.content, complaints.content, code)
            raise DeviceError(self._link.explain(heard))
        base = state["ready"]
        self._janitor, self._complaints, self._base, self._folder = janitor, complaints, base, f"{base}/{session}"

    def _ask(self, script: str, timeout_s: float) -> bytes:
        """The output of a script."""
        return ask(self._link, script, timeout_s)


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
