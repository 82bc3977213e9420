"""Calibration images from weights alone, by matching the statistics that batch norm recorded in training.

Every batch-norm layer stores the mean and variance of its input over the training images. Images that reproduce those
statistics drive each layer through the range that it was trained in, which is what calibration has to observe (ZeroQ,
arXiv 2001.00281). As in DeepInversion (arXiv 1912.08795), class targets spread the logits and total variation keeps
the images smooth. The optimisation starts from *dead leaves*, random overlapping shapes with the statistics of natural
images (arXiv 2106.05963), instead of noise: they already have edges, flat areas, and dark and bright images, so a few
tens of steps suffice.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from ca_deploy.data.folders import image_suffixes
from ca_deploy.errors import ModelError, OutputError, UsageError
from ca_deploy.progress import Progress, silent
from ca_deploy.records.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing, one_per_channel

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network

LEARNING_RATE = 0.01  # of Adam, in pixel values 0..1
SMOOTHNESS = 0.2  # weight of the total variation; the weight of the statistics is 1
CLASS_WEIGHT = 0.02
LEAST_CONFIDENCE = 0.5  # targets are between this and 1, so that the logits spread
JITTER = 8  # pixels; shifts the images so that nothing aligns with the strides
OCTAVES = 5
LEAVES = 150
GRAIN = 0.3  # standard deviations
WEBP_QUALITY = 85


def distill(
    network: "Network", count: int, seed: int = 0, steps: int = 30, batch: int = 16, progress: Progress = silent
) -> NDArray[np.uint8]:
    """Make ``count`` images whose batch-norm statistics, per batch, match those of the training images.

    Returns RGB ``(count, H, W, 3)``, of which the network's preprocessing cuts exactly the part that was optimised.
    The same seed gives the same images on the same machine; another processor may round differently.

    Args:
        network: any network with ``nn.BatchNorm2d`` layers; class targets are used where it returns ``(N, classes)``.
        count: number of images.
        seed: seeds the starting images, targets and jitter.
        steps: gradient steps per batch.
        batch: the largest number of images optimised together; the statistics of the batch are matched, not those of
            each image. 16 images of 224 px need about 2 GB.
        progress: called with (steps done, total steps).

    Raises:
        UsageError: ``count``, ``steps`` or ``batch`` is below one.
        ModelError: the network has no batch-norm layer with running statistics.
    """
    if min(count, steps, batch) < 1:
        raise UsageError(f"Cannot distil {count} images with {steps} steps, {batch} per batch: each must be 1 or more.")
    if _image_of(network).channels == "RGBA":
        raise UsageError("Images with transparency cannot be distilled. Calibrate on a folder of your own images.")
    norms = _batch_norms(network)
    sizes = [len(part) for part in np.array_split(np.arange(count), math.ceil(count / batch))]
    images = []
    for number, size in enumerate(sizes):

        def step_done(step: int, before: int = number * steps) -> None:
            progress(before + step, len(sizes) * steps)

        images.append(_distill_batch(network, norms, size, np.random.default_rng((seed, number)), steps, step_done))
    return np.concatenate(images)


def save_images(images: NDArray[np.uint8], folder: Path) -> list[Path]:
    """Write RGB ``(N, H, W, 3)`` as ``000.webp``, ``001.webp``, … into an empty or new folder.

    Lossy WebP at quality 85 takes about a fifth of the size of PNG and does not change the ranges of activations.

    Raises:
        OutputError: the folder already contains images, which would become part of the set, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(path.suffix.lower() in image_suffixes() for path in folder.iterdir()):
            raise OutputError(f"{folder} already contains images, which would join the set. Name an empty folder.")
        paths = [folder / f"{number:03d}.webp" for number in range(len(images))]
        for path, image in zip(paths, images, strict=True):
            Image.fromarray(image).save(path, quality=WEBP_QUALITY, method=6)
    except OSError as error:
        raise OutputError(f"Distilled images cannot be written to {folder}: {error}.") from error
    return paths


