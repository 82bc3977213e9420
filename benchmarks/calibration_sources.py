"""What calibration images are worth: static INT8 from each source, compared with PyTorch on photos.

    python benchmarks/calibration_sources.py --calibration-photos flowers/train --eval-photos flowers/val

Each format is exported once a calibration source (the photos, the distilled set, scikit-image's photos) and its
logits are compared with the float network's on the evaluation photos, which no source contains: output SQNR
in dB and top-1 agreement in percent. The table is Markdown; --json has the same figures.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

from ca_deploy import metrics
from ca_deploy.images import ImageFile, find_images, load_batch
from ca_deploy.parity import outputs_of
from ca_deploy.pipeline import export
from ca_deploy.predictor import exported_predictor, network_predictor
from ca_deploy.source import DEFAULT_MODEL, ModelSource, load

RECIPES = ("tflite_static_wi8_ai8", "onnx_static_wi8_ai8")


def main(args: argparse.Namespace) -> None:
    source = ModelSource(args.model, weights=args.weights)
    network = load(source)
    used = {sha256(path) for path in find_images(args.calibration_photos)}
    files = [ImageFile(path, digest) for path in find_images(args.eval_photos) if (digest := sha256(path)) not in used]
    step = max(1, len(files) // args.eval_count) if args.eval_count else 1
    photos, _, _ = load_batch(files[::step], len(files), network.preprocessing)
    reference = outputs_of(network_predictor(network), photos.pixels)

    rows = []
    for calibration in (str(args.calibration_photos), *args.sets):
        with tempfile.TemporaryDirectory() as folder:
            for done in export(source, RECIPES, Path(folder), calibration, calibration_count=args.count):
                found = outputs_of(exported_predictor(done.path, done.manifest), photos.pixels)
                row = {
                    "calibration": calibration,
                    "images": args.count,
                    "recipe": done.manifest.recipe.name,
                    "eval_photos": len(photos),
                    "sqnr_db": metrics.sqnr_db(reference, found),
                    "agreement": metrics.agreement(reference, found),
                    "parity_sqnr_db": done.manifest.parity.sqnr_db,
                }
                rows.append(row)
                print(
                    f"{calibration} {row['recipe']}: {row['sqnr_db']:.1f} dB, {row['agreement']:.1f} %", file=sys.stderr
                )
    print(json.dumps(rows, indent=2) if args.json else table(rows))


def table(rows: list[dict[str, object]]) -> str:
    lines = ["| calibrated on | recipe | SQNR dB | agreement % | photos |", "|---|---|---|---|---|"]
    for row in rows:
        cells = f"{row['calibration']} | {row['recipe']} | {row['sqnr_db']:.1f} | {row['agreement']:.1f}"
        lines.append(f"| {cells} | {row['eval_photos']} |")
    return "\n".join(lines)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calibration-photos", type=Path, required=True, help="folder of photos to calibrate on")
    parser.add_argument("--eval-photos", type=Path, required=True, help="folder of other photos to compare on")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--weights", type=Path, help="by default the bundled ones")
    parser.add_argument(
        "--sets", nargs="*", default=["distilled_flowers5", "scikit_image"], help="sets to compare with"
    )
    parser.add_argument("--count", type=int, default=128, help="images that calibrate, of each source")
    parser.add_argument("--eval-count", type=int, help="evaluate on about so many photos, evenly spread (default: all)")
    parser.add_argument("--json", action="store_true")
    main(parser.parse_args())
