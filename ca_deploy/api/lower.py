"""``ca_deploy.lower``: how the attention of a network would be written for each runtime."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ca_deploy.api._arguments import listed, model_of
from ca_deploy.errors import unknown_name
from ca_deploy.lowering.rules import shipped
from ca_deploy.progress import Step, no_step
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.model import DEFAULT_MODEL, ModelSource

if TYPE_CHECKING:
    from torch import nn


def lower(
    model: "str | ModelSource | nn.Module" = DEFAULT_MODEL,
    targets: Sequence[str] = (),
    *,
    source: ModelSource | None = None,
    calibration: str | None = None,
    step: Step = no_step,
) -> dict[str, Lowering]:
    """What is done to each block of attention, with the proof of it; nothing is exported.

    Args:
        model, source: as for :func:`export`.
        targets: names of ``ca-deploy list lowerings``; by default all.
        calibration: as for :func:`export`; its first sample gives the proofs real activations.
        step: called with the progress in a few words.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.api import preflight

    names = listed(targets) or tuple(shipped())
    for name in names:
        if name not in shipped():
            raise unknown_name("lowering", name, shipped(), "ca-deploy list lowerings")
    named, module = model_of(model, source)
    if module is None:
        preflight.check_source(named)
    preflight.check_calibration(calibration)
    step("importing PyTorch")
    from ca_deploy.pipeline.lowerings import lowerings

    return lowerings(named, module, [shipped()[name] for name in names], calibration, step)
