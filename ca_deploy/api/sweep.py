"""``ca_deploy.sweep``: models x recipes x calibration sets x devices -> one table."""

from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import UsageError
from ca_deploy.progress import NamedStep, Progress, no_named_step, silent

if TYPE_CHECKING:
    from ca_deploy.records.sweep import SweepRecord


def sweep(
    file: str | Path,
    output: str | Path,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    step: NamedStep = no_named_step,
    progress: Progress = silent,
) -> "SweepRecord":
    """Export every model of a SWEEP.toml with every recipe and calibration set, measure and evaluate every file.

    Args:
        file: the SWEEP.toml.
        output: folder for files and reports, and ``sweep.json``, which lists them. What is there already, made from the
            same inputs by the same versions, is not made again.
        scheduler: the address of a Dask scheduler (``"tcp://host:8786"``), whose workers see the same files; by
            default, workers are started on this machine.
        workers: their number on this machine; by default as many as fit into memory and have a core.
        step: called with ``(what, progress in a few words)``.
        progress: called with (results done, total).

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`; nothing was made. The error of one result is in its cell instead,
            and does not stop the others; where the scheduler is lost, the finished results are kept.
    """
    from ca_deploy.api import preflight
    from ca_deploy.processes.typed import typed_command
    from ca_deploy.sweeps.cluster import refuse_without_dask
    from ca_deploy.sweeps.plan import planned

    refuse_without_dask()
    if scheduler is not None and workers is not None:
        raise UsageError("--workers is the number of workers on this machine, and --scheduler has its own: drop one.")
    checks = preflight.source_checks, preflight.check_calibration, preflight.check_data
    plan = planned(Path(file), Path(output), *checks, elsewhere=scheduler is not None)
    from ca_deploy.sweeps.run import sweep as run

    return run(plan, Path(output), scheduler, workers, step, progress, typed_command())
