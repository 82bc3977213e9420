"""Tensors inside an ONNX model, computed by ONNX Runtime."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import onnx
import onnxruntime as ort

from ca_deploy.processes.cores import cores
from ca_deploy.processes.time_limit import side_by_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_ONCE = 2  # while one is looked at, the next is computed; each holds all tensors that are asked for
_FATAL = 4  # errors are raised too; warnings are of constants that a graph without optimisations has left


def values_inside(
    model: onnx.ModelProto, names: Sequence[str], several: Iterable[Mapping[str, "NDArray[Any]"]]
) -> "Iterator[list[NDArray[Any]]]":
    """The tensors ``names`` of the main graph for each of ``several`` feeds, in their order.

    Nothing is fused, which would remove tensors.
    """
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    known = {output.name for output in observed.graph.output}
    observed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = max(1, cores() // _AT_ONCE)
    session = ort.InferenceSession(observed.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return side_by_side((partial(session.run, list(names), dict(feeds)) for feeds in several), _AT_ONCE)
