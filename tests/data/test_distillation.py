"""Images distilled from batch-norm statistics, and the set that ships for the reference model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.data.distillation import distill, save_images, statistics_gap
from ca_deploy.data.folders import images_below
from ca_deploy.errors import ModelError, OutputError, UsageError
from ca_deploy.models.mobilenet_v2 import mobilenet_v2_ca
from ca_deploy.networks.source import Network
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.shipped import data_folder
from tests.samples import network_of, signature_of

PREPROCESSING = Preprocessing(resize=37, crop=32)


def as_network(module: nn.Module) -> Network:
    return network_of(module, PREPROCESSING)


def inputs(images: NDArray[np.uint8]) -> Tensor:
    crops = [PREPROCESSING.to_pixels(Image.fromarray(image)) for image in images]
    return torch.from_numpy(PREPROCESSING.normalise(np.stack(crops)))


@contextmanager
def recorded_gaps(network: Network) -> Iterator[list[float]]:
    gaps: list[float] = []
    norms = [module for module in network.module.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [n.register_forward_pre_hook(lambda n, x: gaps.append(float(statistics_gap(n, x[0])))) for n in norms]
    yield gaps
    for hook in hooks:
        hook.remove()


def gap_of(network: Network, images: NDArray[np.uint8]) -> float:
    with recorded_gaps(network) as gaps, torch.no_grad():
        network.module(inputs(images))
    return float(np.mean(gaps))


@pytest.fixture(scope="module")
def network() -> Network:
    """A tiny network whose batch norms have seen photos, as if it had been trained on them."""
    torch.manual_seed(0)
    module = mobilenet_v2_ca(num_classes=3, width=0.25).train()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None  # average over all batches
    random = np.random.default_rng(0)
    photos = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    for _ in range(4):
        crops = []
        for photo in photos * 8:
            side = int(random.integers(37, 200))
            top, left = (int(random.integers(length - side)) for length in photo.shape[:2])
            crops.append(np.array(Image.fromarray(photo[top : top + side, left : left + side]).resize((37, 37))))
        with torch.no_grad():
            module(inputs(np.stack(crops)))
    return as_network(module.eval())


@pytest.fixture(scope="module")
def images(network: Network) -> NDArray[np.uint8]:
    return distill(network, 12, seed=1, steps=30, batch=12)


def test_images_are_stored_at_the_size_before_the_crop(images: NDArray[np.uint8]) -> None:
    assert images.shape == (12, 37, 37, 3)
    assert images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 12


def test_statistics_come_close_to_the_trained_ones(network: Network, images: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    assert gap_of(network, images) < 0.3 * gap_of(network, noise)


def test_a_seed_gives_the_same_images(network: Network, images: NDArray[np.uint8]) -> None:
    torch.manual_seed(99)
    np.testing.assert_array_equal(distill(network, 12, seed=1, steps=30, batch=12), images)
    assert not np.array_equal(distill(network, 12, seed=2, steps=1, batch=6), images)


def test_class_targets_reach_every_class(network: Network, images: NDArray[np.uint8]) -> None:
    with torch.no_grad():
        assert set(network.module(inputs(images)).argmax(1).tolist()) == {0, 1, 2}


def test_progress_counts_every_step(network: Network) -> None:
    seen: list[tuple[int, int]] = []
    distill(network, 5, steps=2, batch=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]


def test_the_network_is_left_as_it_was(network: Network) -> None:
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    distill(network, 2, steps=1)
    assert all(torch.equal(before[name], value) for name, value in network.module.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.module.parameters())
    assert not any(module._forward_pre_hooks for module in network.module.modules())


def test_statistics_gap_is_exact_and_differentiable() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4).eval().double()
    x = (torch.randn(3, 4, 5, 5, dtype=torch.float64) * 2 + 1).requires_grad_()
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
    norm.running_mean, norm.running_var = mean.detach(), variance.detach()
    assert statistics_gap(norm, x).item() == pytest.approx(0, abs=1e-9)
    norm.running_mean, norm.running_var = mean.detach() + 0.3, variance.detach() * 2
    assert torch.autograd.gradcheck(lambda x: statistics_gap(norm, x), x)


def test_a_network_without_batch_norm_is_refused() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ModelError, match=r"no BatchNorm2d layer.*--calibration FOLDER"):
        distill(as_network(module), 4)


def test_an_exported_program_is_refused_with_the_remedy(network: Network) -> None:
    program = torch.export.export(network.module, network.examples()).module()
    with pytest.raises(ModelError, match=r"exported program.*package\.module:factory"):
        distill(as_network(program), 4)


@pytest.mark.parametrize(("count", "steps", "batch"), [(0, 2, 2), (2, 0, 2), (2, 2, 0)])
def test_counts_below_one_are_refused(network: Network, count: int, steps: int, batch: int) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        distill(network, count, steps=steps, batch=batch)


def test_saved_images_stand_in_order_and_never_mix(tmp_path: Path) -> None:
    images = np.stack([np.full((37, 37, 3), 20 * number, np.uint8) for number in range(12)])
    paths = save_images(images, tmp_path / "new" / "folder")
    assert [path.name for path in paths[:2]] == ["000.webp", "001.webp"]
    assert list(images_below(tmp_path / "new" / "folder").paths) == paths
    stored = np.stack([np.array(Image.open(path)) for path in paths]).astype(float)
    assert np.abs(stored - images).mean() < 3
    with pytest.raises(OutputError, match="already contains images"):
        save_images(images, tmp_path / "new" / "folder")
    with pytest.raises(OutputError, match="cannot be written"):
        save_images(images, paths[0] / "below_a_file")


def test_the_shipped_set_is_large_enough_and_small_enough() -> None:
    spec = load_spec("distilled_flowers5")
    found = load_calibration(spec, signature_of(Preprocessing(resize=224, crop=224)))
    assert found.domain == "distilled"
    assert len(found.calibration) >= 128
    assert len(found.held_out) >= 128
    assert not found.warnings
    assert not set(found.calibration.sha256) & set(found.held_out.sha256)
    assert found.calibration.arrays["image"].shape[1:] == (224, 224, 3)
    files = (data_folder("calibration") / "distilled_flowers5").iterdir()
    assert sum(path.stat().st_size for path in files) <= 6_000_000
