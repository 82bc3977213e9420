"""The optimised graph that ONNX Runtime's CPU provider executes."""

from collections.abc import Sequence

import onnx
import onnxruntime as ort

from ca_deploy.delivery.scratch import temporary

# What ONNX Runtime says of a valid model that it cannot run; its exception classes do not tell such models from others.
_LACKS = ("NOT_IMPLEMENTED", "is not a registered function/op", "No Op registered", "Unsupported model IR version")


def planned(
    model: onnx.ModelProto, arm: bool = True, disabled_optimizers: Sequence[str] = ("ConvActivationFusion",)
) -> onnx.ModelProto:
    """The model after ONNX Runtime's extended optimisations.

    ``arm``: optimise as on ARM (``session.qdqisint8allowed``); on x86, ONNX Runtime leaves S8 activations unfused for
    lack of fast kernels. ``ConvActivationFusion`` is disabled by default because it hides a Clip or Sigmoid inside
    its float convolution.

    Raises:
        onnxruntime errors, for a model that the provider cannot run.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3  # hides the warning that a saved optimised graph is specific to this machine
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.qdqisint8allowed", "1" if arm else "0")
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with temporary() as folder:
        options.optimized_model_filepath = str(folder / "planned.onnx")
        ort.InferenceSession(
            onnx.shape_inference.infer_shapes(model).SerializeToString(),  # the saved file keeps the inferred types
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=list(disabled_optimizers),
            enable_fallback=0,
        )
        return onnx.load(options.optimized_model_filepath)


def of_this_version(error: Exception) -> bool:
    """Whether ONNX Runtime refused a model for lack of an operator, a kernel or an opset, which others may have."""
    said = str(error)
    return any(words in said for words in _LACKS) or "opset" in said.lower()
