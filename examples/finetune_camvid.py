"""Fine-tune DeepLabV3 on CA-MobileNetV2 on folders of images and masks, starting from an ImageNet MobileNetV2.

    python examples/finetune_camvid.py --train camvid/train --val camvid/val --backbone mobilenet_v2.pth \
        --output deeplab.safetensors

Data: `images/` and `masks/` with the same names; a mask has one value per class, and 11 for pixels that do not count.
CamVid (Brostow et al., 2008) in the version of SegNet is such a set; its licence forbids to pass on the weights.

After each epoch everything is written to `OUTPUT.resume`, and a run that was stopped goes on from there when the same
command is given again. `OUTPUT.json` records the seed, the loss and the seconds of each epoch, and after every fourth
the mean IoU on every tenth training image, which is held out; at the end the mean IoU on `--val`, which nothing was
chosen by.
"""

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ca_deploy.models.attention import open_gates
from ca_deploy.models.deeplabv3 import DeepLabV3
from ca_deploy.models.mobilenet_v2 import MobileNetV2
from ca_deploy.networks.checkpoint import load_backbone, read_checkpoint, save_checkpoint

LABELS = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
VOID = len(LABELS)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
EMA_DECAY = 0.99
_MEASURED_EVERY = 4  # epochs


def load_folder(root: Path) -> tuple[Tensor, Tensor]:
    """Images uint8 ``(N, 3, H, W)``, and their masks uint8 ``(N, H, W)``."""
    masks = sorted((root / "masks").glob("*.png"))
    images = [np.array(Image.open(next((root / "images").glob(f"{mask.stem}.*"))).convert("RGB")) for mask in masks]
    truth = [np.array(Image.open(mask)) for mask in masks]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(truth))


