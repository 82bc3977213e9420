"""``ca_deploy.evaluate``: accuracy on labelled photos."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.progress import Progress, silent
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
    progress: Progress = silent,
) -> "AccuracyReport":
    """Accuracy of an exported file or a PyTorch model on labelled photos, by the metrics of its task.

    Args:
        model: an exported file, a registered name, ``package.module:factory``, or a ``.pt2`` file.
        data: labelled photos, as the task reads them: for a classifier an ImageFolder tree, ``data/<class>/<photo>``.
        against: a second model for the paired difference (McNemar's test, agreement, SQNR). What ``source`` leaves open
            of the network that an exported ``model`` was made from is in its manifest.
        runtime, threads, source: as in :func:`compare`.
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
    from ca_deploy.evaluation.accuracy import evaluate_predictor, scoring_of
    from ca_deploy.evaluation.predictor import model_suffixes, open_predictor
    from ca_deploy.evaluation.reference import reference_for

    predictor = open_predictor(model, runtime, threads, source)
    other = None
    if against is not None and not str(against).endswith(model_suffixes()) and predictor.manifest is not None:
        named = replace(source or ModelSource(), model=str(against))
        other = reference_for(predictor, named, None, threads, Path(model).parent)
    elif against is not None:
        other = open_predictor(against, None, threads, source)
    labels = predictor.labels or (other.labels if other else None)
    return evaluate_predictor(predictor, scoring_of(predictor).read(Path(data), labels), other, progress)
