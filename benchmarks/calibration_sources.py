"""Compare calibration sources: static INT8 from each, against PyTorch on labelled photos.

    python benchmarks/calibration_sources.py --calibration-photos flowers/train --eval-photos flowers/val

Exports the bundled network once per calibration source (the photos, then each named set) and format, and
evaluates it on an ImageFolder tree that no source contains. Prints a Markdown table: top-1 and its difference
from PyTorch in percentage points, McNemar's exact p, top-1 agreement in percent, output SQNR in dB.
"""

import argparse
import tempfile
from pathlib import Path

import ca_deploy

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--calibration-photos", required=True, help="folder of photos from the domain")
parser.add_argument("--eval-photos", type=Path, required=True, help="ImageFolder tree")
parser.add_argument("--sets", nargs="*", default=["distilled_flowers5", "scikit_image"])
parser.add_argument("--count", type=int, default=128, help="calibration images per source")
args = parser.parse_args()

model = ca_deploy.ModelSource().model
print("| calibrated on | recipe | top-1 % | difference | p | agreement % | SQNR dB | size of float32 |")
print("|---|---|---|---|---|---|---|---|")
for calibration in (args.calibration_photos, *args.sets):
    with tempfile.TemporaryDirectory() as folder:
        for done in ca_deploy.export(
            model,
            formats=["tflite", "onnx"],
            int8=True,
            calibration=calibration,
            calibration_count=args.count,
            output=folder,
        ):
            report = ca_deploy.evaluate(done.path, args.eval_photos, against=model)
            paired, manifest = report.paired, done.manifest
            if paired is None or paired.sqnr_db is None:
                raise SystemExit(f"{done.path} has the same outputs as the float network: nothing to compare")
            cells = (
                Path(calibration).name,
                manifest.recipe.name,
                f"{report.top1:.2f}",
                f"{paired.top1_difference:+.2f}",
                f"{paired.p_value:.2g}",
                f"{paired.agreement:.2f}",
                f"{paired.sqnr_db:.1f}",
                f"{manifest.size_bytes / manifest.float32_size_bytes:.3f}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)
