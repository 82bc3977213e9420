"""Weights of a network without attention, for the same network with it: an ImageNet MobileNetV2 becomes a CA network.

Every other weight has to fit, the classifier's excepted. The gates start open, so that the network begins as almost the
one that was trained.
"""

from torch import nn

from ca_deploy.errors import CheckpointError, ModelError
from ca_deploy.models.attention import open_gates
from ca_deploy.networks.checkpoint import Checkpoint, Loaded, load_backbone

ATTENTION = ("attention",)  # what the modules with attention blocks are called
_CLASSIFIER = "classifier"


def add_attention(network: nn.Module, name: str, checkpoint: Checkpoint) -> tuple[Loaded, bool]:
    """Load all weights but those of attention, and open its gates; also, whether the classifier is the checkpoint's.

    Raises:
        ModelError: the network has no attention.
        CheckpointError: as :func:`~ca_deploy.networks.checkpoint.load_weights` does.
    """
    if not open_gates(network):
        raise ModelError(
            f"{name} has no block of attention of ca-deploy's (CA, SE, CBAM), which --backbone-weights would add. Pass "
            f"all of its weights: --weights {checkpoint.path}."
        )
    try:
        loaded, has_classifier = load_backbone(network, checkpoint, ATTENTION), True
    except CheckpointError:
        loaded, has_classifier = load_backbone(network, checkpoint, (*ATTENTION, _CLASSIFIER)), False
    classifier = "" if has_classifier else " The classifier is new and untrained."
    said = f"{loaded.note}. " if loaded.note else ""
    note = f"{said}Attention was added to {checkpoint.path.name} with open gates: fine-tune it.{classifier}"
    return Loaded(loaded.layout, note), has_classifier
