"""A file whose format added the head, before that: the network's own outputs, which are compared tensor by tensor.

What is left of a detector's boxes after suppression is matched, and says little of boxes that nothing finds: a damage
that no detection shows is seen here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ca_deploy.delivery.scratch import temporary
from ca_deploy.evaluation.parity import measure
from ca_deploy.evaluation.predictor import Outputs, Predictor, file_predictor
from ca_deploy.evaluation.unrounded import judge_unrounded
from ca_deploy.evaluation.worst import with_unfinished
from ca_deploy.formats import format_of
from ca_deploy.plugins import load
from ca_deploy.progress import Progress, silent
from ca_deploy.records.parity import ParityReport
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkOutput
from ca_deploy.runtimes import open_session
from ca_deploy.tasks import meaning_of


def judge_unfinished(
    report: ParityReport,
    subject: Predictor,
    path: Path,
    runtime: str | None,
    reference: Outputs,
    samples: Samples,
    exact: bool,
    progress: Progress = silent,
) -> ParityReport:
    """The report of a finished file, whose outputs before the head are compared with ``reference``, ``(N, …)``, too.

    ``exact``: the reference has no noise of integers of its own, so that an integer file is also judged without its
    rounding (:func:`.judge_unrounded`).
    """
    with _unfinished(subject, path, runtime) as (before, cut):
        found = measure(before, report.reference, reference, samples, report.tolerances, progress)
        if exact:
            found = judge_unrounded(found, before, cut, reference, samples, progress)
    return with_unfinished(report, found)


@contextmanager
def _unfinished(subject: Predictor, path: Path, runtime: str | None) -> Iterator[tuple[Predictor, Path]]:
    """The file without what its format added, and where it is for a while."""
    rule = subject.signature.suppression
    raw = list(dict.fromkeys((rule.boxes, rule.scores))) if rule else []
    format = format_of(path)
    assert format is not None, path
    with temporary() as folder:
        cut: Path = load(format.unfinished)(path, folder, raw)
        session = open_session(cut, runtime, known=True)
        outputs = tuple(NetworkOutput(spec.name, spec.shape) for spec in session.outputs)
        signature = replace(subject.signature, outputs=outputs, suppression=None)
        task = meaning_of(subject.task.name, signature).task
        inputs = [subject.inputs[taken.name] for taken in signature.inputs]
        yield file_predictor(subject.name, session, inputs, session.outputs, signature, task, subject.labels), cut
