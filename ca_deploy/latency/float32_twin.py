"""Is the file faster than its float32 twin on this machine? A short, interleaved comparison."""

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ca_deploy.latency.statistics import ratio_of_medians
from ca_deploy.records.manifest import SpeedRecord
from ca_deploy.runtimes import Session, default_session, open_session

RUNS = 15
WARM_UP = 3


def against_float32(
    path: Path, float32_path: Path, shapes: Mapping[str, tuple[int, ...]], threads: int = 1
) -> SpeedRecord:
    """Median inference time of both files, interleaved so that a disturbance affects both, and their ratio.

    ``shapes`` are those of the inputs to feed, by name, where the files leave dimensions open.
    Only ``Session.run`` is timed, under the runtime's default settings. This is a hint about this machine, not about a
    phone.
    """
    files = (path, float32_path)
    sessions = [
        default_session(file, threads=threads) or open_session(file, threads=threads, known=True) for file in files
    ]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None  # Windows has none
    pairs = [[_run_ns(session, shapes) for session in sessions] for _ in range(RUNS + WARM_UP)][WARM_UP:]
    own, float32 = zip(*pairs, strict=True)
    return SpeedRecord(
        median_ms=float(np.median(own)) / 1e6,
        float32_median_ms=float(np.median(float32)) / 1e6,
        runs=RUNS,
        threads=threads,
        machine=f"{platform.machine()} {platform.system()}",
        ratio=ratio_of_medians([own], [float32]),
        load_1min=load,
        cores=os.cpu_count(),
    )


def _run_ns(session: Session, shapes: Mapping[str, tuple[int, ...]]) -> int:
    closed = {spec.name: spec.shape for spec in session.inputs if min(spec.shape, default=1) > 0}
    feeds = {spec.name: np.zeros({**shapes, **closed}[spec.name], spec.dtype) for spec in session.inputs}
    start = time.perf_counter_ns()
    session.run(feeds)
    return time.perf_counter_ns() - start
