"""A delivery that is killed, or asked to end, at a chosen system call; and what is in the folder afterwards."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ca_deploy.delivery import scratch, settle
from ca_deploy.delivery.transaction import commit, prepare
from tests.delivery import child
from tests.system_tools import program, unavailable

ROOT = Path(__file__).resolve().parents[2]
RENAMES = ("rename", "renameat", "renameat2")
OTHERS = ("link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "fsync", "flock", "openat", "write")
NO_EXCHANGE = ("-e", "inject=renameat2:error=ENOSYS")
VERSIONS = ("old", "new", "third", "fourth")
PLACES = {child.PACKAGE, *child.FILES}


@dataclass(frozen=True, slots=True)
class Moment:
    """A process enters a system call for the ``number``-th time, counted from 1; ``said`` is strace's line."""

    call: str
    number: int
    said: str

    @property
    def commits(self) -> bool:
        return self.call in RENAMES and '/outgoing"' in self.said and '/committed"' in self.said


@cache
def strace() -> tuple[str, ...]:
    """The start of a command line; skips the test where strace is not available, or may not trace."""
    command = program("strace", ["strace"])
    if subprocess.run([*command, "-o", os.devnull, "true"], capture_output=True).returncode:
        unavailable("strace may not trace processes here")
    return tuple(command)


def start(arguments: Sequence[str], *options: str, log: Path = Path(os.devnull)) -> "subprocess.Popen[str]":
    """The child with these arguments, under strace with these options."""
    traced = [*strace(), "-f", "-o", str(log), "-e", f"trace={','.join(RENAMES + OTHERS)}", *options] if options else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        [*traced, sys.executable, "-S", "-m", "tests.delivery.child", *arguments],  # -S: it needs no packages
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def inject(what: str, moment: Moment) -> tuple[str, ...]:
    """Options that make this happen as the call is entered; ``"signal=KILL"`` prevents the call."""
    return ("-e", f"inject={moment.call}:{what}:when={moment.number}")


def run(arguments: Sequence[str], *options: str, log: Path = Path(os.devnull)) -> int:
    """The exit code of the child; negative: the signal that ended it."""
    with start(arguments, *options, log=log) as running:
        try:
            running.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    return running.returncode


def moments(
    arguments: Sequence[str], folder: Path, calls: Collection[str], log: Path, options: Sequence[str] = ()
) -> list[Moment]:
    """Those of the named calls by which an undisturbed child changes something in ``folder``, in order."""
    assert run(arguments, "-y", *options, log=log) == 0
    counts: dict[str, int] = {}
    found = []
    for line in log.read_text().splitlines():
        if not (match := re.match(r"\d+ +(\w+)\(", line)):
            continue
        call = match[1]
        counts[call] = counts.get(call, 0) + 1
        if call in calls and str(folder) in line and (call != "openat" or re.search("O_CREAT|O_WRONLY|O_RDWR", line)):
            found.append(Moment(call, counts[call], line))
    return found


def kills(
    folder: Path,
    calls: Collection[str],
    options: Sequence[str] = (),
    every: int = 1,
    before: str = "old",
    may_miss: frozenset[str] = frozenset(),
) -> Iterator[Moment]:
    """Kill a delivery at each of its moments (or at every n-th) and check that the set is whole.

    Right after the kill, every place holds its old or its new version; before the commit point, all hold the old one.
    The next command makes all of them new if the commit point was passed, and leaves nothing beside them.
    """
    arguments = ["deliver", str(stage(folder, before)), "new"]
    found = moments(arguments, folder, calls, folder.with_name("log"), options)
    committed = next(number for number, moment in enumerate(found) if moment.commits)
    for number, moment in list(enumerate(found))[::every]:
        stage(folder, before)
        assert run(arguments, *options, *inject("signal=KILL", moment)) == -9, moment
        now = seen(folder)
        assert {place for place in PLACES if now[place] == "missing" != before} <= may_miss, moment
        assert set(now.values()) <= ({before, "new", "missing"} if number > committed else {before}), moment
        settle(folder)
        assert set(seen(folder).values()) == {"new" if number > committed else before}, moment
        assert not left(folder), moment
        yield moment


def kills_of_the_next_command(folder: Path, calls: Collection[str]) -> Iterator[Moment]:
    """Kill a delivery half-way, then the next command at each of its moments: the one after that completes it."""
    settles = ["settle", str(folder)]

    def die_half_way() -> None:
        half = Moment("renameat2", 1 + len(PLACES) // 2, "")
        assert run(["deliver", str(stage(folder)), "new"], *inject("signal=KILL", half)) == -9
        assert set(seen(folder).values()) == {"old", "new"}

    die_half_way()
    for moment in moments(settles, folder, calls, folder.with_name("log")):
        die_half_way()
        assert run(settles, *inject("signal=KILL", moment)) == -9, moment
        assert set(seen(folder).values()) <= {"old", "new"}, moment
        settle(folder)
        assert set(seen(folder).values()) == {"new"}, moment
        assert not left(folder), moment
        yield moment


def requests(folder: Path, sent: str, calls: Collection[str]) -> Iterator[Moment]:
    """Ask a delivery to end at each of its moments: it does so cleanly, and no other command is needed."""
    arguments = ["deliver", str(stage(folder)), "new"]
    found = moments(arguments, folder, calls, folder.with_name("log"))
    committed = next(number for number, moment in enumerate(found) if moment.commits)
    for number, moment in enumerate(found):
        stage(folder)
        assert run(arguments, *inject(f"signal={sent}", moment)) == 130, moment
        now = set(seen(folder).values())
        # At the calls right before the commit point the signal may come just in time to wait until after it.
        assert now in (
            [{"old"}, {"new"}] if moment.call not in RENAMES else [{"new" if number >= committed else "old"}]
        )
        assert not left(folder), moment
        yield moment


def stage(folder: Path, version: str = "old") -> Path:
    """A new folder with that set in it, or with nothing if that is "missing"."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if version != "missing":
        child.make(folder, version)
    return folder


def seen(folder: Path) -> dict[str, str]:
    """What is at every place of the set: the version that it holds completely, "missing" or "damaged"."""
    wholes = {version: _contents(_whole(folder, version)) for version in VERSIONS}
    now = _contents(folder)
    return {
        place: next((version for version in VERSIONS if now[place] == wholes[version][place]), "damaged")
        if (folder / place).exists()
        else "missing"
        for place in PLACES
    }


def left(folder: Path) -> set[str]:
    """What is in the folder beside the set."""
    return {path.name for path in folder.iterdir()} - PLACES


def cut_off(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """The scratch folder of a process that died after it had committed these files, and before it moved any."""
    root = Path(tempfile.mkdtemp(prefix=scratch.PREFIX, dir=folder))
    (root / scratch.MARKER).touch()
    for name, content in contents.items():
        (root / name).write_bytes(content)
    prepare(root, [root / name for name in contents])
    commit(root)
    return root


def _whole(folder: Path, version: str) -> Path:
    made = folder.with_name(f"{folder.name}-{version}")
    if not made.is_dir():
        made.mkdir()
        child.make(made, version)
    return made


def _contents(folder: Path) -> dict[str, dict[str, bytes]]:
    """Every file of every place, by its path from there."""
    return {
        place: {
            str(path.relative_to(folder / place)): path.read_bytes()
            for path in [folder / place, *(folder / place).rglob("*")]
            if path.is_file()
        }
        for place in PLACES
    }
