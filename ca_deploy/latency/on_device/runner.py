"""The runner in Python: the same options and the same JSON line as the C runner, on the runtimes installed by pip.

Run as a script, here or on a Raspberry Pi: it needs numpy and a runtime, but nothing of ca-deploy.
"""

import argparse
import contextlib
import itertools
import json
import os
import resource
import struct
import sys
import time
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

# Keeps onnxruntime from contacting its telemetry server; read on import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

INTERPRETERS = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter")


class TFLite:
    """The main graph in one of :data:`INTERPRETERS`, or a signature's, with inputs and outputs in order of names."""

    def __init__(self, options: argparse.Namespace, shapes: list[list[int]]) -> None:
        *others, last = INTERPRETERS
        module = next((module for module in others if find_spec(module.partition(".")[0])), last)
        self.name, self.version = "litert", version_of(module.partition(".")[0])
        loaded = import_module(module)
        self.started = time.perf_counter_ns()
        interpreter = loaded.Interpreter(options.model, num_threads=options.threads)
        self.main, self.wrapper, self.graph = interpreter, interpreter._interpreter, 0
        if options.signature is None:
            ins, outs = (
                [(detail["name"], detail["index"]) for detail in details]
                for details in (interpreter.get_input_details(), interpreter.get_output_details())
            )
        else:
            self.graph = self.wrapper.GetSubgraphIndexFromSignature(options.signature)
            found = interpreter._get_full_signature_list()[options.signature]
            ins, outs = (sorted(found[side].items()) for side in ("inputs", "outputs"))
        self.input_indices, self.output_indices = ([index for _, index in side] for side in (ins, outs))
        for index, shape in zip(self.input_indices, shapes, strict=False):
            self.wrapper.ResizeInputTensor(index, np.array(shape, np.int32), False, self.graph)
        self.wrapper.AllocateTensors(self.graph)
        self.load_ns = time.perf_counter_ns() - self.started
        self.inputs = [self.describe(name, index) for name, index in ins]
        self.outputs = [self.describe(name, index) for name, index in outs]

    def describe(self, name: str, index: int) -> dict[str, Any]:
        return tensor(name, self.wrapper.TensorType(index, self.graph), self.wrapper.TensorSize(index, self.graph))

    def set_inputs(self, feeds: list[Any]) -> None:
        for index, value in zip(self.input_indices, feeds, strict=True):
            self.wrapper.SetTensor(index, value, self.graph)

    def invoke(self) -> None:
        self.wrapper.Invoke(self.graph)

    def get_outputs(self) -> list[Any]:
        return [self.output(index) for index in self.output_indices]

    def output(self, index: int) -> Any:
        shape = self.wrapper.TensorSize(index, self.graph)
        if len(shape) and not min(shape):  # the wrapper refuses to read nothing
            return np.empty(shape, self.wrapper.TensorType(index, self.graph))
        return self.wrapper.GetTensor(index, self.graph)

    def delegate(self) -> dict[str, Any] | None:
        if self.graph:
            return None  # the wrapper counts the operators of the main graph only
        names = [node["op_name"] for node in self.main._get_ops_details()]
        parts = names.count("DELEGATE")
        name = "XNNPACK (main graph)" if {"IF", "WHILE", "CALL_ONCE"} & set(names) else "XNNPACK"
        return {"name": name, "partitions": parts, "delegated_nodes": None, "total_nodes": len(names) - parts}


