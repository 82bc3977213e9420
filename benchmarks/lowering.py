"""What does attention cost, as written and as it is written for each runtime?

    python -m benchmarks.lowering networks --cpus cortex-a76 --output lowering/
    python -m benchmarks.lowering networks --names mobilenet_v2_0.5 detectors.yolo --wall --output lowering/
    python -m benchmarks.lowering blocks --output lowering/ --write

``networks``: MobileNetV2 1.0 and 0.5 (1000 classes, 224 px, random weights) plain, with SE and with Coordinate
Attention in 16 blocks, and networks of the zoo in timm's and YOLO's style, as written and lowered: exact instructions
per inference on emulated processors, what stayed float, and size. ``--wall`` adds times on this machine, interleaved,
as ratios.
``blocks``: what attention takes per element of its map at each of MobileNetV2's map sizes, written in several ways;
``--write`` makes ``ca_deploy/lowering/rules.toml`` of it. Prints Markdown, and writes JSON to the output folder.
"""

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import ca_deploy
from ca_deploy.models.attention import Attention
from ca_deploy.models.mobilenet_v2 import InvertedResidual, MobileNetV2
from ca_deploy.records.model import ModelSource
from tests.zoo.catalogue import CATALOGUE

RUNTIMES = {
    "onnx_float32": "ONNX Runtime float32",
    "onnx_static_wi8_ai8": "ONNX Runtime INT8",
    "tflite_float32": "LiteRT float32",
    "tflite_float16_afp16": "LiteRT float16",
    "tflite_static_wi8_ai8": "LiteRT INT8",
}
RECIPES = tuple(RUNTIMES)
KINDS: dict[str, Attention | None] = {"plain": None, "se": "se", "ca": "ca"}
ZOO = (
    "attention.coord_attn",
    "attention.simple_coord",
    "attention.efficient_local",
    "attention.strip",
    "detectors.yolo",
)
RULES = Path(ca_deploy.__file__).parent / "lowering" / "rules.toml"
RULES_OF = {recipe: name.replace(" Runtime", "runtime").replace(" ", "-").lower() for recipe, name in RUNTIMES.items()}
# Side of the map -> channels of the network there (MobileNetV2's, a sixth of its maps').
STAIRS = {56: 24, 28: 32, 14: 64, 7: 160}
_APART = "branches=apart,activation=folded"
_ONE = "activation=folded"
CANDIDATES: dict[str, dict[str, tuple[str, ...]]] = {
    "onnx_float32": {
        "ca": (
            f"pools=convolution,product=outer_product,{_APART}",
            f"pools=mean,product=one_by_one,{_APART}",
            f"layout=channels_last,{_APART}",
        ),
        "se": (_ONE, f"pools=mean,{_ONE}", f"layout=channels_last,{_ONE}"),
    },
    "onnx_static_wi8_ai8": {
        "ca": (
            f"pools=global_average,product=copied,{_APART}",
            f"pools=global_average,product=one_by_one,{_APART}",
            f"pools=convolution,product=one_by_one,{_APART}",
        ),
        "se": (_ONE, f"product=copied,{_ONE}", f"pools=global_average,product=copied,{_ONE}"),
    },
    "tflite_float32": {
        "ca": (
            f"pools=mean,product=one_by_one,{_APART}",
            f"pools=mean,product=one_by_one,sigmoid=tanh,{_APART}",
            f"pools=mean,product=outer_product,sigmoid=tanh,{_APART}",
        ),
        "se": (f"pools=mean,{_ONE}", f"pools=mean,sigmoid=tanh,{_ONE}"),
    },
    "tflite_float16_afp16": {
        "ca": (
            f"pools=mean,product=one_by_one,{_APART}",
            f"pools=average_pool,product=one_by_one,{_APART}",
            f"pools=average_pool,product=one_by_one,sigmoid=tanh,{_APART}",
        ),
        "se": (f"pools=mean,{_ONE}", f"pools=average_pool,{_ONE}"),
    },
    "tflite_static_wi8_ai8": {
        "ca": (f"pools=mean,product=one_by_one,{_APART}",),
        "se": (f"pools=mean,{_ONE}",),
    },
}


class Stairs(nn.Module):
    """Two inverted residuals with attention (arXiv 1801.04381) at each of MobileNetV2's map sizes, in ``px56``, …"""

    def __init__(self, attention: Attention | None) -> None:
        super().__init__()
        channels = 16
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU6())
        for px, wanted in STAIRS.items():
            down = nn.Sequential(nn.Conv2d(channels, wanted, 3, 2, 1, bias=False), nn.BatchNorm2d(wanted))
            blocks = (InvertedResidual(wanted, wanted, 1, 6, attention, None) for _ in range(2))
            self.add_module(f"to_{px}", down)
            self.add_module(f"px{px}", nn.Sequential(*blocks))
            channels = wanted

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage in self.children():
            x = stage(x)
        return x.mean((2, 3))


