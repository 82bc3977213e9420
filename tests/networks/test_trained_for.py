"""Batch norms know what a network was trained on, within figures that benchmarks/README.md lists."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ca_deploy.networks.source import Network
from ca_deploy.networks.trained_for import distance_from_training
from ca_deploy.records.preprocessing import Preprocessing
from tests.samples import network_of, samples_of

SIZE = 32
TRAINED = Preprocessing(SIZE, SIZE, mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2))


def photos(count: int, seed: int) -> NDArray[np.uint8]:
    """Blocks of colour of many sizes around mid-grey, each image with its own brightness."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, SIZE, SIZE, 3))
    for side in (2, 4, 8, 32):
        blocks = random.normal(0, 20, (count, SIZE // side, SIZE // side, 3))
        images += blocks.repeat(side, 1).repeat(side, 2)
    return (images + 102).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def network() -> Network:
    """Its statistics are those of such images, as after training."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.BatchNorm2d(16)]
    module = nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))
    for layer in module:
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # averages over all batches
    with torch.no_grad():
        module.train()(torch.from_numpy(TRAINED.normalise(photos(400, seed=1))))
    return network_of(module.eval(), TRAINED)


def is_far(network: Network, pixels: NDArray[np.uint8]) -> bool:
    distance = distance_from_training(network, samples_of(pixels))
    assert distance is not None
    return distance.is_far


@pytest.mark.parametrize("count", [8, 16, 64])
def test_images_like_those_of_training_are_close(network: Network, count: int) -> None:
    assert not is_far(network, photos(count, seed=2))


def test_noise_and_black_frames_are_far(network: Network) -> None:
    random = np.random.default_rng(0)
    assert is_far(network, random.integers(0, 256, (20, SIZE, SIZE, 3), np.uint8))
    assert is_far(network, random.integers(0, 3, (20, SIZE, SIZE, 3), np.uint8))
    assert is_far(network, np.zeros((1, SIZE, SIZE, 3), np.uint8))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(TRAINED, mean=(0.0,) * 3, std=(1.0,) * 3),
        replace(TRAINED, value_range=255, mean=(0.0,) * 3, std=(1.0,) * 3),
        replace(TRAINED, mean=(0.0,) * 3),
    ],
    ids=["not normalised", "0 to 255", "no mean"],
)
def test_another_normalisation_is_far(network: Network, wrong: Preprocessing) -> None:
    assert is_far(network_of(network.original, wrong), photos(64, seed=2))


def test_the_figures_are_said(network: Network) -> None:
    distance = distance_from_training(network, samples_of(photos(4, seed=2)))
    assert distance is not None
    assert distance.first is None
    assert "below 0.2" in distance.text
    full = distance_from_training(network, samples_of(photos(16, seed=2)))
    assert full is not None
    assert "at the first one (below 0.25)" in full.text


def test_what_has_no_statistics_of_training_says_nothing(network: Network) -> None:
    some = samples_of(photos(4, seed=2))
    new = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 900, 2)).eval()
    without = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 2)).eval()
    assert distance_from_training(network_of(new, TRAINED), some) is None
    assert distance_from_training(network_of(without, TRAINED), some) is None
    assert distance_from_training(replace(network, trained=False), some) is None
    assert distance_from_training(network, some.rows([])) is None


def test_the_network_stays_as_it_was(network: Network) -> None:
    before = {name: value.clone() for name, value in network.original.state_dict().items()}
    distance_from_training(network, samples_of(photos(4, seed=2)))
    assert all(torch.equal(before[name], value) for name, value in network.original.state_dict().items())
    assert not any(module._forward_pre_hooks for module in network.original.modules())
