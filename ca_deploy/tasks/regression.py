"""Quantities, such as an age, a price or a temperature: an output ``(N, quantities)`` without classes."""

from ca_deploy.records.signature import Signature
from ca_deploy.tasks import Labels, Task

# The root mean square error of an answer is then a tenth of the standard deviation of the answers, and 99 % of their
# variance is explained.
_LEAST_SQNR_DB = 20.0


def _unfit(signature: Signature) -> str:
    outputs = signature.outputs
    if len(outputs) == 1 and len(outputs[0].shape) <= 2 and outputs[0].dtype.startswith("float"):
        return ""
    found = ", ".join(f"{output.dtype} {output.shape}" for output in outputs)
    return f"a regressor gives one output of floats (N, quantities), and the network gives {found}"


def _likely(signature: Signature, labels: Labels) -> str:
    if _unfit(signature) or labels:
        return ""
    output = signature.outputs[0]
    alone = output.shape[1:] == (1,) and output.activation == "none"
    return "it gives one number, read as a quantity; a yes or no is classification:sigmoid" if alone else ""


TASK = Task(
    name="regression",
    description="quantities, from (N, quantities): each within a tenth of its deviation",
    likely=_likely,
    unfit=_unfit,
    headline="Measure a photo",
    output=lambda signature: "The quantity." if signature.outputs[0].shape[1:] in ((), (1,)) else "The quantities.",
    least_channel_sqnr_db=_LEAST_SQNR_DB,
    python=lambda signature: ("print(run(preprocess(sys.argv[1])))",),
)
