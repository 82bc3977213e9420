"""What the code in Kotlin and Swift returns: the output for one photo as a flat array, whatever its shape."""

from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import task_of


def returned(manifest: Manifest) -> str:
    """Sentences on the array: ``The network's output. Flat: the last axis of (2, 4, 6) changes fastest.``"""
    shape = manifest.outputs[0].shape[1:]
    sentence = task_of(manifest.task, shape).output
    if len(shape) < 2:
        return sentence
    return f"{sentence} Flat: the last axis of ({', '.join(map(str, shape))}) changes fastest."
