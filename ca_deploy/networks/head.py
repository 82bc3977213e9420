"""A network in the head that ``--head`` names: what it gives is proved again, and is what files are compared with."""

from dataclasses import replace

from ca_deploy.errors import UsageError
from ca_deploy.networks.arguments import Argument
from ca_deploy.networks.prove import prove
from ca_deploy.networks.source import Network
from ca_deploy.plugins import load
from ca_deploy.records.model import ModelSource
from ca_deploy.tasks import find_head, meaning_of

# Fields of a source -> those of records.boxes.Suppression.
_THRESHOLDS = {"score_threshold": "least_score", "iou_threshold": "most_iou", "max_detections": "most"}


def with_head(network: Network, source: ModelSource) -> Network:
    """The network as the ``head`` of a source, one of its task's, gives its answers; itself without one.

    Raises:
        UsageError: the task has no such head, or a threshold is given that this head does not have.
        ModelError: the head does not fit the network.
    """
    head = find_head(network.task, source.head) if source.head is not None else None
    given = {name: value for name in _THRESHOLDS if (value := getattr(source, name)) is not None}
    if given and not (head and head.finished):
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(f"{flags}: only a head that suppresses boxes has thresholds. Add --head nms, or drop them.")
    if head is None:
        return network
    if not head.wrap:
        return replace(network, head=source.head)
    inputs = network.signature.inputs
    if head.finished:
        finished = load(head.wrap)(network, **{_THRESHOLDS[name]: value for name, value in given.items()})
        return replace(
            network,
            module=finished,
            signature=finished.signature,
            task=meaning_of(network.task.name, finished.signature).task,
            head=source.head,
            unfinished=replace(network, head=source.head),
        )
    proven = prove(network.name, load(head.wrap)(network), [Argument(taken.name) for taken in inputs], inputs)
    signature = proven.signature.named(head.output_name or network.task.output_name)
    task = network.task.bound(signature) if network.task.bound else network.task
    return replace(network, module=proven.module, signature=signature, task=task, head=source.head)