class OnnxRuntime:
    """``InferenceSession`` on the CPU provider; its ``run`` includes passing inputs and outputs."""

    def __init__(self, wanted: argparse.Namespace, shapes: list[list[int]]) -> None:
        import onnxruntime

        if wanted.signature is not None:
            raise ValueError("ONNX files have no signatures")
        self.name, self.version = "onnxruntime", onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = wanted.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = wanted.ops
        if wanted.ops:
            options.profile_file_prefix = "operators"  # in the current folder, which is removed even after kill -9
        self.started = time.perf_counter_ns()
        self.session = onnxruntime.InferenceSession(wanted.model, options, providers=["CPUExecutionProvider"])
        self.load_ns = time.perf_counter_ns() - self.started
        self.inputs = [self.describe(node) for node in self.session.get_inputs()]
        for spec, shape in zip(self.inputs, shapes, strict=False):
            spec.update(tensor(spec["name"], spec["type"], shape))
        self.outputs = [self.describe(node) for node in self.session.get_outputs()]
        self.names = [node.name for node in self.session.get_outputs()]

    @staticmethod
    def describe(node: Any) -> dict[str, Any]:
        kind = node.type.removeprefix("tensor(").removesuffix(")")
        shape = [side if isinstance(side, int) and side > 0 else 1 for side in node.shape]
        return tensor(node.name, {"float": "float32", "double": "float64"}.get(kind, kind), shape)

    def set_inputs(self, feeds: list[Any]) -> None:
        self.feeds = {spec["name"]: value for spec, value in zip(self.inputs, feeds, strict=True)}

    def invoke(self) -> None:
        self.answers = self.session.run(self.names, self.feeds)

    def get_outputs(self) -> list[Any]:
        return list(self.answers)

    def ops(self) -> list[dict[str, Any]]:
        """Every kernel in the order in which they ended, with its ns per inference, from ONNX Runtime's own profile.

        What a branch or a loop runs is not in the time of the operator that runs it.
        """
        profile = Path(self.session.end_profiling())
        events = json.loads(profile.read_text())
        profile.unlink()
        found: dict[tuple[int, str, str], list[int]] = {}
        ended: list[Any] = []  # that lie in none that has ended
        place = 0
        for event in events:
            if event["name"] == "model_run":
                place = 0
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                own = event["dur"]
                while ended and ended[-1]["ts"] >= event["ts"]:
                    own -= ended.pop()["dur"]
                ended.append(event)
                key = place, event["name"][: -len("_kernel_time")], event["args"]["op_name"]
                found.setdefault(key, []).append(max(own, 0) * 1000)
                place += 1
        return [{"name": name, "type": kind, "ns": ns} for (_, name, kind), ns in found.items()]


MOST_SAMPLES = 1_000_000  # so that the report stays below 64 MiB
RUNTIMES: dict[str, Any] = {".tflite": TFLite, ".onnx": OnnxRuntime}


def version_of(package: str) -> str:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package.replace("_", "-"))
    return str(getattr(import_module(package), "__version__", "unknown"))


def tensor(name: str, dtype: Any, shape: Any) -> dict[str, Any]:
    """``bytes`` is None where it depends on the values, or on what a sequence holds."""
    shape = [int(side) for side in shape]
    kind, size = str(dtype), None
    with contextlib.suppress(TypeError):  # a sequence, a map
        known = np.dtype(dtype)
        kind, size = ("string", None) if known.kind not in "biufc" else (known.name, known.itemsize)
    return {"name": name, "type": kind, "shape": shape, "bytes": None if size is None else int(np.prod(shape)) * size}


def feed(spec: dict[str, Any], file: str | None) -> Any:
    """From a file; otherwise floats in -1..1, integers of any value, but 0 and 1 of 32 bits or more, strings "0"."""
    content = None if file is None else Path(file).read_bytes()
    if spec["type"] == "string":
        texts = [b"0"] * int(np.prod(spec["shape"])) if content is None else unpack(content)
        return np.array(texts, object).reshape(spec["shape"])
    if content is not None:
        if len(content) != spec["bytes"]:
            raise ValueError(f"input {file} has {len(content)} bytes, and {spec['name']} takes {spec['bytes']}")
        return np.frombuffer(content, spec["type"]).reshape(spec["shape"])
    random, kind = np.random.default_rng(12345), np.dtype(spec["type"])
    if kind.kind in "fc":
        return random.uniform(-1, 1, spec["shape"]).astype(kind)
    if kind.kind == "b" or kind.itemsize >= 4:
        return random.integers(0, 1, spec["shape"], endpoint=True).astype(kind)
    limits = np.iinfo(kind)
    return random.integers(limits.min, limits.max, spec["shape"], kind, endpoint=True)


def unpack(content: bytes) -> list[bytes]:
    """Strings as TFLite keeps them: their number, where each begins and the last ends (int32s), their characters."""
    count = int.from_bytes(content[:4], "little")
    places = struct.unpack_from(f"<{count + 1}i", content, 4)
    return [content[begin:end] for begin, end in itertools.pairwise(places)]


