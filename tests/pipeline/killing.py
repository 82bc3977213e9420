"""An export that is killed at a random moment, and what it leaves: processes, and files of old and new sets."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.delivery import settle
from ca_deploy.records.manifest import manifest_of

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PATIENCE_S = 15.0
_MARK = "CA_DEPLOY_TEST_OF_KILLS"
_RECIPES = ("onnx_float32", "onnx_float16")


@dataclass(frozen=True, slots=True)
class Kill:
    """``orphans`` are the processes left after some seconds; ``wrong`` says what is wrong with the files, or ""."""

    seed: int
    signal: str
    after_s: float
    orphans: int
    wrong: str


def export(folder: Path, mean: float, mark: str = "") -> "subprocess.Popen[bytes]":
    """Start to export a small network in two recipes; ``mean`` tells its set of files from others."""
    command = [sys.executable, "-m", "ca_deploy", "export", "tests.zoo.tiny:tiny_trained", "--input-size", "32"]
    command += ["--mean", *[str(mean)] * 3, "--std", "1", "1", "1", "--calibration", "random", "--output", str(folder)]
    command += [word for recipe in _RECIPES for word in ("--recipe", recipe)]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": root, _MARK: mark},
        start_new_session=True,
    )


def kill(folder: Path, seed: int, longest_s: float) -> Kill:
    """Export over the set in ``folder`` and kill the command after up to ``longest_s``, as the seed says."""
    chance = random.Random(seed)
    number, after = chance.choice(SIGNALS), chance.uniform(0.05, longest_s)
    mark = f"{os.getpid()}-{seed}-{time.monotonic_ns()}"
    process = export(folder, mean=round(0.1 + seed / 10_000, 4), mark=mark)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        process.wait()
    until = time.monotonic() + _PATIENCE_S
    while (orphans := marked(mark)) and time.monotonic() < until:
        time.sleep(0.1)
    return Kill(seed, number.name, after, len(orphans), _wrong_with(folder))


def marked(mark: str) -> list[int]:
    """The processes that an export with this mark started, however far down."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{_MARK}={mark}\0".encode() in place.read_bytes():
                found.append(int(place.parent.name))
        except OSError:  # it ended, or is not ours
            continue
    return found


def _wrong_with(folder: Path) -> str:
    settle(folder)  # as the next command does
    files = [folder / f"tiny_trained.{recipe}.onnx" for recipe in _RECIPES]
    if missing := [file.name for file in files if not file.is_file()]:
        return f"{missing} missing"
    manifests = [manifest_of(file) for file in files]  # raises where a file is not its manifest's
    means = {found.preprocessing.mean for found in manifests if found is not None}
    if len(means) != 1:
        return f"a set of several exports: {means}"
    strange = [path.name for path in folder.iterdir() if path.name.startswith(".") and path.is_dir()]
    return f"left over: {strange}" if strange else ""
