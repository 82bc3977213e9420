"""Export by a recipe, what the written package answers, and what coremltools reads in it."""

from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
from numpy.typing import NDArray

from ca_deploy.mil.executor import Executor
from ca_deploy.networks.source import Network
from ca_deploy.recipes import recipe_names
from ca_deploy.records.conversion import Converted
from tests.samples import normalised

RECIPES = [name for name in recipe_names() if name.startswith("coreml_")]
LABELS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


def run(path: Path, converted: Converted, network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Feed the package with nothing but what ``converted`` says about it."""
    executor = Executor(path)
    (source,), (target,) = converted.inputs, converted.outputs
    feed = normalised(network, rgb) if source.normalised else rgb
    return np.concatenate([executor.run({source.name: image[None]})[target.name] for image in feed])


def specification(path: Path) -> Any:
    """As coremltools reads it."""
    return ct.models.utils.load_spec(str(path))
