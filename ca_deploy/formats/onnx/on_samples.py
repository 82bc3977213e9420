"""Float tensors of an ONNX model on calibration samples."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import onnx
import onnxruntime as ort

from ca_deploy.processes.cores import cores
from ca_deploy.processes.time_limit import side_by_side
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_ONCE = 2  # while one batch is looked at, the next is computed; each holds all tensors that are asked for


def on_samples(
    model: onnx.ModelProto, names: Sequence[str], fed: Samples, batch: int
) -> "Iterator[list[NDArray[Any]]]":
    """The outputs ``names`` of a model for each ``batch`` of ``fed``, samples in the form of its inputs.

    Nothing is fused, so that any tensor may be an output.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = max(1, cores() // _AT_ONCE)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return side_by_side((partial(session.run, names, rows) for rows in fed.batches(batch)), _AT_ONCE)
