"""What Xcode shows of a model: who made it, what it is, what goes in and out."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ca_deploy.formats.coreml.convert import INPUT, LABEL, OUTPUT

if TYPE_CHECKING:
    from ca_deploy.recipe import ExportRecipe
    from ca_deploy.source import Network


def describe(model: Any, network: "Network", recipe: "ExportRecipe") -> None:
    """Fill in the metadata of an ``MLModel``, the same in every export."""
    side, labels = network.input_size, network.labels
    model.short_description = f"{network.name}: {recipe.description} (ca-deploy {version('ca-deploy')}, {recipe.name})"
    model.author = network.author or "not stated"
    model.license = network.licence or "not stated"
    model.version = (network.checkpoint_sha256 or "untrained")[:12]
    preprocessing = network.preprocessing
    how = (
        "RGB; normalisation is inside"
        if recipe.io == "uint8rgb"
        else f"RGB (1, 3, {side}, {side}), (value / 255 - mean) / deviation, mean {preprocessing.mean}, "
        f"deviation {preprocessing.std}"
    )
    model.input_description[INPUT] = (
        f"central {side} x {side} px of a photo, its shorter side scaled to {preprocessing.resize} px; {how}"
    )
    outputs = {output.name for output in model.get_spec().description.output}
    model.output_description[OUTPUT] = "one value a class, before softmax" if labels else "what the network gives"
    if LABEL in outputs:
        model.output_description[LABEL] = "the most probable class"
        model.output_description[f"{LABEL}_probs"] = "probability of each class"
