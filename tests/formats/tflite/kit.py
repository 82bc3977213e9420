"""Export by a recipe, and what the written file answers."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from ca_deploy.networks.source import Network
from ca_deploy.recipes import recipe_names
from ca_deploy.records.conversion import Converted
from tests.samples import normalised

RECIPES = [name for name in recipe_names() if name.startswith("tflite_")]


def run(path: Path, converted: Converted, network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Feed the file with nothing but what ``converted`` says about it."""
    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner()
    (source,), (target,) = converted.inputs, converted.outputs
    feed = normalised(network, rgb).transpose(0, 2, 3, 1) if source.normalised else rgb
    if source.normalised and source.scale is not None and source.zero_point is not None:
        feed = np.clip(np.rint(feed / source.scale) + source.zero_point, -128, 127)
    feed = feed.astype(source.dtype)
    logits = np.concatenate([runner(**{source.name: image[None]})[target.name] for image in feed])
    if target.scale is not None and target.zero_point is not None:
        logits = (logits.astype(np.float32) - target.zero_point) * target.scale
    return logits.astype(np.float32)
