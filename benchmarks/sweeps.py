"""What does a sweep cost beside a loop of exports, and what does kill -9 cost it?

    python -m benchmarks.sweeps times [WORKERS…]   (24 cells: 1, 2 and 4 workers, and 24 commands of `ca-deploy export`)
    python -m benchmarks.sweeps kills [KILLS NETWORKS]   (20: of the command, its scheduler and its workers, in turn)

Six small networks with four recipes. `times` prints wall seconds, and whether all made the same bytes. `kills` lets a
sweep run again after each kill, and checks that no finished result was lost or made again, that all files are whole,
and that no process is left; the moments are random, within the time of an undisturbed sweep. Exits with 1 where
something is wrong. `benchmarks/sweep_cluster.py` does the same to a scheduler and workers of their own.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from ca_deploy.files import sha256_of

RECIPES = ("onnx_float32", "onnx_float16", "onnx_dynamic_wi8_afp32", "onnx_static_wi8_ai8")
SIZES = (32, 40, 48, 56, 64, 72)
NETWORK = "tests.zoo.tiny:tiny_trained"
COMMAND = [sys.executable, "-m", "ca_deploy"]
SIGKILL = 9


def sweep_file(folder: Path, networks: int, devices: Sequence[str] = ()) -> Path:
    path = folder / "SWEEP.toml"
    sizes = SIZES[:networks]
    models = (f'[[model]]\nmodel = "{NETWORK}"\nname = "net_{size}"\ninput_size = {size}\n' for size in sizes)
    path.write_text(f"recipes = {json.dumps(RECIPES)}\ndevices = {json.dumps(devices)}\n{''.join(models)}")
    return path


def swept(folder: Path, out: Path, workers: int, networks: int = len(SIZES)) -> list[str]:
    return [*COMMAND, "sweep", str(sweep_file(folder, networks)), "--output", str(out), "--workers", str(workers)]


def hashes(out: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(out.glob("*.onnx"))}


def timed(commands: Sequence[list[str]]) -> float:
    started = time.perf_counter()
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def times(workers: Sequence[int]) -> bool:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        loop = [
            [
                *COMMAND,
                "export",
                NETWORK,
                "--name",
                f"net_{size}",
                "-s",
                str(size),
                "-r",
                recipe,
                "-o",
                f"{folder}/loop",
            ]
            for size in SIZES
            for recipe in RECIPES
        ]
        print(
            f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n| how | wall s |\n|---|---|",
            flush=True,
        )
        made = {}
        for count in workers:
            out = folder / f"out{count}"
            print(f"| sweep, {count} workers | {timed([swept(folder, out, count)]):.0f} |", flush=True)
            made[count] = hashes(out)
        print(f"| {len(loop)} commands of export | {timed(loop):.0f} |", flush=True)
        same = all(len(one) == len(loop) and one == hashes(folder / "loop") for one in made.values())
        print(f"\nload after: {os.getloadavg()[0]:.1f}; {len(loop)} files, {'the same' if same else 'OTHER'} bytes")
        return same


def finished(out: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of the files of all finished results; raises where one is not whole."""
    place = out / "sweep.json"
    cells = json.loads(place.read_text())["cells"] if place.exists() else []
    files = {name: digest for cell in cells for name, digest in cell["files"].items()}
    for name, digest in files.items():
        if sha256_of(out / name) != digest:
            raise RuntimeError(f"{name} is not whole")
    return {name: (digest, (out / name).stat().st_mtime_ns) for name, digest in files.items()}


def victim(command: psutil.Process, kind: str) -> psutil.Process | None:
    """The command, the process with its scheduler, or a worker."""
    if kind == "command":
        return command
    inner = [one for one in command.children() if "ca_deploy.sweeps.embedded" in one.cmdline()]
    if kind == "scheduler" or not inner:
        return inner[0] if inner else None
    workers = [one for one in inner[0].children() if "spawn_main" in " ".join(one.cmdline())]
    return random.choice(workers) if workers else None


def kills(count: int, networks: int) -> bool:
    """Kill at random moments, and let the sweep run again, until it is complete; then begin a new one."""
    with tempfile.TemporaryDirectory() as scratch:

        def killed(out: Path, kind: str, usual_s: float) -> list[str] | None:
            process = quietly(swept(Path(scratch), out, 2, networks))
            watched = psutil.Process(process.pid)
            time.sleep(random.uniform(0.1, 1) * usual_s)
            found = victim(watched, kind) if process.poll() is None else None
            if found is None:
                process.wait()
                return None
            family = [watched, *watched.children(recursive=True)]
            found.send_signal(SIGKILL)
            if kind == "worker":
                time.sleep(usual_s / 4)  # another takes its place
                process.terminate()
            process.wait(120)
            _, left = psutil.wait_procs(family, timeout=15)
            return [f"{kind}: {len(left)} processes are left"] if left else []

        usual_s = timed([swept(Path(scratch), Path(scratch) / "undisturbed", 2, networks)])
        return many(count, networks * len(RECIPES), usual_s, Path(scratch), killed)


def many(
    count: int, cells: int, usual_s: float, scratch: Path, killed: Callable[[Path, str, float], list[str] | None]
) -> bool:
    """``killed`` runs a sweep and kills, and gives what was wrong, or None where it came too late to kill."""
    print(f"undisturbed: {usual_s:.0f} s; load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    wrong = []
    number = lost = made = 0
    began = time.monotonic()
    while number < count:
        out = Path(tempfile.mkdtemp(dir=scratch))
        while number < count and done(out) < cells:
            kind = ("command", "scheduler", "worker")[number % 3]
            before = finished(out)
            found = killed(out, kind, usual_s)
            number += found is not None
            after = finished(out)
            gone = [name for name in before if after.get(name) != before[name]]
            lost += len(gone)
            made += len(after) - len(before)
            wrong += [*(found or ()), *([f"{kind}: {', '.join(gone)} lost or made again"] if gone else [])]
            said = f"{number} of {count} kills, {done(out)} cells finished, {lost} lost, {len(wrong)} faults"
            print(said, file=sys.stderr, flush=True)
    print(
        f"{number} kills in {time.monotonic() - began:.0f} s: {made} files of results made between them, {lost} lost, "
        f"{len(wrong)} faults",
        *wrong,
        sep="\n",
    )
    return not wrong


def done(out: Path) -> int:
    """The number of finished results."""
    place = out / "sweep.json"
    return sum(bool(cell["files"]) for cell in json.loads(place.read_text())["cells"]) if place.exists() else 0


def quietly(command: list[str], **environment: str) -> subprocess.Popen[bytes]:
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env={**os.environ, **environment})


def main() -> None:
    what, *numbers = sys.argv[1:]
    given = [*map(int, numbers)]
    sys.exit(not (kills(*(given or [20, len(SIZES)])) if what == "kills" else times(given or [1, 2, 4])))


if __name__ == "__main__":
    main()
