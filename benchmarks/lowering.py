"""What does attention cost, as written and as it is written for each runtime?

    python -m benchmarks.lowering networks --cpus cortex-a53 cortex-a72 cortex-a76 --output lowering/
    python -m benchmarks.lowering times --names mobilenet_v2 --output lowering/
    python -m benchmarks.lowering table --output lowering/ --page docs/attention_costs.md
    python -m benchmarks.lowering blocks --output lowering/ --write
    python -m benchmarks.lowering blocks --recipes tflite_static_wi8_ai8 --litert-2 --output litert_2/ --write

``networks``: MobileNetV2 1.0 and 0.5 (1000 classes, 224 px, random weights) plain, with SE and with Coordinate
Attention in 16 blocks, and networks of the zoo in timm's and YOLO's style, as written and lowered: exact instructions
per inference on emulated processors, what stayed float, and size. One JSON per network, so that it goes on where it
was interrupted. ``times``: the same files on this machine, interleaved, as ratios; leave it alone meanwhile. ``table``:
both in a Markdown page, where the rows of networks and runtimes that were not counted now stay.
``blocks``: what attention takes per element of its map at each of MobileNetV2's map sizes, written in several ways;
``--write`` makes ``ca_deploy/lowering/rules.toml`` of it. Prints Markdown, and writes JSON to the output folder.
``--litert-2`` counts on LiteRT 2.0.3 instead of 1.4.0, for the rules of its name.
"""

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import ca_deploy
from ca_deploy.models.attention import Attention
from ca_deploy.models.mobilenet_v2 import InvertedResidual, MobileNetV2
from ca_deploy.native.libraries import LIBRARIES
from ca_deploy.records.model import ModelSource
from tests.zoo.catalogue import CATALOGUE

