"""The runner in Python: the same options and the same JSON line as the C runner, on the runtimes installed by pip.

Run as a script, here or on a Raspberry Pi: it needs numpy and a runtime, but nothing of ca-deploy.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Keeps onnxruntime from contacting its telemetry server; read on import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class TFLite:
    """The ``Interpreter`` of ai-edge-litert, tflite-runtime or TensorFlow, whichever is there."""

    def __init__(self, model: str, threads: int, ops: bool) -> None:
        try:
            import ai_edge_litert as package
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            try:
                import tflite_runtime as package
                from tflite_runtime.interpreter import Interpreter
            except ImportError:
                import tensorflow as package
                from tensorflow.lite.python.interpreter import Interpreter
        self.name, self.version = "litert", version_of(package)
        self.started = time.perf_counter_ns()
        self.interpreter = Interpreter(model, num_threads=threads)
        self.interpreter.allocate_tensors()
        self.load_ns = time.perf_counter_ns() - self.started
        self.inputs = [tensor(d["name"], d["dtype"], d["shape"]) for d in self.interpreter.get_input_details()]
        self.outputs = [tensor(d["name"], d["dtype"], d["shape"]) for d in self.interpreter.get_output_details()]
        self.input_indices = [d["index"] for d in self.interpreter.get_input_details()]
        self.output_indices = [d["index"] for d in self.interpreter.get_output_details()]

    def set_inputs(self, feeds: list[Any]) -> None:
        for index, value in zip(self.input_indices, feeds, strict=True):
            self.interpreter.set_tensor(index, value)

    def invoke(self) -> None:
        self.interpreter.invoke()

    def get_outputs(self) -> list[Any]:
        return [self.interpreter.get_tensor(index) for index in self.output_indices]

    def delegate(self) -> dict[str, Any] | None:
        names = [node["op_name"] for node in self.interpreter._get_ops_details()]
        partitions = names.count("DELEGATE")
        total = len(names) - partitions
        return {"name": "XNNPACK", "partitions": partitions, "delegated_nodes": None, "total_nodes": total}

    def ops(self) -> list[dict[str, Any]] | None:
        return None


class OnnxRuntime:
    """``InferenceSession`` on the CPU provider; its ``run`` includes passing inputs and outputs."""

    def __init__(self, model: str, threads: int, ops: bool) -> None:
        import onnxruntime

        self.name, self.version = "onnxruntime", onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = ops
        if ops:
            options.profile_file_prefix = str(Path(tempfile.gettempdir(), f"ca-deploy-{os.getpid()}"))
        self.profiling = ops
        self.started = time.perf_counter_ns()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.load_ns = time.perf_counter_ns() - self.started
        self.inputs = [self.describe(node) for node in self.session.get_inputs()]
        self.outputs = [self.describe(node) for node in self.session.get_outputs()]
        self.names = [node.name for node in self.session.get_outputs()]

    @staticmethod
    def describe(node: Any) -> dict[str, Any]:
        kind = node.type[len("tensor(") : -1]
        shape = [side if isinstance(side, int) and side > 0 else 1 for side in node.shape]
        return tensor(node.name, {"float": "float32", "double": "float64"}.get(kind, kind), shape)

    def set_inputs(self, feeds: list[Any]) -> None:
        self.feeds = {spec["name"]: value for spec, value in zip(self.inputs, feeds, strict=True)}

    def invoke(self) -> None:
        self.answers = self.session.run(self.names, self.feeds)

    def get_outputs(self) -> list[Any]:
        return list(self.answers)

    def delegate(self) -> dict[str, Any] | None:
        return None

    def ops(self) -> list[dict[str, Any]] | None:
        """Every kernel in order, with its ns per inference, from ONNX Runtime's own profile."""
        if not self.profiling:
            return None
        profile = Path(self.session.end_profiling())
        events = json.loads(profile.read_text())
        profile.unlink()
        found: dict[tuple[str, str], list[int]] = {}
        for event in events:
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                name = event["name"][: -len("_kernel_time")]
                found.setdefault((name, event["args"]["op_name"]), []).append(event["dur"] * 1000)
        return [{"name": name, "type": kind, "ns": ns} for (name, kind), ns in found.items()]


RUNTIMES: dict[str, Any] = {".tflite": TFLite, ".onnx": OnnxRuntime}


