"""A vector per image, that is compared with others by its direction."""

import numpy as np
from numpy.typing import NDArray

from ca_deploy.records.signature import Signature
from ca_deploy.tasks import Labels, Task


def _unfit(signature: Signature) -> str:
    outputs = signature.outputs
    if len(outputs) == 1 and len(outputs[0].shape) == 2 and outputs[0].shape[1] > 1:
        return ""
    found = ", ".join(str(output.shape) for output in outputs)
    return f"an embedding is one output (N, values), and the network gives {found}"


def _likely(signature: Signature, labels: Labels) -> str:
    normalised = not _unfit(signature) and signature.outputs[0].activation == "normalize"
    return "its output has the length 1" if normalised else ""


def _direction(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors ``(N, values)`` with length 1. Of two such, the squared distance is 2 - 2 times the cosine."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    found: NDArray[np.float32] = (values / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return found


TASK = Task(
    name="embedding",
    description="a vector per image, compared by its direction (cosine)",
    likely=_likely,
    unfit=_unfit,
    headline="Turn a photo into a vector",
    output=lambda signature: "The vector, to be compared by its direction.",
    output_name="embedding",
    compared=_direction,
    like_scale=True,
    python=lambda signature: ("print(run(preprocess(sys.argv[1])))",),
)
