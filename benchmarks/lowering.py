"""What does attention cost, as written and as it is written for each runtime?

    python benchmarks/lowering.py networks --cpus cortex-a76 --output lowering/
    python benchmarks/lowering.py blocks --output lowering/

``networks``: MobileNetV2 1.0 (1000 classes, 224 px, random weights) plain, with SE and with Coordinate Attention in 16
blocks, as written and lowered: exact instructions per inference on emulated processors, what stayed float, and size.
``blocks``: one inverted residual at each of MobileNetV2's map sizes, with each of several choices: the figures that
``ca_deploy/lowering/rules.toml`` is written from. Prints Markdown, and writes JSON to the output folder.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import ca_deploy
from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.models.mobilenet_v2 import MobileNetV2
from ca_deploy.records.input_wish import input_wish
from ca_deploy.records.model import ModelSource
from tests.zoo.attention import SqueezeExcite

RECIPES = ("onnx_float32", "onnx_static_wi8_ai8", "tflite_float32", "tflite_static_wi8_ai8")
RUNTIMES = dict(
    zip(RECIPES, ("ONNX Runtime float32", "ONNX Runtime INT8", "LiteRT float32", "LiteRT INT8"), strict=True)
)
# (channels, px): the maps of MobileNetV2 that have attention, the first of each size
MAPS = ((144, 56), (192, 28), (384, 14), (960, 7))
_APART = "branches=apart,activation=folded"
CANDIDATES = {
    "onnx_float32": (
        f"pools=convolution,product=outer_product,{_APART}",
        f"pools=mean,product=one_by_one,{_APART}",
        f"layout=channels_last,{_APART}",
    ),
    "onnx_static_wi8_ai8": (
        f"pools=global_average,product=copied,{_APART}",
        f"pools=global_average,product=one_by_one,{_APART}",
        f"pools=convolution,product=one_by_one,{_APART}",
    ),
    "tflite_float32": (f"pools=mean,product=one_by_one,{_APART}", f"pools=mean,product=outer_product,{_APART}"),
    "tflite_static_wi8_ai8": (f"pools=mean,product=one_by_one,{_APART}", f"pools=mean,product=outer_product,{_APART}"),
}


class Block(nn.Module):
    """Depthwise convolution, attention and projection of an inverted residual (arXiv 1801.04381)."""

    def __init__(self, channels: int, attention: nn.Module) -> None:
        super().__init__()
        self.depthwise = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU6(),
        )
        self.attention = attention
        self.project = nn.Sequential(nn.Conv2d(channels, channels // 6, 1, bias=False), nn.BatchNorm2d(channels // 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.project(self.attention(self.depthwise(x)))
        return found


def network(attention: str) -> nn.Module:
    """MobileNetV2 with random weights whose BatchNorms have seen noise."""
    torch.manual_seed(0)
    net = MobileNetV2(1000, attention=None if attention == "plain" else "ca")
    for block in net.modules():
        if attention == "se" and isinstance(getattr(block, "attention", None), CoordAttention):
            block.attention = SqueezeExcite(block.project[0].in_channels, nn.Sigmoid)
    return settled(net, torch.randn(8, 3, 224, 224))


def settled(net: nn.Module, x: torch.Tensor) -> nn.Module:
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(x)
    return net.eval()


def exported(
    net: nn.Module, source: ModelSource, recipes: tuple[str, ...], lowering: str, folder: Path, **how: Any
) -> dict[str, Any]:
    """Recipe -> export; a file of random weights may miss its tolerances, which does not matter here."""
    done = ca_deploy.export(net, source=source, recipes=recipes, lowering=lowering, output=folder, **how)
    return {export.manifest.recipe.name: export for export in done}


def counted(files: list[Path], cpu: str) -> dict[str, float]:
    """File -> millions of instructions per inference."""
    report = ca_deploy.profile(files, f"emulated:{cpu}")
    return {found.file: found.instructions.total / 1e6 for found in report.measurements if found.instructions}


def networks(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    variants = [
        ("plain", "reference"),
        ("plain", "default"),
        ("se", "reference"),
        ("se", "default"),
        ("ca", "reference"),
        ("ca", "default"),
    ]
    source = ModelSource(input_size=224)
    for number, (attention, lowering) in enumerate(variants):
        folder = arguments.output / f"{attention}-{lowering}"
        made = exported(
            network(attention), source, arguments.recipes, lowering, folder, calibration_count=8, held_out=32
        )
        for cpu in arguments.cpus:
            counts = counted([export.path for export in made.values()], cpu)
            for recipe, export in made.items():
                manifest = export.manifest
                yield {
                    "recipe": recipe, "cpu": cpu, "attention": attention, "lowering": lowering,
                    "instructions_millions": counts[str(export.path)],
                    "float_operators": sum(found.count for found in manifest.float_operators),
                    "delegates": list(manifest.acceleration), "size_bytes": manifest.size_bytes, "order": number,
                }  # fmt: skip


def blocks(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    samples = arguments.output / "samples.npz"
    for channels, px in MAPS:
        rng = np.random.default_rng(0)
        np.savez(samples, x=rng.normal(size=(40, channels, px, px)).astype(np.float32))
        source = ModelSource(inputs=(input_wish(f"x={channels}x{px}x{px}"),))
        torch.manual_seed(0)
        x = torch.randn(8, channels, px, px)
        plain, attended = (
            settled(Block(channels, attention), x) for attention in (nn.Identity(), CoordAttention(channels))
        )
        for recipe in arguments.recipes:
            for net, lowering in [
                (plain, "plain"),
                (attended, "reference"),
                *((attended, c) for c in CANDIDATES[recipe]),
            ]:
                folder = arguments.output / f"{channels}-{px}-{recipe}-{lowering}".replace("=", "-").replace(",", "-")
                chosen = "reference" if lowering == "plain" else lowering
                how = {"calibration": str(samples), "held_out": 32}
                (export,) = exported(net, source, (recipe,), chosen, folder, **how).values()
                for cpu in arguments.cpus:
                    (count,) = counted([export.path], cpu).values()
                    yield {
                        "recipe": recipe, "cpu": cpu, "channels": channels, "px": px, "lowering": lowering,
                        "instructions_millions": count, "per_element": count * 1e6 / (channels * px * px),
                    }  # fmt: skip


def of_networks(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| runtime | processor | network | written | M instructions | of plain | float operators | MB |"
    yield "|---|---|---|---|---|---|---|---|"
    plain = {
        (row["recipe"], row["cpu"]): row["instructions_millions"]
        for row in rows
        if (row["attention"], row["lowering"]) == ("plain", "reference")
    }
    for row in sorted(rows, key=lambda row: (RECIPES.index(row["recipe"]), row["cpu"], row["order"])):
        ratio = row["instructions_millions"] / plain[row["recipe"], row["cpu"]]
        yield (
            f"| {RUNTIMES[row['recipe']]} | {row['cpu']} | {row['attention']} | {row['lowering']} | "
            f"{row['instructions_millions']:.2f} | {ratio:.3f} | {row['float_operators']} | "
            f"{row['size_bytes'] / 1e6:.2f} |"
        )


def of_blocks(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| runtime | processor | map | written | M instructions | attention, per element |"
    yield "|---|---|---|---|---|---|"
    key = ("recipe", "cpu", "px")
    plain = {tuple(row[k] for k in key): row["per_element"] for row in rows if row["lowering"] == "plain"}
    for row in rows:
        added = row["per_element"] - plain[tuple(row[k] for k in key)]
        yield (
            f"| {RUNTIMES[row['recipe']]} | {row['cpu']} | {row['channels']}x{row['px']}x{row['px']} | "
            f"{row['lowering']} | {row['instructions_millions']:.3f} | {added:.2f} |"
        )


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("what", choices=("networks", "blocks"))
parser.add_argument("--cpus", nargs="+", default=["cortex-a76"])
parser.add_argument("--recipes", nargs="+", default=RECIPES)
parser.add_argument("--output", type=Path, required=True)
arguments = parser.parse_args()
arguments.output.mkdir(parents=True, exist_ok=True)
rows = []
for row in (networks if arguments.what == "networks" else blocks)(arguments):
    rows.append(row)
    sys.stderr.write(f"{json.dumps(row)}\n")
(arguments.output / f"{arguments.what}.json").write_text(json.dumps(rows, indent=1))
sys.stdout.write("\n".join((of_networks if arguments.what == "networks" else of_blocks)(rows)) + "\n")
