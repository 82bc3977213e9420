"""Time per operator of a .tflite file, inside XNNPACK too, from the profiler in ai-edge-litert's ``libLiteRt.so``.

The Python ``Interpreter`` has no profiler; the C API of LiteRT 2.1 and later, which is in the same wheel, has one.
Run as a script, like the runner beside it; prints one JSON line. Inputs are zeros.
"""

import argparse
import ctypes
import json
import os
import struct
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

# LiteRtProfilerEventType, in litert/c/litert_profiler_event.h
OPERATOR, DELEGATE_OPERATOR, INSIDE_DELEGATE = 2, 4, 8
CPU = 1
# Room for one ProfiledEventData of any version (104 bytes in 2.3), and the byte that marks unwritten memory.
ROOM, UNTOUCHED = 128, 0xAB


class LiteRt:
    """The C API; a call that fails raises an error with its name."""

    def __init__(self) -> None:
        import ai_edge_litert

        folder = Path(str(ai_edge_litert.__file__)).parent
        self.library = ctypes.CDLL(str(folder / "libLiteRt.so"))
        if not hasattr(self.library, "LiteRtGetProfilerEvents"):
            raise RuntimeError(f"ai-edge-litert {metadata.version('ai-edge-litert')} has no profiler; 2.3 has one")

    def __call__(self, name: str, *arguments: Any) -> None:
        status = getattr(self.library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name} failed with status {status}")

    def handle(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        """Call a function that returns an object through its last parameter."""
        found = ctypes.c_void_p()
        self(name, *arguments, ctypes.byref(found))
        return found


def options(api: LiteRt, threads: int) -> ctypes.c_void_p:
    """Compiler options: CPU, number of threads, profiling. Payloads are TOML, as in litert/c/options."""
    c = ctypes.CDLL(None)
    c.strdup.restype = ctypes.c_void_p
    free = ctypes.cast(c.free, ctypes.c_void_p)
    found = api.handle("LiteRtCreateOptions")
    api("LiteRtSetOptionsHardwareAccelerators", found, CPU)
    for name, toml in (
        (b"runtime_options_string", b"enable_profiling = true\n"),
        (b"xnnpack", f"num_threads = {threads}\n".encode()),
    ):
        payload = ctypes.c_void_p(c.strdup(toml))
        api("LiteRtAddOpaqueOptions", found, api.handle("LiteRtCreateOpaqueOptions", name, payload, free))
    return found


def place_of(api: LiteRt, model: Any, key: str | None) -> int:
    """The place of a signature in the file, 0 for None."""
    count, text = ctypes.c_size_t(), ctypes.c_char_p()
    api("LiteRtGetNumModelSignatures", model, ctypes.byref(count))
    for place in range(count.value if key is not None else 0):
        signature = api.handle("LiteRtGetModelSignature", model, ctypes.c_size_t(place))
        api("LiteRtGetSignatureKey", signature, ctypes.byref(text))
        if (text.value or b"").decode(errors="replace") == key:
            return place
    if key is not None:
        raise RuntimeError(f"the file has no signature {key}")
    return 0


def buffers(api: LiteRt, environment: Any, model: Any, compiled: Any, kind: str, place: int) -> Any:
    """Tensor buffers for all inputs or outputs of a signature."""
    signature = api.handle("LiteRtGetModelSignature", model, ctypes.c_size_t(place))
    count = ctypes.c_size_t()
    api(f"LiteRtGetNumSignature{kind}s", signature, ctypes.byref(count))
    found = (ctypes.c_void_p * count.value)()
    for index in range(count.value):
        tensor = api.handle(f"LiteRtGetSignature{kind}TensorByIndex", signature, ctypes.c_size_t(index))
        kind_of_tensor = (ctypes.c_char * 4096)()
        api("LiteRtGetRankedTensorType", tensor, kind_of_tensor)
        needs = api.handle(
            f"LiteRtGetCompiledModel{kind}BufferRequirements", compiled, ctypes.c_size_t(place), ctypes.c_size_t(index)
        )
        made = api.handle("LiteRtCreateManagedTensorBufferFromRequirements", environment, kind_of_tensor, needs)
        found[index] = made.value
    return found


def events(api: LiteRt, profiler: Any) -> list[tuple[str, int, int]]:
    """Tag, type and microseconds of every event, in order.

    The size of an event differs between versions; it follows from how much memory was written.
    """
    number = ctypes.c_int()
    api("LiteRtGetNumProfilerEvents", profiler, ctypes.byref(number))
    if number.value < 1:
        raise RuntimeError("the profiler recorded no operator")
    memory = (ctypes.c_ubyte * (number.value * ROOM))(*[UNTOUCHED] * (number.value * ROOM))
    api("LiteRtGetProfilerEvents", profiler, number, memory)
    content = bytes(memory)
    size = -(-len(content.rstrip(bytes([UNTOUCHED]))) // number.value)
    found = []
    for index in range(number.value):
        tag, kind, _, microseconds = struct.unpack_from("<Qi4xQQ", content, index * size)
        found.append(((ctypes.string_at(tag) or b"").decode(errors="replace"), kind, microseconds))
    return found


def by_operator(found: list[tuple[str, int, int]], runs: int) -> list[dict[str, Any]]:
    """Operators of one inference in order, each with its ns per run.

    The entry of a delegate is dropped where its operators are reported individually.
    """
    inside = any(kind == INSIDE_DELEGATE for _, kind, _ in found)
    wanted = (OPERATOR, INSIDE_DELEGATE) if inside else (OPERATOR, DELEGATE_OPERATOR)
    operators = [(tag, 1000 * microseconds) for tag, kind, microseconds in found if kind in wanted]
    each, rest = divmod(len(operators), runs)
    if rest or not each or any(operators[i][0] != operators[i % each][0] for i in range(len(operators))):
        raise RuntimeError(f"{len(operators)} operators in {runs} runs: they do not repeat")
    return [
        {"name": tag, "type": tag, "ns": [ns for _, ns in operators[index::each]]}
        for index, (tag, _) in enumerate(operators[:each])
    ]


def measure(model_file: str, signature: str | None, threads: int, warmup_runs: int, runs: int) -> dict[str, Any]:
    api = LiteRt()
    environment = api.handle("LiteRtCreateEnvironment", 0, None)
    model = api.handle("LiteRtCreateModelFromFile", environment, model_file.encode())
    compiled = api.handle("LiteRtCreateCompiledModel", environment, model, options(api, threads))
    profiler = api.handle("LiteRtCompiledModelGetProfiler", compiled)
    if not profiler:
        raise RuntimeError(f"ai-edge-litert {metadata.version('ai-edge-litert')} did not switch its profiler on")
    place = place_of(api, model, signature)
    inputs, outputs = (buffers(api, environment, model, compiled, kind, place) for kind in ("Input", "Output"))
    sizes = [ctypes.c_size_t(count) for count in (place, len(inputs), len(outputs))]

    def run() -> None:
        api("LiteRtRunCompiledModel", compiled, sizes[0], sizes[1], inputs, sizes[2], outputs)

    for _ in range(warmup_runs + 1):
        run()
    api("LiteRtStartProfiler", profiler)
    for _ in range(runs):
        run()
    api("LiteRtStopProfiler", profiler)
    operators = by_operator(events(api, profiler), runs)
    return {"schema": 1, "runtime": "litert", "runtime_version": metadata.version("ai-edge-litert"), "ops": operators}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--signature")
    parser.add_argument("--affinity")
    parser.add_argument("--warmup-runs", type=int, default=10)
    parser.add_argument("--runs", type=int, default=50)
    wanted, _ = parser.parse_known_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if wanted.affinity:
        mask = int(wanted.affinity, 16)
        os.sched_setaffinity(0, {core for core in range(mask.bit_length()) if mask >> core & 1})
    try:
        found = measure(wanted.model, wanted.signature, wanted.threads, wanted.warmup_runs, wanted.runs)
    except Exception as error:
        found = {"error": (str(error) or type(error).__name__).splitlines()[0]}
    answers.write(json.dumps(found) + "\n")
    answers.close()
    sys.stderr.flush()
    os._exit(1 if "error" in found else 0)  # handles are released with the process


if __name__ == "__main__":
    main()