def packed(value: Any) -> bytes:
    """The raw bytes of an output; strings as in :func:`unpack`, nothing for a sequence or a map."""
    if not hasattr(value, "dtype"):
        return b""
    if value.dtype.kind in "biufc":
        return bytes(value.tobytes())
    texts = [text.encode() if isinstance(text, str) else bytes(text) for text in value.ravel().tolist()]
    places = list(itertools.accumulate(map(len, texts), initial=4 * (len(texts) + 2)))
    return struct.pack(f"<{len(places) + 1}i", len(texts), *places) + b"".join(texts)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    if options.affinity:
        mask = int(options.affinity, 16)
        try:
            os.sched_setaffinity(0, {core for core in range(mask.bit_length()) if mask >> core & 1})
        except OSError as error:
            raise ValueError(f"it cannot be bound to the cores {options.affinity}: are they online?") from error
    if (suffix := Path(options.model).suffix.lower()) not in RUNTIMES:
        raise ValueError(f"this runner measures {' and '.join(RUNTIMES)} files, not {Path(options.model).name}")
    shapes = [[int(side) for side in filter(None, text.split("x"))] for text in options.shape]
    model: TFLite | OnnxRuntime = RUNTIMES[suffix](options, shapes)
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
        figures = (ready, ready - begin, done - ready, time.perf_counter_ns() - done)
        for series, figure in zip(times.values(), figures, strict=True):
            series.append(figure)
        return answers

    def repeat(runs: int, seconds: float, at_most: float) -> None:
        begin, done = time.perf_counter(), 0
        while done < MOST_SAMPLES and (done < runs or time.perf_counter() - begin < seconds):
            if done and time.perf_counter() - begin >= at_most:
                break
            once()
            done += 1

    answers = once()
    first_ns = times["invoke"][0]
    for index, (spec, answer) in enumerate(zip(model.outputs, answers, strict=True)):
        if hasattr(answer, "dtype"):  # the shape that it has now
            model.outputs[index] = tensor(spec["name"], answer.dtype, answer.shape)
        if options.output_prefix:
            Path(f"{options.output_prefix}{index}.bin").write_bytes(packed(answer))
    repeat(options.warmup_runs, options.warmup_seconds, options.max_seconds)
    warmup_ns = times["invoke"][1:]
    for values in times.values():
        values.clear()
    repeat(options.runs, options.min_seconds, options.max_seconds)
    ops = model.ops() if options.ops and isinstance(model, OnnxRuntime) else None
    return {
        "schema": 1,
        "runtime": model.name,
        "runtime_version": model.version,
        "threads": options.threads,
        "affinity": options.affinity,
        "load_ns": model.load_ns,
        "first_ns": first_ns,
        "warmup_ns": warmup_ns,
        **{f"{name}_ns": values for name, values in times.items()},
        "delegate": model.delegate() if isinstance(model, TFLite) else None,
        "inputs": model.inputs,
        "outputs": model.outputs,
        "peak_rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        # The profile covers the warm-up too.
        "ops": ops and [{**op, "ns": op["ns"][-len(times["invoke"]) :]} for op in ops],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    for name in ("--affinity", "--signature", "--output-prefix"):
        parser.add_argument(name)
    for name in ("--shape", "--input"):
        parser.add_argument(name, action="append", default=[])
    for name, usual in (("threads", 1), ("warmup-runs", 10), ("runs", 50)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    for name, seconds in (("warmup", 0.5), ("min", 1.0), ("max", 150.0)):
        parser.add_argument(f"--{name}-seconds", type=float, default=seconds)
    parser.add_argument("--ops", action="store_true")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a runtime prints must not mix with the JSON line
    try:
        found = measure(parser.parse_args())
    except Exception as error:
        advice = ": install it there, with pip" if isinstance(error, ImportError) else ""
        said = "a name in it is not UTF-8" if isinstance(error, UnicodeError) else str(error) or type(error).__name__
        found = {"error": said.splitlines()[0] + advice}
    answers.write(json.dumps(found) + "\n")
    answers.close()
    sys.exit(1 if "error" in found else 0)


if __name__ == "__main__":
    main()
