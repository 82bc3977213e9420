"""What is doubtful in the images that a network is calibrated and compared on; the manifest says it."""

from dataclasses import dataclass

from ca_deploy.data.alike import image_doubts
from ca_deploy.data.calibration import CalibrationSet
from ca_deploy.networks.source import Network
from ca_deploy.networks.trained_for import distance_from_training
from ca_deploy.records.samples import Samples


@dataclass(frozen=True, slots=True)
class Doubts:
    """Sentences with figures, for each part."""

    calibration: tuple[str, ...]
    held_out: tuple[str, ...]


def doubts_about(network: Network, images: CalibrationSet, calibrated: bool) -> Doubts:
    """Look at the images alone, and at what the network's batch norms make of them; those for calibration only where
    something is ``calibrated``."""
    return Doubts(
        _doubts(network, images.calibration, "calibration") if calibrated else (),
        _doubts(network, images.held_out, "held-out"),
    )


def _doubts(network: Network, samples: Samples, part: str) -> tuple[str, ...]:
    found = image_doubts(samples, network.signature, part)
    distance = distance_from_training(network, samples)
    if distance is None or not distance.is_far:
        return found
    kind = "images" if network.signature.images else "samples"
    return (
        *found,
        f"The {part} {kind} are far from what {network.name} was trained on: {distance.text}. Check mean, std and "
        "value range, or give images of its domain.",
    )
