"""The metadata of a model that Xcode shows: author, description, inputs and outputs."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ca_deploy.formats.coreml.classifier import LABEL, LABEL_PROBABILITIES

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network
    from ca_deploy.records.recipe import ExportRecipe
    from ca_deploy.records.signature import NetworkInput


def describe(spec: Any, network: "Network", recipe: "ExportRecipe") -> None:
    """Write the metadata into a specification; repeated exports write the same."""
    signature = network.signature
    metadata = spec.description.metadata
    metadata.shortDescription = (
        f"{network.name}: {recipe.description} (ca-deploy {version('ca-deploy')}, recipe {recipe.name})"
    )
    metadata.author = network.author or "not stated"
    metadata.license = network.licence or "not stated"
    metadata.versionString = (network.checkpoint_sha256 or "untrained")[:12]
    is_classifier = spec.description.predictedFeatureName == LABEL
    what = "one value per class, before softmax" if is_classifier else "the network's output"
    of_classifier = {LABEL: "the most probable class", LABEL_PROBABILITIES: "probability of each class"}
    for feature, taken in zip(spec.description.input, signature.inputs, strict=True):  # it may have another name
        feature.shortDescription = _taken(taken, recipe)
    for feature in spec.description.output:
        feature.shortDescription = of_classifier.get(feature.name, what)


def _taken(taken: "NetworkInput", recipe: "ExportRecipe") -> str:
    preprocessing = taken.preprocessing
    if preprocessing is None:
        return taken.text
    values = (
        f"{preprocessing.channels} {taken.shape}, (value / {preprocessing.divisor} - mean) / std, mean "
        f"{preprocessing.mean}, std {preprocessing.std}"
    )
    if recipe.io == "uint8rgb":
        values = "RGB; normalisation is inside"
    return f"{preprocessing.recipe_text}; {values}"
