"""A network in the head that ``--head`` names: what it gives is proved again, and is what files are compared with."""

from dataclasses import replace

from ca_deploy.networks.arguments import Argument
from ca_deploy.networks.prove import prove
from ca_deploy.networks.source import Network
from ca_deploy.plugins import load
from ca_deploy.tasks import find_head, meaning_of


def with_head(network: Network, name: str | None) -> Network:
    """The network as ``name``, a head of its task, gives its answers; itself without one.

    Raises:
        UsageError: the task has no such head.
        ModelError: the head does not fit the network.
    """
    if name is None:
        return network
    head = find_head(network.task, name)
    if not head.wrap:
        return replace(network, head=name)
    inputs = network.signature.inputs
    if head.finished:
        finished = load(head.wrap)(network)
        return replace(
            network,
            module=finished,
            signature=finished.signature,
            task=meaning_of(network.task.name, finished.signature).task,
            head=name,
            unfinished=replace(network, head=name),
        )
    proven = prove(network.name, load(head.wrap)(network), [Argument(taken.name) for taken in inputs], inputs)
    signature = proven.signature.named(head.output_name or network.task.output_name)
    task = network.task.bound(signature) if network.task.bound else network.task
    return replace(network, module=proven.module, signature=signature, task=task, head=name)
