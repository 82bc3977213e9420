"""LiteRT: with the XNNPACK delegate, its own kernels (``litert:builtin``), or its reference kernels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ca_deploy.runtimes import FLOAT_AGREEMENT_DB, OnDevice, Runtime, Session
from ca_deploy.runtimes._tflite_interpreter import VARIANTS, InterpreterSession

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RUNTIME = Runtime(
    "litert",
    (".tflite",),
    "ai_edge_litert",
    f"{__name__}:open_file",
    VARIANTS,
    inner=f"{__name__}:inner_tensors",
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


def inner_tensors(
    path: Path, several: "Iterable[Mapping[str, NDArray[Any]]]", names: Sequence[str]
) -> "Iterator[Mapping[str, NDArray[np.float32]]]":
    """Tensors of the main graph by name, of LiteRT's own kernels: XNNPACK fuses operators, and reuses memory."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=path.read_bytes(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    details = {detail["name"]: detail for detail in interpreter.get_tensor_details()}
    for feeds in several:
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], feeds[detail["name"]])
        interpreter.invoke()
        found = {}
        for name in names:
            values, (scale, zero_point) = interpreter.get_tensor(details[name]["index"]), details[name]["quantization"]
            found[name] = ((values.astype("float32") - zero_point) * scale if scale else values).astype("float32")
        yield found


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
