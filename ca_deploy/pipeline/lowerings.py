"""A network's attention as several rules write it, without an export."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, load_calibration, load_spec
from ca_deploy.data.shares import FEWEST_HELD_OUT
from ca_deploy.lowering.gates import functional, lower
from ca_deploy.lowering.rules import Rules
from ca_deploy.networks.program import traced
from ca_deploy.networks.prove import first_of
from ca_deploy.networks.source import load
from ca_deploy.progress import Step
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.model import ModelSource

if TYPE_CHECKING:
    from torch import nn


def lowerings(
    source: ModelSource, module: "nn.Module | None", rules: Sequence[Rules], calibration: str | None, step: Step
) -> dict[str, Lowering]:
    """What each of ``rules`` makes of the network, by its name; see :func:`ca_deploy.lower`."""
    step("loading the network")
    network = load(source, module)
    chosen = load_spec(calibration or network.default_calibration or NOT_YOUR_DOMAIN)
    images = load_calibration(chosen, network.signature, 1, FEWEST_HELD_OUT)
    samples = first_of(images.calibration, network.signature)
    step("tracing the network")
    graph_module = functional(traced(network))
    found = {}
    for one in rules:
        step(f"writing its attention for {one.name}, with proofs")
        found[one.name] = lower(copy.deepcopy(graph_module), one, samples)
    return found
