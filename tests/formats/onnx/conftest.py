"""The tiny network, and its files by any ONNX recipe."""

from pathlib import Path

import pytest
import torch
from torch import nn

from ca_deploy.lowering.rules import DEFAULT
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Converted
from ca_deploy.records.recipe import ExportRecipe
from tests.formats.kit import export
from tests.formats.onnx.kit import Export, TinyNet, as_network, photos
from tests.samples import normalised


@pytest.fixture(scope="package")
def network() -> Network:
    """Random weights, but BatchNorm statistics of real activations, as after training."""
    torch.manual_seed(0)
    tiny = as_network(TinyNet())
    for norm in (module for module in tiny.module.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = None  # average over all batches seen, here one
    with torch.no_grad():
        tiny.module.train()(torch.from_numpy(normalised(tiny, photos(64, seed=1))))
    return as_network(tiny.module)


@pytest.fixture(scope="package")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export the tiny network once per recipe, kind of batch and form of attention."""
    done: dict[tuple[str, bool, str], tuple[Converted, Path]] = {}

    def get(recipe: str | ExportRecipe, dynamic_batch: bool = False, lowering: str = DEFAULT) -> tuple[Converted, Path]:
        loaded = load_recipe(recipe) if isinstance(recipe, str) else recipe
        key = (loaded.name, dynamic_batch, lowering)
        if key not in done:
            path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
            done[key] = (export(network, loaded, path, photos(128, seed=2), dynamic_batch, lowering), path)
        return done[key]

    return get
