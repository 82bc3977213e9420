"""Is the headline of ``check`` what the runtimes say of the whole model? For any .tflite and .onnx files.

``python benchmarks/partition_counts.py FILE…``, or without files for the models of tests/targets/counts.py. It compares
the pieces in the installed LiteRT (its DELEGATE nodes), and pieces and nodes in the LiteRT that ``profile`` sends to
devices, as its report on emulated:cortex-a76 gives them. A file that a runtime refuses has none there.

Of an .onnx file, whether ONNX Runtime loads it. No wheel of ONNX Runtime for Linux contains its XNNPACK, NNAPI or Core
ML provider, so their partitions cannot be asked for here; the CPU provider takes whatever loads, in one piece.
"""

import re
import sys
import tempfile
from pathlib import Path

import onnxruntime

import ca_deploy
from ca_deploy.errors import CaDeployError, first_line
from ca_deploy.graphs import flatbuffer, tflite
from tests.targets.counts import installed_partitions, models

Counts = tuple[int, ...] | None


def on_device(path: Path, shape: tuple[str, ...]) -> Counts:
    try:
        report = ca_deploy.profile([path], "emulated:cortex-a76", runs=1, min_seconds=0, starts=1, input_shape=shape)
    except CaDeployError as error:
        print(f"    {error}")
        return None
    said = [
        re.fullmatch(r"XNNPACK: (\d+) partitions?, (\d+) of \d+ nodes", m.engine.delegate or "")
        for m in report.measurements
    ]
    return tuple(sum(int(words[place]) for words in said if words) for place in (1, 2))


def loads(path: Path) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # each kind of failure is another class
        print(f"    {first_line(error)}")
        return False
    return True


def compared_onnx(path: Path, name: str) -> bool:
    try:
        (report,) = ca_deploy.check(path, ["ort_cpu"])
        mine = not report.refused
    except CaDeployError as error:
        print(f"    {error}")
        mine = False
    theirs = loads(path)
    print(f"{'equal' if mine == theirs else 'OTHER'}  {name}: check {mine}, runtime {theirs}", flush=True)
    return mine == theirs


def compared(path: Path, name: str) -> bool:
    if path.suffix == ".onnx":
        return compared_onnx(path, name)
    here, there = ca_deploy.check(path, ["xnnpack", "xnnpack:1.4"])
    shape = tuple("x".join(str(abs(side)) for side in one) for one in _open(path))
    mine = [
        None if here.refused else (here.measured_partitions,),
        None if there.refused else (there.measured_partitions, there.accelerated_nodes),
    ]
    pieces = installed_partitions(path)
    theirs = [None if pieces is None else (pieces,), on_device(path, shape)]
    print(f"{'equal' if mine == theirs else 'OTHER'}  {name}: check {mine}, runtimes {theirs}", flush=True)
    return mine == theirs


def _open(path: Path) -> list[list[int]]:
    """The shape in the file, for an only input that leaves more than the batch open."""
    graph = tflite.load(path).subgraphs[0]
    tensors = [graph.tensors[index] for index in graph.inputs]
    signatures = [t.shapeSignature for t in tensors if t.shapeSignature is not None]
    return [list(tensors[0].shape)] if len(tensors) == 1 and any(-1 in list(s)[1:] for s in signatures) else []


def main() -> None:
    files = [(Path(name), Path(name).name) for name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        if not files:
            for number, (name, model) in enumerate(models()):
                path = Path(folder, f"{number}.tflite")
                path.write_bytes(flatbuffer.write(model))
                files.append((path, name))
        results = [compared(path, name) for path, name in files]
    print(f"{sum(results)} of {len(results)} equal")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
