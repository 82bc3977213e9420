"""Which images does an export doubt? The measurements behind the thresholds of `ca-deploy export`.

    python benchmarks/image_doubts.py --photos flowers/val --others cards camvid/train/images

For photos of the domain that a network was trained on, for other folders of photos, for the bundled sets, and for
images and preprocessing that are wrong on purpose, prints a Markdown table: the number of images, how many are nearly
constant and how many nearly identical to another one, the 95th percentile of the correlation with the nearest one, and
the distance of the network's batch norms from their statistics of training, on average and at the first one.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

import ca_deploy
from ca_deploy.data.alike import likeness
from ca_deploy.data.calibration import load_calibration, load_spec
from ca_deploy.data.folders import images_below
from ca_deploy.data.images import open_rgb
from ca_deploy.networks.source import Network
from ca_deploy.networks.trained_for import distance_from_training
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples

Pixels = NDArray[np.uint8]
COUNT = 128

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", default=ca_deploy.ModelSource().model, help="a network with weights, as for export")
parser.add_argument("--photos", type=Path, required=True, help="folder of photos of its domain")
parser.add_argument("--others", type=Path, nargs="*", default=[], help="folders of other photos")
args = parser.parse_args()

network = ca_deploy.load(ca_deploy.ModelSource(args.model))
prepared = network.signature.photo_or_refuse("this program")
random = np.random.default_rng(0)


def photos(folder: Path, count: int = COUNT) -> Pixels:
    """Some photos of a folder, evenly spaced."""
    paths = images_below(folder).paths
    chosen = paths[:: -(-len(paths) // count)]
    return np.stack([prepared.to_pixels(open_rgb(path)) for path in chosen])


def video(step: int, count: int = 60) -> Pixels:
    """Frames of a camera that pans over a photo by ``step`` pixels of 300, with noise."""
    photo = skimage.data.astronaut()
    frames = (photo[40:340, 20 + step * n : 320 + step * n] + random.normal(0, 4, (300, 300, 3)) for n in range(count))
    return np.stack([prepared.to_pixels(Image.fromarray(frame.clip(0, 255).astype(np.uint8))) for frame in frames])


def sets() -> Iterator[tuple[str, Pixels]]:
    own = photos(args.photos)
    shape = (COUNT, prepared.height, prepared.width, 3)
    yield f"photos of its domain, {args.photos.name}", own
    for count in (4, 8, 16, 32):
        yield f"{count} of them", own[:: len(own) // count][:count]
    for folder in args.others:
        yield f"photos of {folder}", photos(folder)
    for name in ("distilled_flowers5", "scikit_image"):
        found = load_calibration(load_spec(name), network.signature)
        for part, samples in (("calibration", found.calibration), ("held-out", found.held_out)):
            yield f"{name}, {part}", next(iter(samples.arrays.values()))
    yield "its photos, BGR", own[..., ::-1]
    yield "its photos, brightness x 0.25", (own * 0.25).astype(np.uint8)
    yield "a video, panning 1 px per frame", video(1)
    yield "a video, panning 3 px per frame", video(3)
    yield "noise", random.integers(0, 256, shape, np.uint8)
    yield "black with noise of 2 levels", random.integers(0, 3, shape, np.uint8)
    yield "one grey", np.full(shape, 128, np.uint8)


def figures(network: Network, pixels: Pixels) -> str:
    (taken,) = network.signature.inputs
    samples = Samples({taken.name: pixels}, tuple(map(str, range(len(pixels)))))
    seen = likeness(taken, pixels)
    alike = f"{seen.alike} | {np.percentile(seen.nearest, 95):.3f}" if len(seen.nearest) else " |"
    distance = distance_from_training(network, samples)
    if distance is None:
        raise SystemExit(f"{network.name} has no batch norms with statistics of training")
    first = "" if distance.first is None else f"{distance.first:.2f}"
    far = "**far**" if distance.is_far else ""
    return f"{len(pixels)} | {seen.constant.sum()} | {alike} | {distance.average:.3f} | {first} | {far} |"


def prepared_as(preprocessing: Preprocessing) -> Network:
    taken = replace(network.signature.inputs[0], preprocessing=preprocessing)
    return replace(network, signature=replace(network.signature, inputs=(taken,)))


print("| images | n | constant | alike | 95 % of nearest | average | first | |")
print("|---|---|---|---|---|---|---|---|")
for name, pixels in sets():
    print(f"| {name} | {figures(network, pixels)}", flush=True)
for name, wrong in {
    "mean 0, std 1": replace(prepared, mean=(0.0,) * 3, std=(1.0,) * 3),
    "mean 0.5, std 0.5": replace(prepared, mean=(0.5,) * 3, std=(0.5,) * 3),
    "mean 0": replace(prepared, mean=(0.0,) * 3),
    "0 to 255": replace(prepared, value_range=255, mean=(0.0,) * 3, std=(1.0,) * 3),
}.items():
    print(f"| its photos, {name} | {figures(prepared_as(wrong), photos(args.photos))}", flush=True)
