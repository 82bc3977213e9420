"""Which files do the same job, so that one of them is to be shipped."""

from collections.abc import Sequence
from dataclasses import replace

from ca_deploy.records.report import Basis
from ca_deploy.reporting.found import Shipped
from ca_deploy.reporting.measures import qualities_of
from ca_deploy.reporting.objections import objection


def jobs(files: Sequence[Shipped]) -> list[list[Shipped]]:
    """The files of each job.

    They have the same task and labels; those of several networks are only one job if accuracy was measured on the same
    photos of a file of each.
    """
    jobs: dict[object, list[Shipped]] = {}
    for file in files:
        labels = file.manifest.labels
        jobs.setdefault((file.manifest.task, labels) if labels else network_of(file), []).append(file)
    groups: list[list[Shipped]] = []
    for together in jobs.values():
        known = qualities_of(together, [file.label for file in together if not objection(file)])
        networks: dict[object, list[Shipped]] = {}
        for file in together:
            networks.setdefault(network_of(file), []).append(file)
        all_known = all(any(file.label in known.values for file in group) for group in networks.values())
        groups += [together] if known.basis is Basis.ACCURACY and all_known else list(networks.values())
    return groups


def network_of(file: Shipped) -> object:
    """What tells networks apart: not what their files are called, nor where their weights and labels lie."""
    model = file.manifest.model
    return replace(model.source, name=None, weights=None, backbone_weights=None, labels=None), model.checkpoint_sha256
