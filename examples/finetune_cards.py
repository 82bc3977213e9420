"""Fine-tune SSDLite with a CA-MobileNetV2 on photos labelled in COCO JSON, from an ImageNet MobileNetV2.

The tests' detector was trained with it (model card: `tests/assets/ssdlite320_mobilenet_v2_ca_cards6.md`):

    python examples/finetune_cards.py --train cards/train --truth cards/train.json --val cards/val.json \\
        --backbone mobilenet_v2.pth --state cards.pt --output cards6.safetensors

`--state` is written after every epoch, with the seed, the time and the curve: the same command goes on from it. The
weights are those of the last epoch, whatever the curve of `--val` was.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor, nn

from ca_deploy.evaluation.accuracy import evaluate_predictor
from ca_deploy.evaluation.predictor import network_predictor
from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.models.multibox import MultiBoxLoss
from ca_deploy.models.ssdlite import SSDLite
from ca_deploy.networks.checkpoint import load_backbone, read_checkpoint, save_checkpoint
from ca_deploy.networks.source import load, source_of_object
from ca_deploy.records.model import ModelSource

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SIZE = 320
EMA_DECAY = 0.99
Photo = tuple[Image.Image, np.ndarray, np.ndarray]  # with boxes (n, 4) in pixels, left, top, right, bottom; classes


def load_coco(folder: Path, truth: Path) -> tuple[list[str], list[Photo]]:
    """The names of the categories, and the photos, decoded, with their boxes."""
    content = json.loads(truth.read_text())
    numbers = {one["id"]: number for number, one in enumerate(content["categories"])}
    photos = []
    for image in content["images"]:
        with Image.open(folder / image["file_name"]) as opened:
            photo = opened.convert("RGB")
        own = [one for one in content["annotations"] if one["image_id"] == image["id"]]
        boxes = np.array([one["bbox"] for one in own], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        photos.append((photo, boxes, np.array([numbers[one["category_id"]] for one in own], np.int64)))
    return [one["name"] for one in content["categories"]], photos


def augment(photo: Photo, random: np.random.Generator) -> Photo:
    """A crop or a border, a quarter turn or a mirror, other light; boxes stay whose centre is in the picture."""
    image, boxes, classes = photo
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(random.uniform(0.6, 1.4))
    zoom, aspect = random.uniform(0.5, 1.4), np.exp(random.uniform(-0.25, 0.25))
    width, height = image.width * zoom * aspect, image.height * zoom / aspect
    left = random.uniform(min(0, image.width - width), max(0, image.width - width))
    top = random.uniform(min(0, image.height - height), max(0, image.height - height))
    grey = tuple(int(value) for value in random.integers(0, 256, 3))
    image = image.transform(
        (SIZE, SIZE), Image.Transform.EXTENT, (left, top, left + width, top + height),
        Image.Resampling.BILINEAR, fillcolor=grey,
    )  # fmt: skip
    boxes = (boxes - [left, top, left, top]) * (SIZE / np.array([width, height, width, height]))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centres > 0) & (centres < SIZE)).all(1)
    boxes, classes = boxes[inside].clip(0, SIZE), classes[inside]
    for _ in range(random.choice([0, 1, 2, 3], p=[0.5, 0.1, 0.3, 0.1])):  # anticlockwise
        image = image.transpose(Image.Transpose.ROTATE_90)
        boxes = np.stack([boxes[:, 1], SIZE - boxes[:, 2], boxes[:, 3], SIZE - boxes[:, 0]], 1)
    if random.random() < 0.3:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        boxes = np.stack([SIZE - boxes[:, 2], boxes[:, 1], SIZE - boxes[:, 0], boxes[:, 3]], 1)
    return image, boxes, classes


def mosaic(photos: list[Photo], random: np.random.Generator) -> Photo:
    """Four augmented photos, each in a quarter."""
    canvas, boxes, classes = Image.new("RGB", (SIZE, SIZE)), [], []
    for number, photo in enumerate(photos):
        image, own, kinds = augment(photo, random)
        left, top = SIZE // 2 * (number % 2), SIZE // 2 * (number // 2)
        canvas.paste(image.resize((SIZE // 2, SIZE // 2), Image.Resampling.BILINEAR), (left, top))
        boxes.append(own / 2 + [left, top, left, top])
        classes.append(kinds)
    return canvas, np.concatenate(boxes), np.concatenate(classes)


def tensor_of(image: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(image, np.float32)).div(255)
    return ((pixels - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)


@torch.no_grad()
def average_precision(network: SSDLite, truth: Path, labels: list[str]) -> dict[str, float]:
    """COCO's AP and others in percent, as `ca-deploy evaluate` measures them."""
    source = ModelSource(input_size=SIZE, fit="stretch", mean=tuple(MEAN), std=tuple(STD))
    predictor = network_predictor(load(source_of_object(network, source), network))
    scoring = predictor.task.scoring
    assert scoring is not None
    return dict(evaluate_predictor(predictor, scoring.read(truth, labels)).figures)


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    labels, photos = load_coco(args.train, args.truth)
    network = SSDLite(len(labels))
    load_backbone(network, read_checkpoint(args.backbone), SSDLite.new_modules)
    for module in network.modules():
        if isinstance(module, CoordAttention):
            module.open_gates()
    network = network.to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(network)
    loss_of = MultiBoxLoss(network.box_coding)

    def is_new(name: str) -> bool:
        return any(part in SSDLite.new_modules for part in name.split("."))

    new = [value for name, value in network.named_parameters() if is_new(name)]
    old = [value for name, value in network.named_parameters() if not is_new(name)]
    optimizer = torch.optim.AdamW([{"params": new}, {"params": old}], weight_decay=0.05)
    per_epoch = len(photos) // args.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [2e-3, 5e-4], total_steps=args.epochs * per_epoch, pct_start=0.15
    )
    parts = {"network": network, "averaged": averaged, "optimizer": optimizer, "schedule": schedule}
    curve: list[dict[str, float]] = []
    if args.state.exists():
        state = torch.load(args.state, weights_only=True)
        if (state["seed"], state["epochs"]) != (args.seed, args.epochs):
            raise SystemExit(f"{args.state} has seed {state['seed']} and {state['epochs']} epochs: pass these.")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        curve = state["curve"]

    for epoch in range(len(curve), args.stop or args.epochs):
        started = time.perf_counter()
        random = np.random.default_rng([args.seed, epoch])  # an epoch begins the same after a resumption
        network.train()
        total = 0.0
        for batch in random.permutation(len(photos))[: per_epoch * args.batch].reshape(per_epoch, -1):
            chosen = []
            for number in batch:
                others = [photos[one] for one in random.integers(0, len(photos), 3)]
                whole = random.random() < 0.6
                chosen.append(augment(photos[number], random) if whole else mosaic([photos[number], *others], random))
            inputs = torch.stack([tensor_of(image) for image, _, _ in chosen])
            with torch.autocast("cpu", torch.bfloat16):
                given = network(inputs.contiguous(memory_format=torch.channels_last))
            truth = [(torch.from_numpy(boxes / SIZE).float(), torch.from_numpy(kinds)) for _, boxes, kinds in chosen]
            loss = loss_of(given["boxes"].float(), given["scores"].float(), truth)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
            with torch.no_grad():
                for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
                    mean.lerp_(value, 1 - EMA_DECAY) if mean.is_floating_point() else mean.copy_(value)
        row = {"epoch": epoch + 1, "loss": total / per_epoch, "seconds": time.perf_counter() - started}
        if args.val and ((epoch + 1) % 10 == 0 or epoch + 1 == (args.stop or args.epochs)):
            row |= average_precision(averaged, args.val, labels)
        curve.append(row)
        print("  ".join(f"{key} {value:.3f}" for key, value in row.items()), flush=True)
        kept = {name: part.state_dict() for name, part in parts.items()}
        partial = args.state.with_suffix(".partial")
        torch.save({**kept, "curve": curve, "seed": args.seed, "epochs": args.epochs}, partial)
        partial.replace(args.state)

    preprocessing = {"mean": MEAN, "std": STD, "resize": SIZE, "crop": SIZE, "fit": "stretch"}
    save_checkpoint(averaged, args.output, {"labels": labels, "preprocessing": preprocessing}, half=True)
    args.output.with_suffix(".curve.json").write_text(json.dumps({"seed": args.seed, "curve": curve}, indent=1))
    print(f"wrote {args.output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="folder of training photos")
    parser.add_argument("--truth", type=Path, required=True, help="their boxes, COCO JSON")
    parser.add_argument("--val", type=Path, help="COCO JSON of validation photos, for the curve")
    parser.add_argument("--backbone", type=Path, required=True, help="MobileNetV2 ImageNet weights")
    parser.add_argument("--state", type=Path, required=True, help="where to keep the state of the training")
    parser.add_argument("--output", type=Path, required=True, help="where to write the fp16 .safetensors checkpoint")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--stop", type=int, help="end after this epoch, with the averaged weights as they then are")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())