def statistics_gap(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """The distance of the input ``(N, C, H, W)`` of a batch norm from its running statistics; a scalar, 0 if equal.

    Mean and standard deviation are compared in units of the running standard deviation. A channel contributes at most
    50: one that was constant in training would dominate the others.
    """
    assert norm.running_mean is not None and norm.running_var is not None
    mean, variance = _ChannelStatistics.apply(x)  # type: ignore[no-untyped-call]
    running = norm.running_var + norm.eps
    shift = (mean - norm.running_mean).square() / running
    stretch = ((variance + norm.eps) / running).sqrt() - 1
    gap: Tensor = (shift + stretch.square()).clamp(max=50).mean()
    return gap


class _ChannelStatistics(torch.autograd.Function):
    """Mean and variance per channel. ``torch.var_mean`` computes the same, but doubles the time per step on CPUs."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> tuple[Tensor, Tensor]:
        tiny = 1e-12
        _, mean, inverse_std = torch.native_batch_norm(x, None, None, None, None, True, 0.0, tiny)
        ctx.save_for_backward(x, mean)
        return mean, (inverse_std.pow(-2) - tiny).clamp(min=0)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        x, mean = ctx.saved_tensors  # type: ignore[attr-defined]
        by_mean, by_variance = (gradient * x.shape[1] / x.numel() for gradient in gradients)
        slope = 2 * by_variance
        offset = by_mean - slope * mean
        return torch.addcmul(offset.view(1, -1, 1, 1), x, slope.view(1, -1, 1, 1))


def _image_of(network: "Network") -> Preprocessing:
    """The preprocessing of the network's only image, beside which it may take plain tensors."""
    images = network.signature.images
    if len(images) != 1 or images[0].preprocessing is None:
        raise UsageError(
            f"Images are distilled for a network that takes one, and {network.name} takes "
            f"{network.signature.inputs_text}. Calibrate on samples of all inputs: --calibration FILE.npz."
        )
    return images[0].preprocessing


def _batch_norms(network: "Network") -> list[nn.BatchNorm2d]:
    found = [m for m in network.original.modules() if isinstance(m, nn.BatchNorm2d) and m.running_mean is not None]
    if not found and isinstance(network.original, torch.fx.GraphModule):
        raise ModelError(
            f"{network.name} is an exported program, whose batch norms are not modules, so their statistics cannot be "
            "found. Name the network it was exported from, as package.module:factory with --weights FILE."
        )
    if not found:
        raise ModelError(
            f"{network.name} has no BatchNorm2d layer with running statistics, which images are distilled from. "
            "Calibrate on a folder of photos instead: --calibration FOLDER."
        )
    return found


def _distill_batch(
    network: "Network",
    norms: list[nn.BatchNorm2d],
    size: int,
    random: np.random.Generator,
    steps: int,
    step_done: Callable[[int], None],
) -> NDArray[np.uint8]:
    preprocessing = _image_of(network)
    height, width, depth = preprocessing.height, preprocessing.width, preprocessing.depth
    rows, columns = preprocessing.covered if preprocessing.fit == "crop" else (height, width)
    top, left = round((rows - height) / 2), round((columns - width) / 2)  # as Preprocessing.to_pixels cuts
    mean, std = (torch.tensor(values).view(1, depth, 1, 1) for values in (preprocessing.mean, preprocessing.std))
    start = _dead_leaves(random, size, (depth, rows, columns)) * _photo_std(preprocessing) + _photo_mean(preprocessing)
    # An image is a sum over octaves, so that large shapes and colours change as fast as single pixels.
    shapes = dict.fromkeys((max(1, rows >> octave), max(1, columns >> octave)) for octave in range(OCTAVES))
    octaves = [torch.zeros(size, depth, *shape, requires_grad=True) for shape in shapes]
    optimizer = torch.optim.Adam(octaves, lr=LEARNING_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    first_class, confidence = int(random.integers(1000)), random.uniform(LEAST_CONFIDENCE, 1, size)

    def render() -> Tensor:
        whole = (functional.interpolate(octave, (rows, columns), mode="bilinear") for octave in octaves)
        return (start + torch.stack(list(whole)).sum(0)).clamp(0, 1)

    beside = list(zip(network.signature.inputs, network.examples(size), strict=True))
    gaps: list[Tensor] = []
    hooks = [norm.register_forward_pre_hook(lambda norm, x: gaps.append(statistics_gap(norm, x[0]))) for norm in norms]
    try:
        for step in range(steps):
            gaps.clear()
            images = render()
            shift = random.integers(-JITTER, JITTER + 1, 2).tolist()
            seen = images.roll(shift, (2, 3))[:, :, top : top + height, left : left + width]
            turned = seen.flip(3) if random.random() < 0.5 else seen
            fed = (turned * preprocessing.value_range - mean) / std
            output = network.module(*(others if taken.preprocessing is None else fed for taken, others in beside))
            variation = sum(images.diff(dim=axis).abs().mean() for axis in (2, 3))
            loss = torch.stack(gaps).mean() + SMOOTHNESS * variation
            if isinstance(output, Tensor) and output.ndim == 2 and output.shape[1] > 1:
                targets = _targets(first_class, confidence, output.shape[1])
                loss = loss + CLASS_WEIGHT * functional.cross_entropy(output, targets)
            optimizer.zero_grad()
            loss.backward(inputs=octaves)
            optimizer.step()
            schedule.step()
            step_done(step + 1)
    finally:
        for hook in hooks:
            hook.remove()
    with torch.no_grad():
        pixels = (render() * 255).round().byte().permute(0, 2, 3, 1).numpy()
    if preprocessing.channels == "BGR":
        return np.ascontiguousarray(pixels[..., ::-1])
    return pixels if depth == 3 else pixels.repeat(3, axis=3)


def _photo_mean(preprocessing: Preprocessing) -> Tensor:
    """In 0..1, ``(1, C, 1, 1)``: what the network subtracts, or what photos have where it takes raw values."""
    raw = preprocessing.value_range == 255
    mean = one_per_channel(IMAGENET_MEAN, preprocessing.channels, alpha=0.0) if raw else preprocessing.mean
    return torch.tensor(mean).view(1, -1, 1, 1)


def _photo_std(preprocessing: Preprocessing) -> Tensor:
    """As :func:`_photo_mean`."""
    raw = preprocessing.value_range == 255
    std = one_per_channel(IMAGENET_STD, preprocessing.channels, alpha=1.0) if raw else preprocessing.std
    return torch.tensor(std).view(1, -1, 1, 1)


def _targets(first_class: int, confidence: NDArray[np.float64], classes: int) -> Tensor:
    """Probabilities ``(N, classes)``: the classes in turn, each with its confidence, the rest distributed evenly."""
    sure = torch.from_numpy(confidence).float()[:, None]
    turn = functional.one_hot((torch.arange(len(confidence)) + first_class) % classes, classes)
    return turn * sure + (1 - turn) * (1 - sure) / (classes - 1)


def _dead_leaves(random: np.random.Generator, count: int, shape: tuple[int, int, int]) -> Tensor:
    """Overlapping ellipses with shading and grain, ``(count, *shape)``, in standard deviations around the mean.

    ``shape`` is ``(C, H, W)``.

    Each image has its own brightness and tint; small ellipses are frequent and large ones rare, and the grain has the
    1/f spectrum of photos.
    """
    depth, height, width = shape
    side = max(height, width)
    bottom_right = np.array([height / side, width / side])
    y, x = np.mgrid[:height, :width].astype(np.float32) / side
    images = np.empty((count, *shape), np.float32)
    for image in images:
        tint = random.normal(0, 0.7) + random.normal(0, 0.35, depth)
        image[:] = tint[:, None, None]
        radii = random.uniform(0.5**-1.5, 0.02**-1.5, LEAVES) ** (-1 / 1.5)
        for radius in np.sort(radii)[::-1]:
            centre, angle, flatness = (
                random.uniform(0, 1, 2) * bottom_right,
                random.uniform(0, math.pi),
                random.uniform(0.25, 1),
            )
            colour = tint + random.normal(0, 0.8) + random.normal(0, 0.5, depth)
            shading = random.normal(0, 0.4)
            (top, left), (bottom, right) = ((centre + sign * radius).clip(0, bottom_right) * side for sign in (-1, 1))
            box = slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)
            dx, dy = (x[box] - centre[1]) / radius, (y[box] - centre[0]) / radius
            along = dx * math.cos(angle) + dy * math.sin(angle)
            across = (dy * math.cos(angle) - dx * math.sin(angle)) / flatness
            inside = np.square(along) + np.square(across) < 1
            image[:, *box][:, inside] = (colour[:, None, None] + shading * along)[:, inside]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    spectrum = np.fft.rfft2(random.normal(size=images.shape)) / np.maximum(frequency, 1 / side)
    grain = np.fft.irfft2(spectrum, s=(height, width))
    return torch.from_numpy((images + GRAIN * grain / grain.std()).astype(np.float32))
