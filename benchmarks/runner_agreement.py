"""Does the C runner measure the same latency as a plain loop over ONNX Runtime's Python API? Alternating processes.

    python benchmarks/runner_agreement.py model.onnx --rounds 12

Prints both medians in ms, and their ratio with its 95 % bootstrap interval (resampled by pairs of processes).
On a busy machine, the fastest tenth of the inferences of each is more reliable.
"""

import argparse
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ca_deploy.devices import open_device
from ca_deploy.latency.launch import Request, launcher
from ca_deploy.latency.protocol import PROTOCOLS
from ca_deploy.latency.statistics import ratio_of_medians, summarise

LOOP = """
import sys, time, json, numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
node = session.get_inputs()[0]
feeds = {node.name: np.random.default_rng(0).uniform(-1, 1, node.shape).astype(np.float32)}
names = [output.name for output in session.get_outputs()]
times = []
for _ in range(int(sys.argv[2])):
    start = time.perf_counter_ns()
    session.run(names, feeds)
    times.append(time.perf_counter_ns() - start)
print(json.dumps(times[int(sys.argv[3]):]))
"""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", type=Path, help="an .onnx file with one float32 input of fixed shape")
parser.add_argument("--rounds", type=int, default=12)
parser.add_argument("--runs", type=int, default=100, help="timed inferences per process")
arguments = parser.parse_args()

WARM_UP = 10
by_runner: list[list[int]] = []
by_loop: list[list[int]] = []
with open_device("local") as device:
    runner = launcher(device, device.probe(), "onnxruntime", "c", None)
    places = device.push([arguments.model, *runner.files])
    protocol = replace(
        PROTOCOLS["standard"], runs=arguments.runs, warmup_runs=WARM_UP - 1, warmup_seconds=0, min_seconds=0
    )
    request = Request(places[arguments.model], 1, None, protocol)

    def run_loop() -> None:
        command = [sys.executable, "-c", LOOP, str(arguments.model), str(arguments.runs + WARM_UP), str(WARM_UP)]
        by_loop.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))

    def run_runner() -> None:
        by_runner.append(list(runner.run(device, places, request).invoke_ns))

    order = random.Random(0)
    for number in range(arguments.rounds):
        for measure in order.sample([run_loop, run_runner], 2):
            measure()
        medians = [summarise(found[-1]).median_ms for found in (by_runner, by_loop)]
        print(f"round {number + 1}: runner {medians[0]:.2f} ms, loop {medians[1]:.2f} ms", flush=True)

fastest = [float(np.percentile(np.concatenate(found), 10)) / 1e6 for found in (by_runner, by_loop)]
print(f"fastest tenth: runner {fastest[0]:.2f} ms, loop {fastest[1]:.2f} ms, ratio {fastest[0] / fastest[1]:.3f}")
found = ratio_of_medians(by_runner, by_loop, paired=True)
print(f"runner over loop: {found.ratio:.3f} (95 %: {found.low:.3f} to {found.high:.3f}), {found.verdict}")
