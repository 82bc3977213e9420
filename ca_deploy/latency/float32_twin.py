"""Is the file faster than its float32 twin on this machine? A short, interleaved comparison."""

import platform
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ca_deploy.records.manifest import SpeedRecord
from ca_deploy.runtimes import Session, default_session, open_session

RUNS = 15
WARM_UP = 3


def against_float32(
    path: Path, float32_path: Path, shapes: Mapping[str, tuple[int, ...]], threads: int = 1
) -> SpeedRecord:
    """Median inference time of both files in ms, interleaved so that a disturbance affects both.

    ``shapes`` are those of the inputs to feed, by name, where the files leave dimensions open.
    Only ``Session.run`` is timed, under the runtime's default settings. This is a hint about this machine, not about a
    phone.
    """
    files = (path, float32_path)
    sessions = [default_session(file, threads=threads) or open_session(file, threads=threads) for file in files]
    times_ms = [[_run_ms(session, shapes) for session in sessions] for _ in range(RUNS + WARM_UP)][WARM_UP:]
    median, float32_median = np.median(times_ms, axis=0)
    machine = f"{platform.machine()} {platform.system()}"
    return SpeedRecord(float(median), float(float32_median), RUNS, threads, machine)


def _run_ms(session: Session, shapes: Mapping[str, tuple[int, ...]]) -> float:
    closed = {spec.name: spec.shape for spec in session.inputs if min(spec.shape, default=1) > 0}
    feeds = {spec.name: np.zeros({**shapes, **closed}[spec.name], spec.dtype) for spec in session.inputs}
    start = time.perf_counter_ns()
    session.run(feeds)
    return (time.perf_counter_ns() - start) / 1e6
