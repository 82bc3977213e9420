"""How much longer does a verified export take than a bare script? Cold starts, alternating.

    python benchmarks/export_time.py --runs 3

Prints the seconds of each run, the ratio per pair (ca-deploy over the bare script), and the median ratio.
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


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=3)
bare = [sys.executable, str(Path(__file__).with_name("cold_tflite_int8.py").resolve()), "bare.tflite"]
ours = [sys.executable, "-m", "ca_deploy.cli", "export", "--format", "tflite", "--int8"]
ratios = []
for run in range(parser.parse_args().runs):
    with tempfile.TemporaryDirectory() as folder:
        bare_s, ours_s = seconds(bare, folder), seconds(ours, folder)
    ratios.append(ours_s / bare_s)
    print(f"run {run + 1}: bare script {bare_s:.1f} s, ca-deploy {ours_s:.1f} s, ratio {ratios[-1]:.2f}", flush=True)
print(f"median ratio {statistics.median(ratios):.2f}")
