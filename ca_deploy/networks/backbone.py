"""Weights of a network without attention, for one built on it: an ImageNet MobileNetV2 becomes a CA network.

Every other weight has to fit; or else all but those of the classifier, or of what a detector or segmenter adds to its
backbone (``new_modules``). The gates start open, so that the network begins as almost the one that was trained.
"""

from collections.abc import Callable, Iterator

from torch import nn

from ca_deploy.errors import CheckpointError, ModelError
from ca_deploy.models.attention import open_gates
from ca_deploy.networks.checkpoint import Checkpoint, Loaded, load_backbone
from ca_deploy.networks.class_count import build_to_fit
from ca_deploy.networks.fit import Target

_ATTENTION = "attention"  # what the modules with attention blocks are called
_CLASSIFIER = "classifier"


def build_on(build: Callable[[int], nn.Module], default: object, checkpoint: Checkpoint) -> nn.Module:
    """The network with as many classes as the same network without attention has; else with its own number.

    Raises:
        ModelError: the factory fails.
    """
    network = build_to_fit(build, None, default, checkpoint, (_ATTENTION,))
    is_same = _is_complete(network, checkpoint, (_ATTENTION,))
    return build(default) if _added(network) and isinstance(default, int) and not is_same else network


def add_attention(network: nn.Module, name: str, checkpoint: Checkpoint) -> tuple[Loaded, bool]:
    """Load all weights that the checkpoint has, and open the gates; also, whether all but attention is trained.

    Raises:
        ModelError: the network adds nothing to a backbone.
        CheckpointError: the checkpoint has all of it, or as :func:`~ca_deploy.networks.checkpoint.load_weights` does.
    """
    gates = open_gates(network)
    if not gates and not _added(network):
        raise ModelError(
            f"{name} has no block of attention of ca-deploy's (CA, SE, CBAM), which --backbone-weights would add. Pass "
            f"all of its weights: --weights {checkpoint.path}."
        )
    if _is_complete(network, checkpoint, ()):
        raise CheckpointError(
            f"{checkpoint.path} has all weights of {name}, so that nothing would be added to it. Pass them with "
            f"--weights {checkpoint.path}."
        )
    loaded, new = _loaded(network, checkpoint)
    untrained = [module for module, _ in network.named_children() if module in new and module != _ATTENTION]
    notes = [f"{loaded.note}."] if loaded.note else []
    if gates:
        notes.append(f"Attention was added to {checkpoint.path.name} with open gates: fine-tune it.")
    if untrained:
        notes.append(f"New and untrained: {', '.join(untrained)}.")
    return Loaded(loaded.layout, " ".join(notes)), not untrained


def _is_complete(network: nn.Module, checkpoint: Checkpoint, new: tuple[str, ...]) -> bool:
    return any(fit.complete for fit in checkpoint.fits(Target.of(network, new)))


def _loaded(network: nn.Module, checkpoint: Checkpoint) -> tuple[Loaded, tuple[str, ...]]:
    """What was loaded, with as few new modules as fit, and what these are called."""
    *fewer, most = _choices(network)
    new = next((new for new in fewer if _is_complete(network, checkpoint, new)), most)
    return load_backbone(network, checkpoint, new), new


def _choices(network: nn.Module) -> Iterator[tuple[str, ...]]:
    yield (_ATTENTION,)
    added = _added(network)
    if added:
        yield (_ATTENTION, *added)
    if _CLASSIFIER not in added:
        yield (_ATTENTION, *added, _CLASSIFIER)


def _added(network: nn.Module) -> tuple[str, ...]:
    """What the modules are called that a detector, say, adds to its backbone, or leaves out of it."""
    return tuple(getattr(network, "new_modules", ()))