def network(attention: Attention | None, width: float = 1.0) -> nn.Module:
    """MobileNetV2 with random weights whose BatchNorms have seen noise."""
    torch.manual_seed(0)
    return settled(MobileNetV2(1000, width, attention), torch.randn(8, 3, 224, 224))


def settled(net: nn.Module, x: torch.Tensor) -> nn.Module:
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(x)
    return net.eval()


def exported(
    net: nn.Module | str, source: ModelSource, recipes: tuple[str, ...], lowering: str, folder: Path, **how: Any
) -> dict[str, Any]:
    """Recipe -> export; a file of random weights may miss its tolerances, which does not matter here."""
    model = (source, None) if isinstance(net, str) else (net, source)
    done = ca_deploy.export(model[0], source=model[1], recipes=recipes, lowering=lowering, output=folder, **how)
    return {export.manifest.recipe.name: export for export in done}


def counted(files: list[Path], cpu: str) -> dict[str, float]:
    """File -> millions of instructions per inference."""
    report = ca_deploy.profile(files, f"emulated:{cpu}")
    return {found.file: found.instructions.total / 1e6 for found in report.measurements if found.instructions}


@dataclass(frozen=True)
class Subject:
    """A network as one attention makes it: ``module`` in memory, or None where ``source`` names a factory."""

    name: str
    attention: str
    source: ModelSource
    module: nn.Module | None = None


def subjects() -> dict[str, list[Subject]]:
    """Name -> the variants of one network, the first of which the others are compared with."""
    photo = ModelSource(input_size=224)
    found = {
        name: [Subject(name, kind, photo, network(attention, width)) for kind, attention in KINDS.items()]
        for name, width in {"mobilenet_v2": 1.0, "mobilenet_v2_0.5": 0.5}.items()
    }
    for entry in CATALOGUE:
        if entry.name.startswith(ZOO):
            found[entry.name] = [Subject(entry.name, "its own", entry.source)]
    return found


