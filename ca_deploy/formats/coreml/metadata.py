"""What Xcode shows of a model: who made it, what it is, what goes in and out."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ca_deploy.formats.coreml.classifier import LABEL, LABEL_PROBABILITIES
from ca_deploy.formats.coreml.convert import INPUT, OUTPUT

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network
    from ca_deploy.records.recipe import ExportRecipe


def describe(spec: Any, network: "Network", recipe: "ExportRecipe") -> None:
    """Fill in the metadata of a specification, the same in every export."""
    side, preprocessing = network.input_size, network.preprocessing
    metadata = spec.description.metadata
    metadata.shortDescription = (
        f"{network.name}: {recipe.description} (ca-deploy {version('ca-deploy')}, recipe {recipe.name})"
    )
    metadata.author = network.author or "not stated"
    metadata.license = network.licence or "not stated"
    metadata.versionString = (network.checkpoint_sha256 or "untrained")[:12]
    how = (
        "RGB; normalisation is inside"
        if recipe.io == "uint8rgb"
        else f"RGB (1, 3, {side}, {side}), (value / 255 - mean) / deviation, mean {preprocessing.mean}, "
        f"deviation {preprocessing.std}"
    )
    said = {
        INPUT: f"central {side} x {side} px of a photo whose shorter side is {preprocessing.resize} px; {how}",
        OUTPUT: "one value a class, before softmax" if network.labels else "what the network gives",
        LABEL: "the most probable class",
        LABEL_PROBABILITIES: "probability of each class",
    }
    for feature in (*spec.description.input, *spec.description.output):
        feature.shortDescription = said[feature.name]
