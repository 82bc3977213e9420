"""How accurate is an INT8 ONNX file on older x86 processors? Runs natively on a newer one, without an emulator.

    python benchmarks/x86_levels.py exported/model.onnx_static_wi8_ai8.onnx --data flowers/val --against mobilenet_v2_ca

In a copy of onnxruntime, each cpuid instruction is replaced by ud2, and a signal handler reports fewer features
(masked_cpuid.c). Measures accuracy with ca-deploy's settings and with ONNX Runtime's defaults. Needs gcc and objdump.
QEMU does not emulate AVX-512 or VNNI; its Haswell gives the same outputs as "AVX2" here.
"""

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LEVELS = ("all features", "AVX-512 without VNNI", "AVX-VNNI without AVX-512", "AVX2", "SSE4.1")


def mask_cpuid(library: Path) -> None:
    """Replace each cpuid by ud2, which has the same length."""
    code = subprocess.run(["objdump", "-d", "-w", library], check=True, capture_output=True, text=True).stdout
    sections = subprocess.run(["readelf", "-SW", library], check=True, capture_output=True, text=True).stdout
    (section,) = re.findall(r" \.text +PROGBITS +(\w+) (\w+)", sections)
    shift = int(section[0], 16) - int(section[1], 16)
    content = bytearray(library.read_bytes())
    for address in re.findall(r"^ *(\w+):\t[\w ]+\tcpuid", code, re.MULTILINE):
        place = int(address, 16) - shift
        if content[place : place + 2] != b"\x0f\xa2":
            raise SystemExit(f"{library.name}: no cpuid at {address}")
        content[place : place + 2] = b"\x0f\x0b"
    library.write_bytes(content)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", type=Path)
parser.add_argument("--data", type=Path, required=True, help="ImageFolder tree")
parser.add_argument("--against", required=True, help="the network that the file was exported from")
arguments = parser.parse_args()

installed = importlib.util.find_spec("onnxruntime")
if installed is None or not installed.submodule_search_locations:
    raise SystemExit("onnxruntime is not installed")
with tempfile.TemporaryDirectory() as folder:
    copy = Path(folder, "onnxruntime")
    shutil.copytree(installed.submodule_search_locations[0], copy)
    mask_cpuid(*copy.glob("capi/onnxruntime_pybind11_state*.so"))
    handler = Path(folder, "masked_cpuid.so")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", handler, HERE / "masked_cpuid.c"], check=True)
    evaluate = [sys.executable, "-m", "ca_deploy.cli", "evaluate", arguments.model, "--data", arguments.data]
    evaluate += ["--against", arguments.against, "--json", "--runtime"]
    print("| processor | settings | top-1 % | agreement % | SQNR dB |\n|---|---|---|---|---|")
    for level, name in enumerate(LEVELS):
        environment = {**os.environ, "LD_PRELOAD": str(handler), "CPU_LEVEL": str(level), "PYTHONPATH": folder}
        for runtime, settings in {"onnxruntime": "ca-deploy's", "onnxruntime:default": "default"}.items():
            done = subprocess.run([*evaluate, runtime], env=environment, check=True, capture_output=True)
            found = json.loads(done.stdout)
            paired = found["paired"]
            figures = f"{found['top1']:.2f} | {paired['agreement']:.2f} | {paired['sqnr_db']:.2f}"
            print(f"| {name} | {settings} | {figures} |", flush=True)
