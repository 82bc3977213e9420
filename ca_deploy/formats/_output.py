"""What generated code returns, in words for its comments."""

from ca_deploy.formats._interface import Result
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.signature import Activation
from ca_deploy.tasks import Task, meaning_of

_MADE: dict[Activation, str] = {
    "none": "",
    "sigmoid": ", probabilities",
    "softmax": ", probabilities that sum to 1",
    "normalize": ", of length 1",
}


LEFT_TO_THE_APP = " The app reads its answers from them: for these outputs, no code is written that does."


def task_of(manifest: Manifest) -> Task:
    return meaning_of(manifest.task, manifest.signature, manifest.labels).task


def returned(manifest: Manifest) -> str:
    """Sentences on the flat array that Kotlin and Swift return for one photo.

    ``The network's output. Flat: the last axis of (2, 4, 6) changes fastest.``
    """
    shape = manifest.outputs[0].shape[1:]
    sentence = task_of(manifest).output(manifest.signature)
    if len(shape) < 2:
        return sentence
    return f"{sentence} Flat: the last axis of ({', '.join(map(str, shape))}) changes fastest."


def given_text(one: Result) -> str:
    """The shape of an output, and what its values are where that is known: ``(1, 5), probabilities``."""
    meaning = f", {one.given.meaning}" if one.given.meaning else _MADE[one.given.activation]
    return f"{one.spec.shape}{meaning}"