def networks(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for name, variants in subjects().items():
        if arguments.names and name not in arguments.names:
            continue
        made: dict[tuple[str, str], dict[str, Any]] = {}
        for subject, lowering in itertools.product(variants, ("reference", "default")):
            folder = arguments.output / name / f"{subject.attention}-{lowering}"
            made[subject.attention, lowering] = exported(
                subject.module or subject.source.model,
                subject.source,
                arguments.recipes,
                lowering,
                folder,
                calibration_count=8,
                held_out=32,
            )
        for recipe in arguments.recipes:
            paths = {variant: exports[recipe].path for variant, exports in made.items()}
            wall = ratios(list(paths.values())) if arguments.wall else {}
            for cpu in arguments.cpus:
                counts = counted(list(paths.values()), cpu)
                first = counts[str(next(iter(paths.values())))]
                for (attention, lowering), path in paths.items():
                    manifest = made[attention, lowering][recipe].manifest
                    yield {
                        "recipe": recipe, "cpu": cpu, "network": name, "attention": attention, "lowering": lowering,
                        "instructions_millions": counts[str(path)], "of_first": counts[str(path)] / first,
                        "float_operators": sum(found.count for found in manifest.float_operators),
                        "delegates": list(manifest.acceleration), "size_bytes": manifest.size_bytes,
                        "wall_of_first": wall.get(str(path)),
                    }  # fmt: skip


def ratios(files: list[Path]) -> dict[str, tuple[float, float, float]]:
    """File -> its time on this machine over that of the first, with the 95 % interval; they take turns."""
    report = ca_deploy.profile(files, "local")
    named = {found.name: found.file for found in report.measurements}
    compared = {named[one.subject]: (one.ratio.ratio, one.ratio.low, one.ratio.high) for one in report.comparisons}
    return {str(files[0]): (1.0, 1.0, 1.0), **compared}


def blocks(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    source = ModelSource(input_size=224)
    cpu = arguments.cpus[0]
    for recipe in arguments.recipes:
        for attention in ("plain", "ca", "se"):
            torch.manual_seed(0)
            net = settled(Stairs(KINDS[attention]), torch.randn(8, 3, 224, 224))
            candidates = CANDIDATES[recipe].get(attention, ())
            for lowering in ("reference", *candidates):
                folder = arguments.output / f"{attention}-{recipe}-{lowering}".replace("=", "-").replace(",", "-")
                (export,) = exported(
                    net, source, (recipe,), lowering, folder, calibration_count=8, held_out=32
                ).values()
                (found,) = ca_deploy.profile([export.path], f"emulated:{cpu}", operators=True).measurements
                counts, engine = found.operator_counts, found.engine
                assert counts is not None
                runtime = {"litert": "LiteRT"}.get(engine.runtime, engine.runtime)
                for px, channels in STAIRS.items():
                    inside = [one.instructions for one in counts.operators if one.module.startswith(f"px{px}.")]
                    yield {
                        "recipe": recipe, "cpu": cpu, "runtime": f"{runtime} {engine.runtime_version}",
                        "attention": attention, "px": px, "lowering": lowering,
                        "instructions": sum(inside), "elements": 2 * 6 * channels * px * px,
                        "total": counts.total_instructions,
                    }  # fmt: skip


def of_networks(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Ratios are to the first row of the network: without attention, or as written."""
    columns = "network, runtime, processor, attention, written, M instructions, ratio, time, float operators, MB"
    yield f"| {columns.replace(', ', ' | ')} |"
    yield "|---" * 10 + "|"
    for row in rows:
        wall = row["wall_of_first"]
        time = f"{wall[0]:.2f} ({wall[1]:.2f} to {wall[2]:.2f})" if wall else "not timed"
        yield (
            f"| {row['network']} | {RUNTIMES[row['recipe']]} | {row['cpu']} | {row['attention']} | {row['lowering']} | "
            f"{row['instructions_millions']:.2f} | {row['of_first']:.3f} | {time} | {row['float_operators']} | "
            f"{row['size_bytes'] / 1e6:.2f} |"
        )


def per_element(rows: list[dict[str, Any]]) -> dict[tuple[str, str, int, str], float]:
    """(recipe, attention, px, lowering) -> instructions per element of the map, above the network without attention."""
    plain = {(row["recipe"], row["px"]): row["instructions"] for row in rows if row["attention"] == "plain"}
    return {
        (row["recipe"], row["attention"], row["px"], row["lowering"]): (
            (row["instructions"] - plain[row["recipe"], row["px"]]) / row["elements"]
        )
        for row in rows
        if row["attention"] != "plain"
    }


def of_blocks(rows: list[dict[str, Any]]) -> Iterator[str]:
    found = per_element(rows)
    yield f"| runtime | attention | written | {' | '.join(f'{px} px' for px in STAIRS)} |"
    yield "|---|---|---|" + "---|" * len(STAIRS)
    for recipe, attention, lowering in dict.fromkeys((key[0], key[1], key[3]) for key in found):
        figures = " | ".join(f"{found[recipe, attention, px, lowering]:.2f}" for px in STAIRS)
        yield f"| {RUNTIMES[recipe]} | {attention} | {lowering} | {figures} |"


def choices(rows: list[dict[str, Any]], recipe: str) -> Iterator[str]:
    """The cheapest first, for each size of map, down to one that every block can be written in."""
    found = per_element(rows)
    for (kind, attention), px in itertools.product((("axes", "ca"), ("map", "se")), STAIRS):
        costs = {one: found[recipe, attention, px, one] for one in CANDIDATES[recipe][attention]}
        for lowering in sorted(costs, key=lambda one, costs=costs: round(costs[one], 1)):  # of equals, the first
            figures = (
                f"instructions = {costs[lowering]:.2f}, as_written = {found[recipe, attention, px, 'reference']:.2f}"
            )
            pairs = ", ".join('{} = "{}"'.format(*pair.split("=")) for pair in lowering.split(","))
            from_px = px if px > min(STAIRS) else 0
            yield f'    {{ gates = "{kind}", from_px = {from_px}, {figures}, {pairs} }},'
            if "channels_last" not in lowering:
                break


def write_rules(rows: list[dict[str, Any]]) -> None:
    """Replace the choices in ``rules.toml``, and what they were counted on, by those of ``blocks``."""
    header, *parts = RULES.read_text(encoding="utf-8").split("[[rules]]\n")
    for row in {row["recipe"]: row for row in rows}.values():
        lines = "\n".join(choices(rows, row["recipe"]))
        for number, part in enumerate(parts):
            if part.startswith(f'name = "{RULES_OF[row["recipe"]]}"\n'):
                kept = re.sub(r"^runtime = .*$", f'runtime = "{row["runtime"]}"', part, flags=re.MULTILINE)
                kept = re.sub(r"^cpu = .*$", f'cpu = "{row["cpu"]}"', kept, flags=re.MULTILINE)
                parts[number] = f"{kept.partition('choices = ')[0]}choices = [\n{lines}\n]\n\n"
    RULES.write_text("[[rules]]\n".join([header, *parts]).rstrip() + "\n", encoding="utf-8")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("what", choices=("networks", "blocks"))
parser.add_argument("--cpus", nargs="+", default=["cortex-a76"])
parser.add_argument("--recipes", nargs="+", default=RECIPES)
parser.add_argument("--output", type=Path, required=True)
parser.add_argument("--names", nargs="*", help="networks: some of them")
parser.add_argument("--wall", action="store_true", help="networks: also time them on this machine")
parser.add_argument("--write", action="store_true", help="blocks: write ca_deploy/lowering/rules.toml")
arguments = parser.parse_args()
arguments.output.mkdir(parents=True, exist_ok=True)
rows = []
for row in (networks if arguments.what == "networks" else blocks)(arguments):
    rows.append(row)
    sys.stderr.write(f"{json.dumps(row)}\n")
(arguments.output / f"{arguments.what}.json").write_text(json.dumps(rows, indent=1))
if arguments.write and arguments.what == "blocks":
    write_rules(rows)
sys.stdout.write("\n".join((of_networks if arguments.what == "networks" else of_blocks)(rows)) + "\n")
