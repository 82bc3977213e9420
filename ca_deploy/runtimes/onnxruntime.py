"""ONNX Runtime on the CPU, with INT8 sums that are exact on every processor.

``onnxruntime:default`` opens a file with ONNX Runtime's default settings, with which INT8 sums saturate on x86 without
VNNI. ``onnxruntime:reference`` disables graph optimisations, and with them the exact sums of unsigned activations.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ca_deploy.errors import ArtifactError, RuntimeUnavailable, wrong_in_file
from ca_deploy.records.tensors import TensorSpec
from ca_deploy.runtimes import FLOAT_AGREEMENT_DB, OnDevice, Runtime, Session
from ca_deploy.runtimes._specs import spec_of

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime as ort

RUNTIME = Runtime(
    "onnxruntime",
    (".onnx",),
    "onnxruntime",
    f"{__name__}:open_file",
    ("default", "reference"),
    threaded=True,
    inner=f"{__name__}:inner_tensors",
    default_variant="default",
    default_differs="ca_deploy.runtimes._exact_sums:default_saturates",
    on_device=OnDevice("onnxruntime_perf_test", f"{__name__}:agreement_db"),
)
# ONNX Runtime's default INT8 kernels for x86 round at other points than those for ARM.
QUANTISED_AGREEMENT_DB = 20.0
_LABELS = {"": "", "default": ", default settings", "reference": ", unoptimised"}
_FATAL = 4  # onnxruntime's log level; it raises each error that it would print below that


def open_file(path: Path, threads: int, variant: str) -> Session:
    return OnnxRuntimeSession(path, threads, variant)


class OnnxRuntimeSession:
    """One ``InferenceSession`` on the CPU provider."""

    def __init__(self, path: Path, threads: int, variant: str) -> None:
        import onnx
        import onnxruntime as ort

        from ca_deploy.graphs.onnx_functions import refuse_bomb
        from ca_deploy.graphs.ort_plan import of_this_version
        from ca_deploy.runtimes._exact_sums import default_saturates, exact_sums

        try:
            model = onnx.load(path, load_external_data=False)
            refuse_bomb(model, path)
            exact = exact_sums(model)
            choices = ({},) if variant else (*exact, {})
            self.settings, self._session = _first_that_loads(path, threads, variant == "reference", choices)
        except ArtifactError:
            raise
        except Exception as error:  # onnxruntime's and protobuf's exception classes are not exported
            message = wrong_in_file(error)
            if of_this_version(error):
                raise RuntimeUnavailable(f"{path.name} does not run in this ONNX Runtime: {message}") from error
            raise ArtifactError(f"{path} cannot be opened as an ONNX model: {message}") from error
        label = ", exact INT8 sums" if self.settings else _LABELS[variant]
        if exact and not variant and not self.settings and default_saturates():
            label = ", INT8 sums that saturate on this processor"
        self.runtime = f"ONNX Runtime {ort.__version__}, CPU{label}"
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        names = [spec.name for spec in self.outputs]
        return dict(zip(names, self._session.run(names, dict(feeds)), strict=True))


def _first_that_loads(
    path: Path, threads: int, reference: bool, choices: Sequence[Mapping[str, str]]
) -> tuple[Mapping[str, str], "ort.InferenceSession"]:
    """A session with the first of ``choices`` with which ONNX Runtime loads the file.

    Raises:
        Exception: the file loads with none of them; onnxruntime's error for the last one.
    """
    *earlier, last = choices
    for settings in earlier:
        with contextlib.suppress(Exception):  # onnxruntime's exception classes are not exported
            return settings, _session(path, threads, reference, settings)
    return last, _session(path, threads, reference, last)


def _session(path: Path, threads: int, reference: bool, settings: Mapping[str, str]) -> "ort.InferenceSession":
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _FATAL
    if reference:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    for name, value in settings.items():
        options.add_session_config_entry(name, value)
    # Its fallback prints on standard output, and tries the same provider again.
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"], enable_fallback=0)


def inner_tensors(
    path: Path, several: Iterable[Mapping[str, NDArray[Any]]], names: Sequence[str]
) -> "Iterator[Mapping[str, NDArray[np.float32]]]":
    """Float tensors of the main graph by name."""
    import onnx

    from ca_deploy.graphs.onnx_functions import refuse_bomb
    from ca_deploy.graphs.ort_values import values_inside

    model = onnx.load(path)
    refuse_bomb(model, path)
    for values in values_inside(model, names, several):
        yield {name: value.astype("float32") for name, value in zip(names, values, strict=True)}


def _spec(node: Any) -> TensorSpec:
    shape = [side if isinstance(side, int) else -1 for side in node.shape]
    tensor = re.fullmatch(r"tensor\((.*)\)", node.type)
    element = tensor[1] if tensor else node.type
    return spec_of(node.name, shape, {"float": "float32", "double": "float64"}.get(element, element))


def agreement_db(path: Path) -> float:
    import onnx

    kinds = {node.op_type for node in onnx.load(path, load_external_data=False).graph.node}
    quantised = any("Quantize" in kind or kind.startswith("QLinear") for kind in kinds)
    return QUANTISED_AGREEMENT_DB if quantised else FLOAT_AGREEMENT_DB
