"""Fine-tune CA-MobileNetV2 on an ImageFolder tree, starting from an ImageNet MobileNetV2.

The bundled reference model was trained with it (model card: `ca_deploy/models/weights/mobilenet_v2_ca_flowers5.md`):

    python examples/finetune_flowers.py --train flowers/train --backbone mobilenet_v2.pth --output flowers5.safetensors

A tenth of the training images is held out, and its accuracy is printed after each epoch: choose the number of epochs
by it, and use the validation images only once, at the end (`ca-deploy evaluate`).

Data: one folder per class. Backbone: torchvision's MobileNetV2 weights, in any format that `read_checkpoint` reads.
"""

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.models.mobilenet_v2 import mobilenet_v2_ca
from ca_deploy.networks.checkpoint import load_backbone, read_checkpoint, save_checkpoint

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
EVAL_SIZE = 224
EMA_DECAY = 0.99


def load_folder(root: Path) -> tuple[list[str], Tensor, Tensor]:
    """The class names of an ImageFolder tree, its images as uint8 ``(N, 3, 224, 224)``, and their class indices."""
    labels = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    images, targets = [], []
    for number, label in enumerate(labels):
        for path in sorted((root / label).glob("*.jpg")):
            image = Image.open(path).convert("RGB").resize((EVAL_SIZE, EVAL_SIZE), Image.Resampling.BILINEAR)
            images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1))
            targets.append(number)
    return labels, torch.stack(images), torch.tensor(targets)


def augment(image: Tensor, size: int, random: np.random.Generator) -> Tensor:
    """Random resized crop, horizontal flip, brightness, contrast and saturation; uint8 in, float 0..1 out."""
    _, height, width = image.shape
    area = random.uniform(0.3, 1.0) * height * width
    ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
    crop_w = min(width, round(math.sqrt(area * ratio)))
    crop_h = min(height, round(math.sqrt(area / ratio)))
    top, left = random.integers(height - crop_h + 1), random.integers(width - crop_w + 1)
    crop = image[:, top : top + crop_h, left : left + crop_w].float().div(255)
    crop = nn.functional.interpolate(crop[None], (size, size), mode="bilinear", antialias=True)[0]
    if random.random() < 0.5:
        crop = crop.flip(2)
    crop = crop * random.uniform(0.7, 1.3)
    crop = (crop - crop.mean()) * random.uniform(0.7, 1.3) + crop.mean()
    grey = crop.mean(0, keepdim=True)
    return ((crop - grey) * random.uniform(0.6, 1.4) + grey).clamp(0, 1)


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, targets: Tensor) -> float:
    """Top-1 in percent, at 224 px."""
    network.eval()
    right = 0
    for part, truth in zip(images.split(64), targets.split(64), strict=True):
        right += int((network((part.float().div(255) - MEAN) / STD).argmax(1) == truth).sum())
    return 100 * right / len(targets)


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    random = np.random.default_rng(args.seed)
    labels, images, targets = load_folder(args.train)
    order = torch.from_numpy(random.permutation(len(images)))
    held = order[: round(args.holdout * len(order))]
    order = order[len(held) :]

    network = mobilenet_v2_ca(num_classes=len(labels))
    load_backbone(network, read_checkpoint(args.backbone))
    for module in network.modules():
        if isinstance(module, CoordAttention):
            module.open_gates()
    network = network.to(memory_format=torch.channels_last)
    new = [p for name, p in network.named_parameters() if "attention" in name or "classifier" in name]
    old = [p for name, p in network.named_parameters() if "attention" not in name and "classifier" not in name]
    optimizer = torch.optim.AdamW([{"params": new}, {"params": old}], weight_decay=0.05)
    steps = args.epochs * (len(order) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [2e-3, 3e-4], total_steps=steps, pct_start=0.2)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    averaged = copy.deepcopy(network)

    for epoch in range(args.epochs):
        started = time.perf_counter()
        network.train()
        total = 0.0
        shuffled = order[torch.from_numpy(random.permutation(len(order)))]
        for batch in shuffled.split(args.batch):
            if len(batch) < args.batch:
                continue
            inputs = torch.stack([augment(images[i], args.size, random) for i in batch])
            inputs = ((inputs - MEAN) / STD).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(inputs)
            loss = loss_of(logits.float(), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            with torch.no_grad():
                for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
                    mean.lerp_(value, 1 - EMA_DECAY) if mean.is_floating_point() else mean.copy_(value)
        report = f"epoch {epoch + 1}/{args.epochs}  loss {total / (len(order) // args.batch):.3f}"
        if len(held):
            report += f"  held-out {accuracy(averaged, images[held], targets[held]):.2f} %"
        print(f"{report}  {time.perf_counter() - started:.0f} s", flush=True)

    if args.output:
        preprocessing = {
            "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "resize": EVAL_SIZE, "crop": EVAL_SIZE,
        }  # fmt: skip
        save_checkpoint(averaged, args.output, {"labels": labels, "preprocessing": preprocessing}, half=True)
        print(f"wrote {args.output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="ImageFolder tree of training images")
    parser.add_argument("--backbone", type=Path, required=True, help="MobileNetV2 ImageNet weights")
    parser.add_argument("--output", type=Path, help="where to write the fp16 .safetensors checkpoint")
    parser.add_argument("--holdout", type=float, default=0.1, help="fraction of the images to hold out")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--size", type=int, default=192, help="training crop in pixels (accuracy is measured at 224)")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())
