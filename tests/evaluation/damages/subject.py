"""An undamaged file, its answers, and when another answer is another one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.evaluation.parity import measure
from ca_deploy.evaluation.predictor import Predictor
from ca_deploy.pipeline.verify import Reference
from ca_deploy.records.parity import ParityReport
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.tensors import TensorSpec
from tests.evaluation.damages.editable import Editable
from tests.evaluation.damages.onnx_file import OnnxFile
from tests.evaluation.damages.setting import Kind, Setting
from tests.evaluation.damages.tflite_file import TfliteFile

OF_DEVIATION = 0.5  # a regression's answer is another one from here
# A detection, at 0.5 or above in one file, is lost where the other has less than this: about as far as half a deviation
# of the logits. Quantisation alone moves some that are near 0.5 to the other side.
SURELY_NOT = 0.1
CELL = 8  # px


@dataclass(frozen=True, slots=True)
class Subject:
    """An undamaged file with all that its parity needs; ``answers (N, …)`` are its own outputs."""

    kind: Kind
    path: Path
    predictor: Predictor
    tolerances: Tolerances
    reference: Reference
    answers: NDArray[np.float32]

    @classmethod
    def of(
        cls, kind: Kind, path: Path, predictor: Predictor, tolerances: Tolerances, reference: Reference
    ) -> "Subject":
        (answers,) = predictor.run(reference.samples).values()
        return cls(kind, path, predictor, tolerances, reference, answers)

    @property
    def noise_percent(self) -> float:
        """On how many of the images its answers are not PyTorch's."""
        (expected,) = self.reference.answers.values()
        return float(100 * changed(self.kind, expected, self.answers).mean())

    def editable(self) -> Editable:
        return OnnxFile(self.path) if self.path.suffix == OnnxFile.suffix else TfliteFile(self.path)

    def parity(self, answers: NDArray[np.float32] | None = None) -> ParityReport:
        """Of this file, or of a damaged one that gave other answers."""
        given = self.reference
        (output,) = self.predictor.outputs.values()
        replayed = replace(
            self.predictor,
            session=_Replay(output.name, self.answers if answers is None else answers),
            outputs=dict.fromkeys(self.predictor.outputs, output.in_float),
        )
        return measure(replayed, given.name, given.answers, given.samples, self.tolerances)

    def setting(self) -> Setting:
        preprocessing = self.predictor.signature.photo_or_refuse("a damage")
        order = _busiest(self.kind, self.answers)
        values = self.answers[:, order[0]]
        return Setting(
            self.kind,
            order[0],
            order[1] if len(order) > 1 else None,
            float(values.min()),
            float(values.max()),
            tuple(preprocessing.mean),
            tuple(preprocessing.std),
        )


class _Replay:
    """A session that answers as one did before, sample by sample."""

    runtime = "replayed"
    settings: Mapping[str, str] = {}
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()

    def __init__(self, name: str, answers: NDArray[np.float32]) -> None:
        self._name, self._left = name, iter(answers)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {self._name: next(self._left)[None]}


def changed(kind: Kind, before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.bool_]:
    """On which images ``(N,)`` the decoded answer is another one."""
    if kind == "classifier":
        return np.asarray(before.argmax(1) != after.argmax(1))
    if kind == "regressor":
        return np.asarray(~(np.abs(after - before) <= OF_DEVIATION * before.std()).all(1))
    found, other = before[:, 4:], after[:, 4:]
    lost = ((found >= 0.5) & ~(other >= SURELY_NOT)) | ((other >= 0.5) & ~(found >= SURELY_NOT))
    moved = (np.abs(after[:, :4] - before[:, :4]) > CELL).any(1) & (found >= 0.5).any(1)
    return np.asarray(lost.any((1, 2, 3)) | moved.any((1, 2)))


def _busiest(kind: Kind, answers: NDArray[np.float32]) -> list[int]:
    """Channels of the output, those that decide most often first."""
    if kind == "classifier":
        counts = np.bincount(answers.argmax(1), minlength=answers.shape[1])
        return [int(one) for one in np.argsort(-counts, kind="stable")]
    if kind == "regressor":
        return [0]
    counts = (answers[:, 4:] >= 0.5).sum((0, 2, 3))
    return [int(one) + 4 for one in np.argsort(-counts, kind="stable")]