def augment(image: Tensor, mask: Tensor, size: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A square crop at two thirds to 1.6 times the scale, mirrored or not, in other light; float 0..1 and int64."""
    crop = round(size / random.uniform(2 / 3, 1.6))
    height, width = mask.shape
    padding = (0, max(0, crop - width), 0, max(0, crop - height))
    image = nn.functional.pad(image, padding, value=114)
    mask = nn.functional.pad(mask, padding, value=VOID)
    top, left = (int(random.integers(side - crop + 1)) for side in mask.shape)
    image, mask = (part[..., top : top + crop, left : left + crop] for part in (image, mask))
    scaled = nn.functional.interpolate(image[None].float() / 255, (size, size), mode="bilinear", antialias=True)[0]
    truth = nn.functional.interpolate(mask[None, None].float(), (size, size), mode="nearest")[0, 0].long()
    if random.random() < 0.5:
        scaled, truth = scaled.flip(2), truth.flip(1)
    scaled = scaled * random.uniform(0.7, 1.3)
    scaled = (scaled - scaled.mean()) * random.uniform(0.7, 1.3) + scaled.mean()
    grey = scaled.mean(0, keepdim=True)
    return ((scaled - grey) * random.uniform(0.6, 1.4) + grey).clamp(0, 1), truth


def logits_of(network: nn.Module, inputs: Tensor, size: tuple[int, int]) -> Tensor:
    found = network(((inputs - MEAN) / STD).contiguous(memory_format=torch.channels_last)).float()
    return nn.functional.interpolate(found, size, mode="bilinear", align_corners=False)


@torch.no_grad()
def iou_percent(network: nn.Module, images: Tensor, masks: Tensor) -> dict[str, float]:
    """Intersection over union of every class, over all pixels that count, at the images' own size."""
    network.eval()
    counts = torch.zeros(len(LABELS), len(LABELS), dtype=torch.int64)
    for image, mask in zip(images.split(4), masks.split(4), strict=True):
        height, width = mask.shape[1:]
        found = logits_of(network, image.float() / 255, (height, width)).argmax(1)
        counted = mask != VOID
        pairs = mask[counted].long() * len(LABELS) + found[counted]
        counts += torch.bincount(pairs, minlength=counts.numel()).view_as(counts)
    union = counts.sum(0) + counts.sum(1) - counts.diagonal()
    return dict(zip(LABELS, (100 * counts.diagonal() / union).tolist(), strict=True))


def mean(values: dict[str, float]) -> float:
    return float(np.nanmean(list(values.values())))


def class_weights(masks: Tensor) -> Tensor:
    """Rare classes count more: by the inverse root of their share of the pixels, one on average."""
    weights = torch.bincount(masks.flatten(), minlength=VOID + 1)[:VOID].clamp(1).float().rsqrt()
    return weights / weights.mean()


def new_network(backbone: Path) -> DeepLabV3:
    features = MobileNetV2(attention="ca", output_stride=16)
    load_backbone(features, read_checkpoint(backbone))
    open_gates(features)
    return DeepLabV3(features, len(LABELS), output_stride=16)


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    images, masks = load_folder(args.train)
    held = torch.arange(0, len(images), 10)
    order = torch.tensor([number for number in range(len(images)) if number % 10])

    network = new_network(args.backbone).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(network)
    new = [p for name, p in network.named_parameters() if "attention" in name or not name.startswith("features")]
    old = [p for name, p in network.named_parameters() if "attention" not in name and name.startswith("features")]
    optimizer = torch.optim.AdamW([{"params": new}, {"params": old}], weight_decay=0.05)
    steps = len(order) // args.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [args.rate, args.rate / 4], total_steps=args.epochs * steps, pct_start=0.1
    )
    loss_of = nn.CrossEntropyLoss(class_weights(masks[order]), ignore_index=VOID)
    parts = {"network": network, "averaged": averaged, "optimizer": optimizer, "schedule": schedule}
    resume, record = (args.output.with_name(args.output.name + suffix) for suffix in (".resume", ".json"))
    settings = {"seed": args.seed, "epochs": args.epochs, "size": args.size, "batch": args.batch, "rate": args.rate}
    curve: list[dict[str, Any]] = []
    if resume.exists():
        saved = torch.load(resume, weights_only=True)
        if saved["settings"] != settings:
            raise SystemExit(f"{resume} is of a run with {saved['settings']}: remove it, or give the same settings.")
        curve = saved["curve"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        print(f"going on after epoch {len(curve)}, from {resume}", flush=True)

    for epoch in range(len(curve), args.epochs):
        started = time.perf_counter()
        random = np.random.default_rng([args.seed, epoch])  # the same whether the run was interrupted or not
        torch.manual_seed(args.seed * args.epochs + epoch)  # of dropout
        network.train()
        total = 0.0
        for batch in order[torch.from_numpy(random.permutation(len(order)))].split(args.batch)[:steps]:
            pairs = [augment(images[i], masks[i], args.size, random) for i in batch]
            inputs, truth = (torch.stack(list(part)) for part in zip(*pairs, strict=True))
            with torch.autocast("cpu", torch.bfloat16):
                logits = logits_of(network, inputs, (args.size, args.size))
            loss = loss_of(logits, truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            with torch.no_grad():
                for kept, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
                    kept.lerp_(value, 1 - EMA_DECAY) if kept.is_floating_point() else kept.copy_(value)
        curve.append({"loss": round(total / steps, 4), "seconds": round(time.perf_counter() - started, 1)})
        if epoch % _MEASURED_EVERY == _MEASURED_EVERY - 1:
            curve[-1]["held_out_miou_percent"] = round(mean(iou_percent(averaged, images[held], masks[held])), 2)
        state = {name: part.state_dict() for name, part in parts.items()}
        torch.save({**state, "settings": settings, "curve": curve}, resume.with_suffix(".part"))
        resume.with_suffix(".part").replace(resume)
        record.write_text(json.dumps({"settings": settings, "curve": curve}, indent=1))
        print(f"epoch {epoch + 1}/{args.epochs}  {curve[-1]}", flush=True)

    height, width = masks.shape[1:]
    preprocessing = {
        "mean": MEAN.flatten().tolist(), "std": STD.flatten().tolist(), "crop": [height, width],
        "resize": min(height, width), "fit": "stretch",
    }  # fmt: skip
    save_checkpoint(averaged, args.output, {"labels": LABELS, "preprocessing": preprocessing}, half=True)
    done: dict[str, Any] = {"settings": settings, "curve": curve}
    if args.val:
        done["val_iou_percent"] = iou_percent(averaged, *load_folder(args.val))
        done["val_miou_percent"] = mean(done["val_iou_percent"])
        print(f"mean IoU on {args.val}: {done['val_miou_percent']:.2f} %")
    record.write_text(json.dumps(done, indent=1))
    print(f"wrote {args.output} and {record}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="folder with images/ and masks/")
    parser.add_argument("--val", type=Path, help="such a folder, for the figure at the end")
    parser.add_argument("--backbone", type=Path, required=True, help="MobileNetV2 ImageNet weights")
    parser.add_argument("--output", type=Path, required=True, help="where to write the fp16 .safetensors checkpoint")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--size", type=int, default=240, help="training crop in pixels; a multiple of 16")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate of new layers; of others a quarter")
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())
