"""The metadata of a model that Xcode shows: author, description, inputs and outputs."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ca_deploy.formats.coreml.classifier import LABEL, LABEL_PROBABILITIES
from ca_deploy.formats.coreml.convert import INPUT, OUTPUT

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network
    from ca_deploy.records.recipe import ExportRecipe


def describe(spec: Any, network: "Network", recipe: "ExportRecipe") -> None:
    """Write the metadata into a specification; repeated exports write the same."""
    preprocessing = network.preprocessing
    shape = (1, preprocessing.depth, preprocessing.height, preprocessing.width)
    metadata = spec.description.metadata
    metadata.shortDescription = (
        f"{network.name}: {recipe.description} (ca-deploy {version('ca-deploy')}, recipe {recipe.name})"
    )
    metadata.author = network.author or "not stated"
    metadata.license = network.licence or "not stated"
    metadata.versionString = (network.checkpoint_sha256 or "untrained")[:12]
    values = (
        f"{preprocessing.channels} {shape}, (value / {preprocessing.divisor} - mean) / std, mean {preprocessing.mean}, "
        f"std {preprocessing.std}"
    )
    if recipe.io == "uint8rgb":
        values = "RGB; normalisation is inside"
    descriptions = {
        INPUT: f"{preprocessing.recipe_text}; {values}",
        OUTPUT: "one value per class, before softmax" if network.labels else "the network's output",
        LABEL: "the most probable class",
        LABEL_PROBABILITIES: "probability of each class",
    }
    for feature in (*spec.description.input, *spec.description.output):
        feature.shortDescription = descriptions[feature.name]
