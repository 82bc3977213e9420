"""`evaluate --scheduler`: each worker answers to some of the photos; the figures are those of all answers together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from ca_deploy.data.bit_depth import BitDepth, bit_depth
from ca_deploy.errors import CaDeployError
from ca_deploy.evaluation.accuracy import Answered, answered, report_on
from ca_deploy.evaluation.predictor import model_suffixes
from ca_deploy.evaluation.question import Question
from ca_deploy.progress import NamedStep, Progress
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.manifest import manifest_path
from ca_deploy.records.model import ModelSource
from ca_deploy.records.parity import Status
from ca_deploy.records.places import source_from
from ca_deploy.sweeps import identity
from ca_deploy.sweeps.cluster import connected
from ca_deploy.sweeps.jobs import Made, refuse_others

_SHARES_PER_WORKER = 4  # so that a slow one does not make the others wait
_FEWEST = 16  # photos of a share: opening the models takes seconds


@dataclass(frozen=True, slots=True)
class PhotosJob:
    """Answer to the photos with the numbers in ``rows``."""

    question: Question
    inputs: Mapping[str, str]
    rows: range
    depth: BitDepth

    def run(self, folder: Path, step: NamedStep) -> list[Made]:
        refuse_others(self.inputs, inputs_of(self.question))
        step("", f"photos {self.rows.start + 1} to {self.rows.stop}")
        model, other, photos = self.question.opened()
        return [Made(Status.PASS, value=answered(model, photos, self.rows, self.depth, other))]


def evaluate_on(scheduler: str, question: Question, step: NamedStep, progress: Progress) -> AccuracyReport:
    """The same report as without a scheduler, whose workers see the same files at the same paths.

    Raises:
        CaDeployError: the scheduler or its workers cannot be used, or what the evaluation itself raises.
    """
    there = _absolute(question)
    model, other, photos = question.opened()
    total, done = len(photos.paths), 0
    parts: dict[int, Answered] = {}
    with connected(scheduler, step) as workers:
        workers.check([])
        inputs, depth = inputs_of(there), bit_depth(photos.paths)
        for rows in _shares(total, workers.count()):
            workers.submit(PhotosJob(there, inputs, rows, depth), rows, f"photos {rows.start + 1} to {rows.stop}")
        while workers:
            rows, (made,) = workers.finished()
            if made.status is not Status.PASS:
                raise CaDeployError(*made.reason.split("\n"))
            parts[rows.start] = made.value
            done += len(rows)
            progress(done, total)
    found = Answered()
    for _, part in sorted(parts.items()):
        found.extend(part)
    found.unreadable = [said.replace(str(there.data), str(question.data)) for said in found.unreadable]
    return report_on(model, photos, found, other)


def inputs_of(question: Question) -> dict[str, str]:
    """The content of the models and of the photos."""
    return {
        "data": identity.of_data(question.data),
        **_model(question.model, question.source, "model"),
        **(_model(question.against, question.source, "other model") if question.against is not None else {}),
    }


def _absolute(question: Question) -> Question:
    """The same for processes in other folders."""

    def place(name: str) -> str:
        return str(Path(name).absolute()) if name.endswith((*model_suffixes(), ".pt2")) else name

    return replace(
        question,
        model=place(question.model),
        data=question.data.absolute(),
        against=question.against and place(question.against),
        source=question.source and source_from(question.source, Path()),
    )


def _model(name: str, source: ModelSource | None, what: str) -> dict[str, str]:
    if name.endswith(model_suffixes()):
        files = [path for path in (Path(name), manifest_path(Path(name))) if path.exists()]
        return {what: "".join(map(identity.of_path, files))}
    named = identity.of_network(replace(source or ModelSource(), model=name))
    return {f"{key} of the {what}": value for key, value in named.items()}


def _shares(total: int, workers: int) -> list[range]:
    """The numbers of the photos in parts of equal size, but for one."""
    count = max(1, min(_SHARES_PER_WORKER * workers, total // _FEWEST))
    bounds = [total * number // count for number in range(count + 1)]
    return [range(first, last) for first, last in pairwise(bounds)]
