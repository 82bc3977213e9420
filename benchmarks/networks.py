"""Every network with a name, in every format and precision: does it export, is it verified, what does it cost?

    python benchmarks/networks.py measure --output networks/ --imagenet mobilenet_v2-b0353104.pth --photos shared/data
    python benchmarks/networks.py table --output networks/ --page docs/every_network.md

``measure`` exports each network of ``ca-deploy list models`` (``--only`` some), and keeps one JSON per network and
format, so that it goes on where it was interrupted; ``--again`` replaces what it has of ``--formats`` and
``--precisions``. ``table`` writes them into a Markdown page, where the rows of what was not measured now stay.
``--imagenet`` is torchvision's MobileNetV2, from which the classifiers on that backbone start, with open gates; other
networks have random weights. ``--photos`` holds ``flowers`` and ``cards``, for the accuracy of the two networks with
trained weights.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ca_deploy
from ca_deploy.errors import CaDeployError, ExportFailed
from ca_deploy.formats import format_names
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.codec import to_json
from ca_deploy.records.model import ModelSource, registered_models

CPU = "cortex-a76"
PRECISIONS = ("float32", "float16", "static_wi8_ai8")
TARGETS = {"onnx": "ort_cpu", "tflite": "xnnpack:1.4", "coreml": "coreml"}
CARDS = Path(__file__).parents[1] / "tests" / "assets" / "ssdlite320_mobilenet_v2_ca_cards6.safetensors"
NOT_YET = "not measured: the run ended before it"
FEW = {"calibration": "scikit_image", "calibration_count": 64, "held_out": 32}
# The weights that a row is measured with -> what is said of its accuracy where it is not measured.
WEIGHTS = {
    "flowers": "flowers/val is not at hand",
    "cards": "cards/val is not at hand",
    "ImageNet": "ImageNet's photos are not free",
    "ImageNet, gates open": "its attention is untrained",
    "random": "untrained",
}


def variants() -> Iterator[tuple[str, float]]:
    """Name and width of every network, as ``ca-deploy list models`` prints them."""
    for name, model in sorted(registered_models().items()):
        for width in sorted({1.0, *(figures.width for figures in model.published)}, reverse=True):
            yield name, width


def source_of(name: str, width: float, imagenet: Path | None) -> tuple[ModelSource, str]:
    """The best weights there are for a network, and their name in ``WEIGHTS``."""
    source = ModelSource(name, width=None if width == 1 else width)
    model = registered_models()[name]
    if model.weights is not None and width == 1:
        return source, "flowers"
    if name == "ssdlite320_mobilenet_v2_ca":
        return replace(source, weights=CARDS), "cards"
    if imagenet is not None and name.startswith("mobilenet_v2") and width == 1:
        if name == "mobilenet_v2":
            return replace(source, weights=imagenet), "ImageNet"
        return replace(source, backbone_weights=imagenet), "ImageNet, gates open"
    return replace(source, random_weights=True), "random"


def measured(
    source: ModelSource, weights: str, format: str, precisions: Sequence[str], photos: Path | None, folder: Path
) -> Mapping[str, dict[str, Any]]:
    """Precision -> what was found of the file in that precision."""
    rows: dict[str, dict[str, Any]] = {precision: {} for precision in precisions}
    recipes = {f"{format}_{precision}": precision for precision in precisions}
    how: dict[str, Any] = {} if weights == "flowers" else FEW
    try:
        exports = ca_deploy.export(source, recipes=list(recipes), check=[TARGETS[format]], output=folder, **how)
    except ExportFailed as failure:
        exports = list(failure.exports)
        for recipe, error in failure.failures.items():
            rows[recipes[recipe]]["refused"] = str(error)
    except CaDeployError as error:
        return {precision: {"refused": str(error)} for precision in precisions}
    costs = {} if format == "coreml" else instructions([export.path for export in exports])
    for export in exports:
        manifest = export.manifest
        row = rows[recipes[manifest.recipe.name]]
        row["size_bytes"] = manifest.size_bytes
        row["parity"] = json.loads(to_json(replace(manifest.parity, images_sha256=())))
        row["checks"] = [found.refused or found.skipped or found.verdict for found in manifest.compatibility]
        row["instructions"] = costs.get(str(export.path), "Core ML runs on Apple's processors only")
        data = {"flowers": "flowers/val", "cards": "cards/val.json"}.get(weights)
        if photos is not None and data is not None:
            row["accuracy"] = main_figure(ca_deploy.evaluate(export.path, photos / data))
    return rows


def instructions(files: list[Path]) -> dict[str, int | str]:
    """File -> instructions per inference, or why they could not be counted."""
    if not files:
        return {}
    try:
        report = ca_deploy.profile(files, f"emulated:{CPU}")
    except CaDeployError as error:
        return {str(file): str(error) for file in files}
    counted = {found.file: found.instructions.total for found in report.measurements if found.instructions}
    return {str(file): counted.get(str(file)) or report.failures.get(str(file), "not counted") for file in files}


def main_figure(report: AccuracyReport) -> str:
    name, value = next(iter(report.figures.items()))
    return f"{name} {value:.1f} %"


def measure(arguments: argparse.Namespace) -> None:
    for name, width in variants():
        if arguments.only and name not in arguments.only:
            continue
        source, weights = source_of(name, width, arguments.imagenet)
        for format in arguments.formats:
            place = arguments.output / f"{name}-{width:g}-{format}.json"
            known = json.loads(place.read_text(encoding="utf-8"))["rows"] if place.exists() else {}
            wanted = [one for one in arguments.precisions if arguments.again or one not in known]
            if not wanted:
                continue
            sys.stderr.write(f"{name} {width:g} {format} {' '.join(wanted)}\n")
            with tempfile.TemporaryDirectory(dir=arguments.output) as folder:
                known |= measured(source, weights, format, wanted, arguments.photos, Path(folder))
            rows = {precision: known[precision] for precision in PRECISIONS if precision in known}
            found = {"name": name, "width": width, "format": format, "weights": weights, "rows": rows}
            place.with_suffix(".part").write_text(json.dumps(found, indent=1), encoding="utf-8")
            place.with_suffix(".part").replace(place)


def cells(found: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
    """Parity, operators, size, instructions and accuracy of one file, each with its reason where it is not known."""
    if "size_bytes" not in row:
        yield first_line(f"refused: {row['refused']}")
        yield from ["no file"] * 4
        return
    parity = row["parity"]
    nothing = "equal" if parity["status"] == "pass" else "no SQNR"
    figures = [f"{parity['sqnr_db']:.0f} dB" if parity["sqnr_db"] is not None else nothing]
    figures += [f"{parity['agreement']:.0f} %"] if parity["agreement"] is not None else []
    yield f"{parity['status']}, {', '.join(figures)}"
    yield first_line("; ".join(row["checks"]))
    yield f"{row['size_bytes'] / 1e6:.1f} MB"
    counted = row["instructions"]
    yield first_line(counted) if isinstance(counted, str) else f"{counted / 1e6:.0f} M"
    yield row.get("accuracy") or WEIGHTS[found["weights"]]


def first_line(text: str) -> str:
    return text.partition("\n")[0].replace("|", "/")


PAGE = """# Every network, in every format and precision

