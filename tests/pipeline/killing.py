"""A command that is killed at a random moment, and what it leaves: processes, temporary files, mixed sets of files."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.delivery import settle
from ca_deploy.delivery.scratch import remove_abandoned
from ca_deploy.records.manifest import manifest_of
from tests.runtimes.test_time_limit import endless

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
VERBS = ("export", "check", "parity", "profile", "profile of an endless model")
_ENDLESS_S = 5.0  # until which a command is killed that does not end
_PATIENCE_S = 15.0
_MARK = "CA_DEPLOY_TEST_OF_KILLS"
_RECIPES = ("onnx_float32", "onnx_float16")
_OWN = f"tiny_trained.{_RECIPES[0]}.onnx"
_ENDLESS = "endless.onnx"
_STRANGE = "of_unknown_origin.onnx"  # without a manifest, so that it is tried out


@dataclass(frozen=True, slots=True)
class Kill:
    """``orphans``: processes left after some seconds. ``left``: temporary files left after the next command.
    ``wrong``: what is wrong with the exported files, or ""."""

    seed: int
    verb: str
    signal: str
    after_s: float
    orphans: int
    left: tuple[str, ...]
    wrong: str

    @property
    def is_fault(self) -> bool:
        return bool(self.orphans or self.left or self.wrong)


class Place:
    """A folder with a set of exported files, and how many seconds each verb takes there if it is not killed."""

    def __init__(self, folder: Path) -> None:
        self.files, self.temporary = folder / "files", folder / "tmp"
        self.temporary.mkdir()
        self.longest_s: dict[str, float] = {}
        endless(folder / _ENDLESS)
        self.longest_s[VERBS[-1]] = _ENDLESS_S
        for verb in VERBS[:-1]:
            began = time.monotonic()
            if (code := self.start(verb, mean=0.5).wait()) > 1:  # check has findings
                raise RuntimeError(f"{verb} fails without a kill, too: exit code {code}")
            self.longest_s[verb] = time.monotonic() - began
            if verb == "export":
                shutil.copyfile(self.files / _OWN, folder / _STRANGE)

    def start(self, verb: str, mean: float, mark: str = "") -> "subprocess.Popen[bytes]":
        """Start a command; ``mean`` distinguishes the set of files that an export makes."""
        strange, own = (str(path) for path in (self.files.with_name(_STRANGE), self.files / _OWN))
        words = {
            VERBS[-1]: [str(self.files.with_name(_ENDLESS))],
            "export": ["tests.zoo.tiny:tiny_trained", "--input-size", "32", "--calibration", "random"]
            + ["--mean", *[str(mean)] * 3, "--std", "1", "1", "1", "--output", str(self.files)]
            + [word for recipe in _RECIPES for word in ("--recipe", recipe)],
            "check": [strange],
            "parity": [strange, "--against", own],
            "profile": [strange, own, "--protocol", "quick"],
        }[verb]
        return subprocess.Popen(
            [sys.executable, "-m", "ca_deploy", verb.split()[0], *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "TMPDIR": str(self.temporary),
                _MARK: mark,
            },
            start_new_session=True,
        )

    def kill(self, seed: int) -> Kill:
        """Kill a command after a part of the time that it takes, all as the seed says."""
        chance = random.Random(seed)
        verb, number = VERBS[seed % len(VERBS)], chance.choice(SIGNALS)
        after = chance.uniform(0.05, self.longest_s[verb])
        mark = f"{os.getpid()}-{seed}-{time.monotonic_ns()}"
        process = self.start(verb, mean=round(0.1 + seed / 10_000, 4), mark=mark)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            process.wait()
        until = time.monotonic() + _PATIENCE_S
        while (orphans := marked(mark)) and time.monotonic() < until:
            time.sleep(0.1)
        settle(self.files)  # as the next command does
        remove_abandoned(str(self.temporary))
        left = tuple(path.name for path in self.temporary.iterdir())
        return Kill(seed, verb, number.name, after, len(orphans), left, _wrong_with(self.files))


def marked(mark: str) -> list[int]:
    """The processes that a command with this mark started, however far down."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{_MARK}={mark}\0".encode() in place.read_bytes():
                found.append(int(place.parent.name))
        except OSError:  # it ended, or is not ours
            continue
    return found


def _wrong_with(folder: Path) -> str:
    files = [folder / f"tiny_trained.{recipe}.onnx" for recipe in _RECIPES]
    if missing := [file.name for file in files if not file.is_file()]:
        return f"{missing} missing"
    manifests = [manifest_of(file) for file in files]  # raises where a file is not its manifest's
    means = {found.preprocessing.mean for found in manifests if found is not None}
    if len(means) != 1:
        return f"a set of several exports: {means}"
    strange = [path.name for path in folder.iterdir() if path.name.startswith(".") and path.is_dir()]
    return f"left over: {strange}" if strange else ""
