"""What does kill -9 cost a sweep on a scheduler and workers of their own, each worker with an emulated device?

    python -m benchmarks.sweep_cluster [KILLS NETWORKS]   (20, and 2 small networks with four recipes)

Kills the command, the scheduler and a worker in turn, at random moments; what was killed is started again, and so is
the sweep. Checks that no finished result is lost or made again, that all files are whole, and, by looking at the
processes ten times a second, that no device is ever used by two workers. Exits with 1 where something is wrong.
"""

import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
from distributed import Client

from benchmarks.sweeps import COMMAND, RECIPES, many, quietly, sweep_file, timed

DEVICES = ("emulated:cortex-a76", "emulated:cortex-a72")
LOOK_S, START_S = 0.1, 120
FAREWELL_S = 60  # of workers whose scheduler is gone
LONGEST = 4  # times an undisturbed sweep: it waits for a killed worker


class Cluster:
    """A scheduler, and a worker per device, as `dask scheduler` and `dask worker` start them; ``shared`` says which
    device was used by two workers at the same time."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.shared: list[str] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ended = threading.Event()
        self._looks = threading.Thread(target=self._look)

    def __enter__(self) -> "Cluster":
        self.start()
        self._looks.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._looks.join()
        for name in self._running:
            self._end(name)

    def start(self) -> None:
        """Start what is not running, and wait for all workers."""
        here = ["--host", "127.0.0.1", "--no-dashboard"]
        self._begin("scheduler", ["scheduler", *here, "--port", str(self._port)])
        for device in DEVICES:
            words = ["worker", self.address, *here, "--nthreads", "1", "--memory-limit", "0"]
            folder = str(self._scratch / device.replace(":", "-"))
            self._begin(device, [*words, "--local-directory", folder, "--resources", f"device:{device}=1"])
        with Client(self.address, timeout=START_S, set_as_default=False) as client:
            client.wait_for_workers(len(DEVICES), timeout=START_S)

    def _begin(self, name: str, words: list[str]) -> None:
        if name not in self._running or self._running[name].poll() is not None:
            self._running[name] = quietly([sys.executable, "-m", "dask", *words], TMPDIR=str(self._scratch))

    def kill(self, kind: str) -> None:
        """The scheduler, or one process of a worker: it has a nanny, which starts it again."""
        if kind == "scheduler":
            self._running["scheduler"].kill()
            for device in DEVICES:
                with suppress(subprocess.TimeoutExpired):
                    self._running[device].wait(FAREWELL_S)
                self._end(device)
        else:
            device = random.choice(DEVICES)
            nanny, *children = _family(self._running[device].pid)
            workers = [one for one in children if "spawn_main" in " ".join(one.cmdline())]
            chosen = random.choice([nanny, *workers])
            chosen.kill()
            if chosen is nanny:
                self._running[device].wait()

    def _end(self, name: str) -> None:
        for one in _family(self._running[name].pid):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._running[name].wait()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S):
            owners: dict[str, set[int]] = {}
            for process in psutil.process_iter(["cmdline"]):
                words = process.info["cmdline"] or []
                if not any(word.startswith(str(self._scratch)) for word in words):
                    continue
                for device in (one for one in DEVICES if one.partition(":")[2] in words):
                    with suppress(psutil.NoSuchProcess):
                        owners.setdefault(device, set()).add(_worker_of(process))
            twice = (device for device, some in owners.items() if len(some) > 1)
            self.shared += [f"{device} is used by two workers" for device in twice]


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _worker_of(process: psutil.Process) -> int:
    """The nanny above a process; what has lost its worker is a worker of its own."""
    above = [one.pid for one in process.parents() if "dask" in " ".join(one.cmdline())]
    return above[-1] if above else process.pid


def cluster(count: int, networks: int) -> bool:
    with tempfile.TemporaryDirectory() as scratch, Cluster(Path(scratch)) as on:
        path = sweep_file(Path(scratch), networks, DEVICES)

        def swept(out: Path) -> list[str]:
            return [*COMMAND, "sweep", str(path), "--output", str(out), "--scheduler", on.address]

        def killed(out: Path, kind: str, usual_s: float) -> list[str] | None:
            process = quietly(swept(out))
            time.sleep(random.uniform(0.1, 1) * usual_s)
            in_time = process.poll() is None
            if in_time:
                process.kill() if kind == "command" else on.kill(kind)
                on.start()
            process.wait(LONGEST * usual_s)
            shared, on.shared = on.shared, []
            return shared if in_time or shared else None

        usual_s = timed([swept(Path(scratch) / "undisturbed")])
        return many(count, networks * len(RECIPES) * (1 + len(DEVICES)), usual_s, Path(scratch), killed)


if __name__ == "__main__":
    sys.exit(not cluster(*([*map(int, sys.argv[1:])] or [20, 2])))