What `ca-deploy export` makes of the networks with a name: written by `benchmarks/networks.py`, in the default lowering.

- **weights**: *flowers* and *cards* are trained, and their accuracy on labelled photos is measured. *ImageNet, gates
  open* is torchvision's MobileNetV2, to which attention was added that lets everything pass. *random* ones show that a
  network is exported and what it costs; of how well it quantises they say little.
- **parity**: verdict, SQNR and agreement with PyTorch on held-out images.
- **operators**: the headline of [`check`](check.md), for ONNX Runtime on CPUs, XNNPACK of LiteRT 1.4 and Core ML.
- **instructions**: of one inference on an emulated Cortex-A76, one thread, [exact and repeatable](profile.md). Those of
  DeepLabV3 in ONNX float16 are from before operators that are slow in float16 stayed float32.
"""


def table(output: Path, page: Path) -> Iterator[str]:
    """The page with what ``output`` has, and with the rows of ``page`` as it is for the rest."""
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    earlier = {line_key(line): line for line in lines if line.startswith("| ")}
    yield PAGE
    yield "| network | weights | format | precision | parity | operators | size | instructions | accuracy |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, width in variants():
        shown = name if width == 1 else f"{name}, width {width:g}"
        for format in format_names():
            place = output / f"{name}-{width:g}-{format}.json"
            found = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {"weights": "", "rows": {}}
            for precision in PRECISIONS:
                row = found["rows"].get(precision)
                values = cells(found, row) if row else (NOT_YET, *["not measured"] * 4)
                start = (shown, found["weights"], format, precision.replace("static_wi8_ai8", "int8"))
                line = f"| {' | '.join((*start, *values))} |"
                yield line if row else earlier.get(line_key(line), line)


def line_key(line: str) -> tuple[str, ...]:
    """Network, format and precision of a row."""
    network, _, format, precision, *_ = (cell.strip() for cell in line.strip("|").split("|"))
    return network, format, precision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "table"))
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--formats", nargs="+", default=format_names())
    parser.add_argument("--precisions", nargs="+", default=PRECISIONS, choices=PRECISIONS)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--imagenet", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--page", type=Path, default=Path("docs/every_network.md"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.what == "measure":
        measure(arguments)
    else:
        arguments.page.write_text("\n".join((*table(arguments.output, arguments.page), "")), encoding="utf-8")


if __name__ == "__main__":
    main()