def version_of(package: Any) -> str:
    from importlib import metadata

    try:
        return metadata.version(package.__name__.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return str(getattr(package, "__version__", "unknown"))


def tensor(name: str, dtype: Any, shape: Any) -> dict[str, Any]:
    import numpy as np

    shape = [int(side) for side in shape]
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return {"name": name, "type": np.dtype(dtype).name, "shape": shape, "bytes": size}


def feed(spec: dict[str, Any], file: str | None) -> Any:
    import numpy as np

    if file is not None:
        content = Path(file).read_bytes()
        if len(content) != spec["bytes"]:
            raise ValueError(f"input {file} has {len(content)} bytes, and {spec['name']} takes {spec['bytes']}")
        return np.frombuffer(content, spec["type"]).reshape(spec["shape"])
    random = np.random.default_rng(12345)
    if spec["type"].startswith("float"):
        return random.uniform(-1, 1, spec["shape"]).astype(spec["type"])
    limits = np.iinfo(spec["type"])
    return random.integers(limits.min, limits.max, spec["shape"], spec["type"], endpoint=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    if options.affinity:
        mask = int(options.affinity, 16)
        os.sched_setaffinity(0, {core for core in range(mask.bit_length()) if mask >> core & 1})
    suffix = Path(options.model).suffix
    if suffix not in RUNTIMES:
        raise ValueError(f"this runner measures {' and '.join(RUNTIMES)} files, not {Path(options.model).name}")
    model: TFLite | OnnxRuntime = RUNTIMES[suffix](options.model, options.threads, options.ops)
    files = options.input + [None] * (len(model.inputs) - len(options.input))
    feeds = [feed(spec, file) for spec, file in zip(model.inputs, files, strict=True)]
    times: dict[str, list[int]] = {name: [] for name in ("start", "set_input", "invoke", "get_output")}

    def once() -> list[Any]:
        begin = time.perf_counter_ns()
        model.set_inputs(feeds)
        ready = time.perf_counter_ns()
        model.invoke()
        done = time.perf_counter_ns()
        answers = model.get_outputs()
        times["get_output"].append(time.perf_counter_ns() - done)
        times["set_input"].append(ready - begin)
        times["invoke"].append(done - ready)
        times["start"].append(ready)
        return answers

    def repeat(runs: int, seconds: float, at_most: float) -> None:
        begin, done = time.perf_counter(), 0
        while done < runs or time.perf_counter() - begin < seconds:
            if done and time.perf_counter() - begin >= at_most:
                break
            once()
            done += 1

    once()
    first_ns = times["invoke"][0]
    repeat(options.warmup_runs, options.warmup_seconds, options.max_seconds)
    warmup_ns = times["invoke"][1:]
    for values in times.values():
        values.clear()
    repeat(options.runs, options.min_seconds, options.max_seconds)
    samples = {f"{name}_ns": list(values) for name, values in times.items()}
    if options.output_prefix:
        for index, answer in enumerate(once()):
            Path(f"{options.output_prefix}{index}.bin").write_bytes(answer.tobytes())
    return {
        "schema": 1,
        "runtime": model.name,
        "runtime_version": model.version,
        "threads": options.threads,
        "affinity": options.affinity,
        "load_ns": model.load_ns,
        "first_ns": first_ns,
        "warmup_ns": warmup_ns,
        **samples,
        "delegate": model.delegate(),
        "inputs": model.inputs,
        "outputs": model.outputs,
        "peak_rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "ops": timed_operators(model.ops(), len(samples["invoke_ns"])),
    }


def timed_operators(ops: list[dict[str, Any]] | None, timed: int) -> list[dict[str, Any]] | None:
    """Only the timed inferences: the profile covers the warm-up too."""
    return None if ops is None else [{**op, "ns": op["ns"][-timed:]} for op in ops]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--affinity")
    parser.add_argument("--warmup-runs", type=int, default=10)
    parser.add_argument("--warmup-seconds", type=float, default=0.5)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--min-seconds", type=float, default=1)
    parser.add_argument("--max-seconds", type=float, default=150)
    parser.add_argument("--input", action="append", default=[])
    parser.add_argument("--output-prefix")
    parser.add_argument("--ops", action="store_true")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a runtime prints must not mix with the JSON line
    try:
        found = measure(parser.parse_args())
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    answers.write(json.dumps(found) + "\n")
    answers.close()
    sys.exit(1 if "error" in found else 0)


if __name__ == "__main__":
    main()
