"""LiteRT: with the XNNPACK delegate, its own kernels (``litert:builtin``), or its reference kernels."""

from importlib.metadata import version
from pathlib import Path

from ca_deploy.runtimes import FLOAT_AGREEMENT_DB, OnDevice, Runtime, Session
from ca_deploy.runtimes._tflite_interpreter import VARIANTS, InterpreterSession

RUNTIME = Runtime(
    "litert",
    (".tflite",),
    "ai_edge_litert",
    f"{__name__}:open_file",
    VARIANTS,
    on_device=OnDevice("benchmark_model", f"{__name__}:agreement_db"),
)
# Dynamic quantisation rounds the results of float kernels: a difference in the last bit can become a whole step.
DYNAMIC_AGREEMENT_DB = 30.0
# Of 11 significant bits, each operator loses some: 50 dB and more are usual.
FLOAT16_AGREEMENT_DB = 30.0


def open_file(path: Path, threads: int, variant: str) -> Session:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return InterpreterSession(
        f"LiteRT {version('ai-edge-litert')}", Interpreter, OpResolverType, path, threads, variant
    )


def agreement_db(path: Path) -> float | None:
    """XNNPACK is bit-exact across processors where it computes in integers only."""
    from ca_deploy.graphs import flatbuffer
    from ca_deploy.graphs.float16_arithmetic import allows_float16

    model = flatbuffer.read(path.read_bytes())
    if allows_float16(model):
        return FLOAT16_AGREEMENT_DB
    if not flatbuffer.float_operators(model):
        return None
    return DYNAMIC_AGREEMENT_DB if flatbuffer.has_integer_weights(model) else FLOAT_AGREEMENT_DB
