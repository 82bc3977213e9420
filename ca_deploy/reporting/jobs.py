"""Which files do the same job, so that one of them is to be shipped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ca_deploy.records.report import Basis
from ca_deploy.reporting.found import Shipped
from ca_deploy.reporting.measures import qualities_of
from ca_deploy.reporting.objections import objection


@dataclass(frozen=True, slots=True)
class Job:
    """Files that can be compared; ``apart`` are those for the same job, of other networks, that cannot."""

    files: Sequence[Shipped]
    apart: Sequence[str]


def jobs(files: Sequence[Shipped]) -> Iterator[Job]:
    """The files by what they are for: their task and labels, or their network where they have no labels.

    Those of several networks can be compared if accuracy was measured on the same photos of a file of each.
    """
    alike: dict[object, dict[object, list[Shipped]]] = {}
    for file in files:
        classes, network = file.manifest.labels, network_of(file)
        job = (file.manifest.task, classes) if classes else network
        alike.setdefault(job, {}).setdefault(network, []).append(file)
    for networks in alike.values():
        labels = [file.label for network in networks.values() for file in network]
        for group in _comparable(list(networks.values())):
            own = {file.label for file in group}
            yield Job(group, [label for label in labels if label not in own])


def _comparable(networks: Sequence[Sequence[Shipped]]) -> Iterator[Sequence[Shipped]]:
    """Those with an accuracy on the photos that decide among all; then the same of the others."""
    files = [file for network in networks for file in network]
    known = qualities_of(files, [file.label for file in files if not objection(file)])
    joined: list[Sequence[Shipped]] = []
    others: list[Sequence[Shipped]] = []
    for network in networks:
        has_one = any(file.label in known.values for file in network)
        (joined if known.basis is Basis.ACCURACY and has_one else others).append(network)
    if not joined:
        yield from others
        return
    yield [file for network in joined for file in network]
    if others:
        yield from _comparable(others)


def network_of(file: Shipped) -> object:
    """What tells networks apart: not what their files are called, nor where their weights and labels lie."""
    model = file.manifest.model
    return replace(model.source, name=None, weights=None, backbone_weights=None, labels=None), model.checkpoint_sha256
