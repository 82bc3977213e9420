"""What `evaluate` is asked, and the models and photos that it names."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.evaluation.accuracy import scoring_of
from ca_deploy.evaluation.predictor import Predictor, model_suffixes, open_predictor
from ca_deploy.evaluation.reference import reference_for
from ca_deploy.records.model import ModelSource


@dataclass(frozen=True, slots=True)
class Question:
    """A model on labelled photos, alone or paired; as for :func:`ca_deploy.evaluate`."""

    model: str
    data: Path
    against: str | None = None
    runtime: str | None = None
    threads: int = 1
    source: ModelSource | None = None

    def opened(self) -> tuple[Predictor, Predictor | None, LabelledPhotos[Any]]:
        """The model, the other one, and the photos.

        Raises:
            CaDeployError: one of them cannot be used.
        """
        model = open_predictor(self.model, self.runtime, self.threads, self.source)
        other = None
        if self.against is not None and not self.against.endswith(model_suffixes()) and model.manifest is not None:
            named = replace(self.source or ModelSource(), model=self.against)
            other = reference_for(model, named, None, self.threads, Path(self.model).parent)
        elif self.against is not None:
            other = open_predictor(self.against, None, self.threads, self.source)
        labels = model.labels or (other.labels if other else None)
        return model, other, scoring_of(model).read(self.data, labels)
