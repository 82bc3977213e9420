"""LiteRT: with its XNNPACK delegate, its own kernels (``litert:builtin``), or the reference ones."""

from importlib.metadata import version
from pathlib import Path

from ca_deploy.runtimes import Runtime, Session
from ca_deploy.runtimes._tflite_interpreter import VARIANTS, InterpreterSession

RUNTIME = Runtime("litert", (".tflite",), "ai_edge_litert", f"{__name__}:open_file", VARIANTS)


def open_file(path: Path, threads: int, variant: str) -> Session:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return InterpreterSession(
        f"LiteRT {version('ai-edge-litert')}", Interpreter, OpResolverType, path, threads, variant
    )
