"""Weights of a network without attention, for one built on it: an ImageNet MobileNetV2 becomes a CA network.

Every other weight has to fit, but for those of the classifier and of what a detector or segmenter adds
(``new_modules``). The gates start open, so that the network begins as almost the one that was trained.
"""

from torch import nn

from ca_deploy.errors import CheckpointError, ModelError
from ca_deploy.models.attention import open_gates
from ca_deploy.networks.checkpoint import Checkpoint, Loaded, load_backbone

_ATTENTION = ("attention",)  # what the modules with attention blocks are called
_CLASSIFIER = "classifier"


def new_modules(network: nn.Module) -> tuple[str, ...]:
    """What the modules are called that a backbone's checkpoint lacks, or that the network lacks of it."""
    return tuple(getattr(network, "new_modules", _ATTENTION))


def add_attention(network: nn.Module, name: str, checkpoint: Checkpoint) -> tuple[Loaded, bool]:
    """Load all weights but the new modules', and open the gates; also, whether all of it but attention is trained.

    Raises:
        ModelError: the network adds nothing to a backbone.
        CheckpointError: as :func:`~ca_deploy.networks.checkpoint.load_weights` does.
    """
    new = new_modules(network)
    gates = open_gates(network)
    if not gates and new == _ATTENTION:
        raise ModelError(
            f"{name} has no block of attention of ca-deploy's (CA, SE, CBAM), which --backbone-weights would add. Pass "
            f"all of its weights: --weights {checkpoint.path}."
        )
    untrained = [module for module, _ in network.named_children() if module in new]
    try:
        loaded = load_backbone(network, checkpoint, new)
    except CheckpointError:
        loaded = load_backbone(network, checkpoint, (*new, _CLASSIFIER))
        untrained = [_CLASSIFIER]
    notes = [f"{loaded.note}."] if loaded.note else []
    if gates:
        notes.append(f"Attention was added to {checkpoint.path.name} with open gates: fine-tune it.")
    if untrained:
        notes.append(f"New and untrained: {', '.join(untrained)}.")
    return Loaded(loaded.layout, " ".join(notes)), not untrained