RUNTIMES = {
    "onnx_float32": "ONNX Runtime float32",
    "onnx_float16": "ONNX Runtime float16",
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
LITERT_2 = replace(
    LIBRARIES["litert"],
    version="2.0.3",
    platform="manylinux_2_27_aarch64",
    sha256="ef2b76075498716283012cff4fe3bd85cfdf71125aebc86a4965d7657814866b",
    size_bytes=8_973_024,
    glibc=(2, 27),
)
# Side of the map -> channels of the network there (MobileNetV2's, a sixth of its maps').
STAIRS = {56: 24, 28: 32, 14: 64, 7: 160}
_APART = "branches=apart,activation=folded"
_NCHW = "branches=apart,layout=channels_first,activation=folded"
_ONE = "activation=folded"
CANDIDATES: dict[str, dict[str, tuple[str, ...]]] = {
    "onnx_float32": {
        "ca": (
            f"pools=convolution,product=outer_product,{_NCHW}",
            f"pools=mean,product=one_by_one,{_NCHW}",
            f"layout=channels_last,{_APART}",
        ),
        "se": (_ONE, f"pools=mean,{_ONE}", f"layout=channels_last,{_ONE}"),
    },
    "onnx_float16": {  # without linear layers: as Gemm in float16, the bundled network takes 25 times the instructions
        "ca": (
            f"pools=average_pool,product=outer_product,{_NCHW}",
            f"pools=mean,product=outer_product,{_NCHW}",
            f"pools=average_pool,product=one_by_one,{_NCHW}",
        ),
        "se": (f"pools=average_pool,{_ONE}", f"product=copied,{_ONE}"),
    },
    "onnx_static_wi8_ai8": {
        "ca": (
            f"pools=global_average,product=copied,{_NCHW}",
            f"pools=global_average,product=one_by_one,{_NCHW}",
            f"pools=convolution,product=one_by_one,{_NCHW}",
        ),
        "se": (_ONE, f"product=copied,{_ONE}", f"pools=global_average,product=copied,{_ONE}"),
    },
    "tflite_float32": {
        "ca": (
            f"pools=mean,product=one_by_one,{_NCHW}",
            f"pools=mean,product=one_by_one,sigmoid=tanh,{_NCHW}",
            f"pools=mean,product=outer_product,sigmoid=tanh,{_NCHW}",
        ),
        "se": (f"pools=mean,{_ONE}", f"pools=mean,sigmoid=tanh,{_ONE}"),
    },
    "tflite_float16_afp16": {
        "ca": (
            f"pools=mean,product=one_by_one,{_NCHW}",
            f"pools=average_pool,product=one_by_one,{_NCHW}",
            f"pools=average_pool,product=one_by_one,sigmoid=tanh,{_NCHW}",
        ),
        "se": (f"pools=mean,{_ONE}", f"pools=average_pool,{_ONE}"),
    },
    "tflite_static_wi8_ai8": {
        "ca": (f"pools=mean,product=one_by_one,{_NCHW}",),
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


def networks(arguments: argparse.Namespace) -> None:
    for name, variants in subjects().items():
        place = arguments.output / f"{name}.json"
        if (arguments.names and name not in arguments.names) or place.exists():
            continue
        made = {}
        for subject, lowering in itertools.product(variants, ("reference", arguments.lowering)):
            folder = arguments.output / name / f"{subject.attention}-{lowering}"
            model = subject.module or subject.source.model
            made[subject.attention, lowering] = exported(
                model, subject.source, arguments.recipes, lowering, folder, calibration_count=8, held_out=32
            )
        rows = []
        for recipe in arguments.recipes:
            exports = {variant: found[recipe] for variant, found in made.items()}
            counts = {cpu: counted([one.path for one in exports.values()], cpu) for cpu in arguments.cpus}
            for (attention, lowering), export in exports.items():
                rows.append({
                    "recipe": recipe, "attention": attention, "lowering": lowering,
                    "file": str(export.path.relative_to(arguments.output)),
                    "instructions_millions": {cpu: found[str(export.path)] for cpu, found in counts.items()},
                    "float_operators": sum(found.count for found in export.manifest.float_operators),
                    "delegates": list(export.manifest.acceleration), "size_bytes": export.manifest.size_bytes,
                })  # fmt: skip
        place.write_text(json.dumps(rows, indent=1))


def times(arguments: argparse.Namespace) -> None:
    for place in sorted(arguments.output.glob("*.json")):
        if place.stem != "blocks" and (not arguments.names or place.stem in arguments.names):
            rows = json.loads(place.read_text())
            for recipe in arguments.recipes:
                of_recipe = [row for row in rows if row["recipe"] == recipe]
                files = [arguments.output / row["file"] for row in of_recipe]
                for row, found in zip(of_recipe, ratios(files), strict=True):
                    row["time_of_first"] = found
            place.write_text(json.dumps(rows, indent=1))


def ratios(files: list[Path]) -> list[tuple[float, float, float]]:
    """The time of each file on this machine over that of the first, with the 95 % interval; they take turns."""
    report = ca_deploy.profile(files, "local")
    names = {found.file: found.name for found in report.measurements}
    compared = {one.subject: (one.ratio.ratio, one.ratio.low, one.ratio.high) for one in report.comparisons}
    return [(1.0, 1.0, 1.0), *(compared[names[str(file)]] for file in files[1:])]


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


PAGE = """# What attention costs, by network

Million instructions per inference on emulated processors: without attention → as it is written → as `ca-deploy export`
writes it, with the ratio to the first. A network that has only its own attention is compared with itself as written.
Times are ratios in the same order on one x86-64 machine, where ONNX Runtime has its default settings, with 95 %
intervals; pieces, float operators and megabytes are those as written → as exported. Weights are random.
[What is done to attention, and why](lower.md). Made by `python -m benchmarks.lowering table`.
"""


def of_networks(output: Path, page: Path) -> Iterator[str]:
    """The page with what ``output`` has, and with the rows of ``page`` as it is for other networks and runtimes."""
    _, *parts = page.read_text(encoding="utf-8").split("\n## ") if page.exists() else [""]
    sections = {part.partition("\n")[0]: f"## {part.strip()}\n" for part in parts}
    places = {path.stem: path for path in output.glob("*.json") if path.stem != "blocks"}
    for name, place in places.items():
        sections[name] = "\n".join(
            with_rows_of(sections.get(name, ""), [*section(name, json.loads(place.read_text()))])
        )
    yield PAGE
    yield "\n".join(sections[name] for name in sorted(sections)).strip()


def with_rows_of(old: str, new: list[str]) -> Iterator[str]:
    """The lines of a section, and those of ``old`` for the runtimes that it lacks, in the order of ``RUNTIMES``."""
    rows = [line for line in new if line.startswith(tuple(f"| {runtime} |" for runtime in RUNTIMES.values()))]
    yield from new[: new.index(rows[0])]
    for runtime in RUNTIMES.values():
        start = f"| {runtime} |"
        own = [line for line in rows if line.startswith(start)]
        yield from own or [line for line in old.splitlines() if line.startswith(start)]
    yield ""


def section(name: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    cpus = list(rows[0]["instructions_millions"])
    yield f"## {name}\n"
    columns = ["runtime", "attention", *cpus, "time, x86-64", "XNNPACK's pieces", "float operators", "MB"]
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for recipe in dict.fromkeys(row["recipe"] for row in rows):
        of_recipe = [row for row in rows if row["recipe"] == recipe]
        for kind in dict.fromkeys(row["attention"] for row in of_recipe):
            if kind != "plain":
                yield f"| {RUNTIMES[recipe]} | {' | '.join([kind, *cells(of_recipe, kind, cpus)])} |"
    yield ""


def cells(rows: list[dict[str, Any]], kind: str, cpus: list[str]) -> Iterator[str]:
    """Of one recipe and one kind of attention; the first row is what the others are compared with."""
    both = [row for row in rows if row["attention"] == kind]
    first, *compared = both if rows[0] in both else [rows[0], *both]
    for cpu in cpus:
        base, *counts = (row["instructions_millions"][cpu] for row in (first, *compared))
        yield " → ".join([f"{base:.2f}", *(f"{count:.2f} ({count / base:.3f})" for count in counts)])
    times = [row["time_of_first"] for row in compared if "time_of_first" in row]
    yield " → ".join("{:.2f} ({:.2f} to {:.2f})".format(*time) for time in times) or "not timed"
    pieces = [re.search(r"in (\d+) piece", " ".join(row["delegates"])) for row in both]
    yield " → ".join(found[1] for found in pieces if found) or "–"
    yield " → ".join(str(row["float_operators"]) for row in both)
    yield " → ".join(f"{row['size_bytes'] / 1e6:.2f}" for row in both)


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
        costs = {one: found[recipe, attention, px, one] for one in (*CANDIDATES[recipe][attention], "reference")}
        for lowering in sorted(costs, key=lambda one, costs=costs: round(costs[one], 1)):  # of equals, the first
            figures = f"instructions = {costs[lowering]:.2f}, as_written = {costs['reference']:.2f}"
            pairs = [pair.split("=") for pair in lowering.split(",") if "=" in pair]  # none as it is written
            chosen = "".join(f', {key} = "{value}"' for key, value in pairs)
            from_px = px if px > min(STAIRS) else 0
            yield f'    {{ gates = "{kind}", from_px = {from_px}, {figures}{chosen} }},'
            if "channels_last" not in lowering:
                break


def write_rules(rows: list[dict[str, Any]]) -> None:
    """Replace the choices in ``rules.toml``, and what they were counted on, by those of ``blocks``."""
    header, *parts = RULES.read_text(encoding="utf-8").split("[[rules]]\n")
    for row in {row["recipe"]: row for row in rows}.values():
        lines = "\n".join(choices(rows, row["recipe"]))
        name = RULES_OF[row["recipe"]]
        if row["runtime"].startswith("LiteRT 2"):
            name = name.replace("litert-", "litert-2-")
        for number, part in enumerate(parts):
            if part.startswith(f'name = "{name}"\n'):
                kept = re.sub(r"^runtime = .*$", f'runtime = "{row["runtime"]}"', part, flags=re.MULTILINE)
                kept = re.sub(r"^cpu = .*$", f'cpu = "{row["cpu"]}"', kept, flags=re.MULTILINE)
                parts[number] = f"{kept.partition('choices = ')[0]}choices = [\n{lines}\n]\n\n"
    RULES.write_text("[[rules]]\n".join([header, *parts]).rstrip() + "\n", encoding="utf-8")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("what", choices=("networks", "times", "table", "blocks"))
parser.add_argument("--cpus", nargs="+", default=["cortex-a76"])
parser.add_argument("--recipes", nargs="+", default=RECIPES)
parser.add_argument("--output", type=Path, required=True)
parser.add_argument("--names", nargs="*", help="networks, times: some of them")
parser.add_argument("--page", type=Path, default=Path("docs/attention_costs.md"), help="table: where it is written")
parser.add_argument("--lowering", default="default", help="networks: what is compared with attention as it is written")
parser.add_argument("--write", action="store_true", help="blocks: write ca_deploy/lowering/rules.toml")
parser.add_argument("--litert-2", action="store_true", help="count TFLite files on LiteRT 2.0.3 instead of 1.4.0")
arguments = parser.parse_args()
if arguments.litert_2:
    LIBRARIES["litert"] = LITERT_2
arguments.output.mkdir(parents=True, exist_ok=True)
if arguments.what == "blocks":
    found = []
    for row in blocks(arguments):
        found.append(row)
        sys.stderr.write(f"{json.dumps(row)}\n")
    (arguments.output / "blocks.json").write_text(json.dumps(found, indent=1))
    if arguments.write:
        write_rules(found)
    sys.stdout.write("\n".join(of_blocks(found)) + "\n")
elif arguments.what == "networks":
    networks(arguments)
elif arguments.what == "times":
    times(arguments)
else:
    arguments.page.write_text("\n".join((*of_networks(arguments.output, arguments.page), "")), encoding="utf-8")
