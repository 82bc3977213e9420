"""How much longer does an export take than another way? Cold starts, alternating.

    python benchmarks/export_time.py bare --runs 3
    python benchmarks/export_time.py lowering --recipes onnx_float32 onnx_static_wi8_ai8 --runs 3

``bare``: a verified INT8 TFLite export, over a script that only imports, converts, calibrates and quantises.
``lowering``: the bundled network with its attention written for the runtime, proofs included, over the same as it is
written. Prints the seconds of each run, the ratio per pair, and the median ratio.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(command: list[str], folder: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def compare(name: str, over: tuple[str, list[str]], taken: tuple[str, list[str]], runs: int) -> None:
    """Print the seconds that both commands take, and the median of their ratios."""
    ratios = []
    for run in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            base_s, taken_s = seconds(over[1], folder), seconds(taken[1], folder)
        ratios.append(taken_s / base_s)
        print(
            f"{name}, run {run + 1}: {over[0]} {base_s:.1f} s, {taken[0]} {taken_s:.1f} s, ratio {ratios[-1]:.2f}",
            flush=True,
        )
    print(f"{name}: median ratio {statistics.median(ratios):.2f}")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("what", choices=("bare", "lowering"))
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--recipes", nargs="+", default=["onnx_float32", "onnx_static_wi8_ai8", "tflite_static_wi8_ai8"])
arguments = parser.parse_args()
export = [sys.executable, "-m", "ca_deploy.cli", "export"]
if arguments.what == "bare":
    bare = [sys.executable, str(Path(__file__).with_name("cold_tflite_int8.py").resolve()), "bare.tflite"]
    ours = [*export, "--format", "tflite", "--int8"]
    compare("tflite_static_wi8_ai8", ("bare script", bare), ("ca-deploy", ours), arguments.runs)
else:
    for recipe in arguments.recipes:
        reference, default = (
            (lowering, [*export, "--recipe", recipe, "--lowering", lowering, "--output", lowering])
            for lowering in ("reference", "default")
        )
        compare(recipe, reference, default, arguments.runs)
