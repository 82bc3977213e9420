"""``ca_deploy.evaluate``: accuracy on labelled photos."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.progress import NamedStep, Progress, no_named_step, silent
from ca_deploy.records.model import ModelSource

if TYPE_CHECKING:
    from ca_deploy.records.accuracy import AccuracyReport


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    against: str | Path | None = None,
    runtime: str | None = None,
    threads: int = 1,
    source: ModelSource | None = None,
    scheduler: str | None = None,
    step: NamedStep = no_named_step,
    progress: Progress = silent,
) -> "AccuracyReport":
    """Accuracy of an exported file or a PyTorch model on labelled photos, by the metrics of its task.

    Args:
        model: an exported file, a registered name, ``package.module:factory``, or a ``.pt2`` file.
        data: labelled photos, as the task reads them: for a classifier an ImageFolder tree, ``data/<class>/<photo>``.
        against: a second model for the paired difference (McNemar's test, agreement, SQNR). What ``source`` leaves open
            of the network that an exported ``model`` was made from is in its manifest.
        runtime, threads, source: as in :func:`compare`.
        scheduler: the address of a Dask scheduler, whose workers each answer to a part of the photos. They see the same
            files at the same paths. The report is the same.
        step: called with the progress of the workers in a few words.
        progress: called with (photos done, total photos).

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.api import preflight

    preflight.check_runtime(runtime)
    preflight.check_model(model, source)
    if against is not None:
        preflight.check_model(against, source)
    preflight.check_data(Path(data))
    from ca_deploy.evaluation.question import Question
    from ca_deploy.processes.typed import typed_command

    other = None if against is None else str(against)
    question = Question(str(model), Path(data), other, runtime, threads, source)
    if scheduler is not None:
        from ca_deploy.sweeps.cluster import refuse_without_dask

        refuse_without_dask()
        from ca_deploy.sweeps.photos import evaluate_on

        report = evaluate_on(scheduler, question, step, progress)
    else:
        from ca_deploy.evaluation.accuracy import evaluate_predictor

        predictor, reference, photos = question.opened()
        report = evaluate_predictor(predictor, photos, reference, progress)
    return replace(report, command_line=typed_command())
