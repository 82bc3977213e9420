"""A Dask cluster on this machine, as a child process of ours, so that all of it ends with the sweep.

The process is ``python -m ca_deploy.sweeps.embedded <log>``. It listens on the loopback interface only, and serves no
pages. Its workers do one job at a time.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ca_deploy.errors import WorkerError, last_line
from ca_deploy.processes import child

LOOPBACK = "127.0.0.1"
_START_S = 120.0
Resources = Mapping[str, float]
_CONFIG: dict[str, object] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # Otherwise one thread: the figures of parity would be others than those of an export alone.
    "distributed.nanny.pre-spawn-environ": {},
}


@contextmanager
def cluster(workers: Sequence[Resources], scratch: Path) -> Iterator[str]:
    """The address of a scheduler with a worker for each of ``workers``, which has these resources.

    Raises:
        WorkerError: it does not start.
    """
    log = scratch / "dask.log"
    with child.Child("ca_deploy.sweeps.embedded", [str(log)], scratch) as started:
        started.send((list(workers), scratch))
        for address in started.events(_START_S):
            yield str(address)
            return
        said = last_line(log.read_text(errors="replace")) if log.is_file() else ""
        raise WorkerError(f"The Dask cluster {started.ending()} while starting.", *([f"  {said}"] if said else []))


def main() -> None:
    report = child.reporter(sys.argv[1])
    next_message = child.listen()
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    workers, scratch = next_message()
    dask.config.set(_CONFIG)
    usual = {"host": LOOPBACK, "dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}
    # memory_limit: the number of workers is chosen by memory; Dask would pause or kill what a converter needs.
    of_worker = {**usual, "nthreads": 1, "memory_limit": 0, "local_directory": str(scratch)}
    with SpecCluster(
        scheduler={"cls": Scheduler, "options": {**usual, "port": 0}},
        workers={
            number: {"cls": Nanny, "options": {**of_worker, "resources": dict(resources)}}
            for number, resources in enumerate(workers)
        },
    ) as made:
        report(made.scheduler_address)
        next_message()  # until the client hangs up


if __name__ == "__main__":
    main()
