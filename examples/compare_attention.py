"""Does Coordinate Attention earn its place? The same fine-tune with no attention, SE, CBAM and CA, and what each costs.

    python examples/compare_attention.py train --train flowers/train --val flowers/val --backbone mobilenet_v2.pth
    python examples/compare_attention.py costs
    python examples/compare_attention.py table

`train` starts each network from an ImageNet MobileNetV2 with opened gates, at a small budget (96 px, few epochs), with
three seeds. A seed fixes the order of the photos, their crops and the new classifier, for every block alike, so that
blocks are compared in pairs. The budget is fixed beforehand, and the validation photos are used once per run.
`costs` exports each network to INT8 and counts the instructions of an emulated Cortex-A76, with attention as written
and as ca-deploy writes it. All of it resumes: one JSON per run, and what exists is not run again.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import ca_deploy
from ca_deploy.models.attention import open_gates
from ca_deploy.models.mobilenet_v2 import MobileNetV2, mobilenet_v2, mobilenet_v2_ca, mobilenet_v2_cbam, mobilenet_v2_se
from ca_deploy.networks.checkpoint import load_backbone, read_checkpoint, save_checkpoint

BLOCKS = {"none": mobilenet_v2, "se": mobilenet_v2_se, "cbam": mobilenet_v2_cbam, "ca": mobilenet_v2_ca}
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
DEVICE = "emulated:cortex-a76"


def photos(root: Path, size: int) -> tuple[list[str], Tensor, Tensor]:
    """The class names of an ImageFolder tree, its images as uint8 ``(N, 3, size, size)``, and their class indices."""
    labels = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    images, targets = [], []
    for number, label in enumerate(labels):
        for path in sorted((root / label).glob("*.jpg")):
            image = Image.open(path).convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
            images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1))
            targets.append(number)
    return labels, torch.stack(images), torch.tensor(targets)


def crops(images: Tensor, size: int, random: np.random.Generator) -> Tensor:
    """A random crop of each, half of them mirrored: uint8 in, normalised floats ``(N, 3, size, size)`` out."""
    slack = images.shape[-1] - size
    cut = []
    for image in images:
        top, left = random.integers(slack + 1), random.integers(slack + 1)
        crop = image[:, top : top + size, left : left + size]
        cut.append(crop.flip(2) if random.random() < 0.5 else crop)
    return normalised(torch.stack(cut))


def normalised(images: Tensor) -> Tensor:
    return ((images.float().div(255) - MEAN) / STD).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, targets: Tensor) -> float:
    """Top-1 in percent."""
    network.eval()
    right = sum(
        int((network(normalised(part)).argmax(1) == truth).sum())
        for part, truth in zip(images.split(64), targets.split(64), strict=True)
    )
    return 100 * right / len(targets)


def batches(count: int, size: int, random: np.random.Generator) -> Iterator[Tensor]:
    order = torch.from_numpy(random.permutation(count))
    return (batch for batch in order.split(size) if len(batch) == size)


def fine_tune(block: str, seed: int, args: argparse.Namespace, labels: list[str], data: tuple[Tensor, ...]) -> None:
    images, targets, val_images, val_targets = data
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    classifier = nn.Linear(1280, len(labels))  # before the blocks draw from the generator: the same for each of them
    nn.init.normal_(classifier.weight, 0, 0.01)
    nn.init.zeros_(classifier.bias)
    network: MobileNetV2 = BLOCKS[block](num_classes=len(labels))
    load_backbone(network, read_checkpoint(args.backbone))
    open_gates(network)
    network.classifier[1] = classifier
    network = network.to(memory_format=torch.channels_last)

    new = [p for name, p in network.named_parameters() if "attention" in name or "classifier" in name]
    old = [p for name, p in network.named_parameters() if "attention" not in name and "classifier" not in name]
    optimizer = torch.optim.AdamW([{"params": new}, {"params": old}], weight_decay=0.05)
    steps = args.epochs * (len(images) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [2e-3, 3e-4], total_steps=steps, pct_start=0.2)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    started = time.perf_counter()
    losses: list[float] = []
    for epoch in range(args.epochs):
        network.train()
        of_epoch = []
        for batch in batches(len(images), args.batch, random):
            loss = loss_of(network(crops(images[batch], args.size, random)), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            of_epoch.append(loss.item())
        losses.append(statistics.mean(of_epoch))
        spent = time.perf_counter() - started
        print(f"{block} seed {seed}  epoch {epoch + 1}/{args.epochs}  loss {losses[-1]:.3f}  {spent:.0f} s", flush=True)
    found = {
        "block": block, "seed": seed, "size": args.size, "epochs": args.epochs, "batch": args.batch,
        "top1_percent": accuracy(network, val_images, val_targets), "losses": losses,
        "seconds": time.perf_counter() - started, "threads": torch.get_num_threads(),
    }  # fmt: skip
    save_checkpoint(network, args.output / f"{block}_{seed}.safetensors", {"labels": labels}, half=True)
    write(args.output / f"{block}_{seed}.json", found)
    print(f"{block} seed {seed}: {found['top1_percent']:.2f} % of {len(val_targets)} photos", flush=True)


def write(path: Path, content: object) -> None:
    """Whole or not at all."""
    path.with_suffix(".part").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".part").replace(path)


def train(args: argparse.Namespace) -> None:
    # Every seed of all blocks before the next seed: stopped early, the blocks still are comparable.
    todo = [(block, seed) for seed in args.seeds for block in BLOCKS]
    todo = [(block, seed) for block, seed in todo if not (args.output / f"{block}_{seed}.json").exists()]
    if not todo:
        return
    labels, images, targets = photos(args.train, round(args.size * 8 / 7))
    _, val_images, val_targets = photos(args.val, args.size)
    for block, seed in todo:
        fine_tune(block, seed, args, labels, (images, targets, val_images, val_targets))


def costs(args: argparse.Namespace) -> None:
    """One JSON per block and lowering: sizes, and million instructions per inference, which no weights change."""
    for block in BLOCKS:
        for lowering in ("reference", "default"):
            path = args.output / f"cost_{block}_{lowering}.json"
            if path.exists():
                continue
            weights = args.output / f"{block}_{args.seeds[0]}.safetensors"
            trained = {"weights": weights} if weights.exists() else {"random_weights": True, "num_classes": 5}
            model = "mobilenet_v2" if block == "none" else f"mobilenet_v2_{block}"
            exports = ca_deploy.export(
                ca_deploy.ModelSource(model, input_size=args.deployed_size, **trained),
                formats=["tflite", "onnx"],
                int8=True,
                calibration=str(args.calibration) if args.calibration else "scikit_image",
                held_out=32,
                output=args.output / f"{block}_{lowering}",
                lowering=lowering,
            )
            report = ca_deploy.profile([export.path for export in exports], DEVICE)
            counted = {found.file: found.instructions for found in report.measurements}
            found = {}
            for export in exports:
                instructions = counted[str(export.path)]
                if instructions is None:
                    raise SystemExit(f"{export.path} was not counted: {report.failures}")
                found[export.path.suffix.removeprefix(".")] = {
                    "size_mb": export.path.stat().st_size / 1e6,
                    "instructions_m": instructions.total / 1e6,
                    "parity": f"{export.manifest.parity.status}" if "weights" in trained else "untrained",
                    "float_operators": sum(one.count for one in export.manifest.float_operators),
                }
            write(path, found)
            print(f"{block} {lowering}: {found}", flush=True)


def table(args: argparse.Namespace) -> None:
    """The runs that exist, as a Markdown table."""
    runs = [json.loads(path.read_text()) for path in sorted(args.output.glob("*_[0-9]*.json"))]
    by_seed = {(run["block"], run["seed"]): run["top1_percent"] for run in runs}
    print("| block | seeds | top-1, % | mean ± standard deviation | against none, same seed |")
    print("|---|---|---|---|---|")
    for block in BLOCKS:
        found = {seed: top1 for (name, seed), top1 in by_seed.items() if name == block}
        if not found:
            continue
        pairs = [top1 - by_seed["none", seed] for seed, top1 in found.items() if ("none", seed) in by_seed]
        each = ", ".join(f"{top1:.2f}" for top1 in found.values())
        print(f"| {block} | {len(found)} | {each} | {spread(list(found.values()))} | {spread(pairs, '+')} |")
    print("\n| block | attention | INT8 file | MB | million instructions | float operators | parity |")
    print("|---|---|---|---|---|---|---|")
    for block in BLOCKS:
        for lowering in ("reference", "default"):
            path = args.output / f"cost_{block}_{lowering}.json"
            for format, cost in json.loads(path.read_text()).items() if path.exists() else ():
                figures = f"{cost['size_mb']:.2f} | {cost['instructions_m']:.1f} | {cost['float_operators']}"
                written = "as written" if lowering == "reference" else "lowered"
                print(f"| {block} | {written} | {format} | {figures} | {cost['parity']} |")


def spread(values: list[float], sign: str = "") -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    return f"{statistics.mean(values):{sign}.2f} ± {deviation:.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("train", "costs", "table"))
    parser.add_argument("--train", type=Path, help="ImageFolder tree of training images")
    parser.add_argument("--val", type=Path, help="ImageFolder tree of validation images")
    parser.add_argument("--backbone", type=Path, help="MobileNetV2 ImageNet weights")
    parser.add_argument("--calibration", type=Path, help="folder of photos for the INT8 files")
    parser.add_argument("--output", type=Path, default=Path("compare_attention"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--size", type=int, default=96, help="training and validation images in pixels")
    parser.add_argument("--deployed-size", type=int, default=224, help="input of the exported files in pixels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.output.mkdir(parents=True, exist_ok=True)
    {"train": train, "costs": costs, "table": table}[given.verb](given)
