"""Network -> float ML Program, with coremltools."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.converters.mil.mil.passes.pass_registry import register_pass
from torch import Tensor, nn
from torch._decomp import get_decompositions

from ca_deploy.errors import ModelError, first_line
from ca_deploy.formats._origin import place_of
from ca_deploy.formats.coreml.quantise import ACTIVATIONS, QUANTISED
from ca_deploy.lowering.coreml import lower_for_coreml
from ca_deploy.networks.program import program_of

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network
    from ca_deploy.records.preprocessing import Preprocessing

# coremltools 9 has no form of them.
_RECURRENT = [torch.ops.aten.lstm.input, torch.ops.aten.gru.input]
INPUT, OUTPUT, PROBABILITIES = "image", "logits", "probabilities"


@dataclass(frozen=True, slots=True)
class Traced:
    """A lowered program of ATen operations, and coremltools' type of its input.

    ``labels`` are those of a classifier, else None. ``modules`` maps nodes to the paths of their PyTorch modules in the
    network.
    """

    network: "Network"
    program: torch.export.ExportedProgram
    input: Any
    labels: tuple[str, ...] | None
    modules: Mapping[str, tuple[str, ...]]


class Normalise(nn.Module):
    """RGB 0..255 ``(N, 3, S, S)`` -> normalised, by a factor and an offset per channel."""

    def __init__(self, preprocessing: "Preprocessing") -> None:
        super().__init__()
        mean, std = (torch.tensor(v).reshape(1, -1, 1, 1) for v in (preprocessing.mean, preprocessing.std))
        self.register_buffer("factor", 1 / (preprocessing.divisor * std))
        self.register_buffer("offset", -mean / std)

    def forward(self, rgb: Tensor) -> Tensor:
        return rgb * self.get_buffer("factor") + self.get_buffer("offset")


class WithProbabilities(nn.Module):
    """Logits ``(N, classes)`` -> the logits, and their softmax."""

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        return logits, logits.softmax(1)


def trace(network: "Network", camera: bool) -> Traced:
    """Trace and lower the network. ``camera``: the input is a picture, normalised inside.

    ``ImageType`` has a single scale for all channels. Where the standard deviations differ, the normalisation is part
    of the graph instead. A network with labels becomes a classifier.

    Raises:
        ModelError: torch.export cannot trace the network, or the number of labels is not that of the outputs.
    """
    preprocessing, example = network.preprocessing, network.example()
    one_scale = len(set(preprocessing.std)) == 1
    parts = [network.module]
    if camera and not one_scale:
        parts.insert(0, Normalise(preprocessing))
    with torch.inference_mode():
        shape = tuple(network.module(example).shape)
    if network.labels and len(shape) == 2:
        if len(network.labels) != shape[1]:
            raise ModelError(
                f"{network.name} has {shape[1]} outputs, but there are {len(network.labels)} labels. Pass a file with "
                "one label per line: --labels FILE."
            )
        parts.append(WithProbabilities())
    graph = program_of(nn.Sequential(*parts), network.name, example).module()
    lower_for_coreml(graph)
    program = torch.export.export(graph, (example,)).run_decompositions(get_decompositions(_RECURRENT))
    shape = tuple(example.shape)
    if camera:
        std = preprocessing.std[0]
        folded = (
            {"scale": 1 / (preprocessing.divisor * std), "bias": [-mean / std for mean in preprocessing.mean]}
            if one_scale
            else {}
        )
        source = ct.ImageType(INPUT, shape, color_layout=ct.colorlayout.RGB, **folded)
    else:
        source = ct.TensorType(INPUT, shape, dtype=np.float32)
    labels = network.labels if isinstance(parts[-1], WithProbabilities) else None
    return Traced(network, program, source, labels, _modules(program, inside=f"{parts.index(network.module)}."))


def _modules(program: torch.export.ExportedProgram, inside: str) -> dict[str, tuple[str, ...]]:
    """Node -> paths of its modules in the network; ``inside`` is the network's own prefix in the traced module.

    A BatchNorm also has the path of the convolution before it, because coremltools merges the two.
    """
    found: dict[str, tuple[str, ...]] = {}
    for node in program.graph.nodes:
        stack = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
        path = f"{stack[-1]}." if stack else ""
        if node.op == "call_function" and path.startswith(inside):
            folded = found.get(node.args[0].name, ()) if "batch_norm" in node.name else ()
            found[node.name] = (*folded, path.removeprefix(inside).removesuffix("."))
    return found


def modules_of(model: Any, traced: Traced) -> dict[str, tuple[str, ...]]:
    """Operation of a converted program -> paths of its PyTorch modules, () where they are unknown.

    coremltools names operations after the traced nodes; the last one of a network gets a numeric suffix, because the
    output takes its name. An activation is quantised together with the layer before it, which therefore also has its
    path.
    """

    def own(operation: Any) -> tuple[str, ...]:
        name = operation.name.removesuffix("_cast_fp16")
        return traced.modules.get(name) or traced.modules.get(name.rpartition("_")[0], ())

    found = {}
    for operation in model._mil_program.functions["main"].operations:
        users = operation.outputs[0].child_ops if operation.op_type in QUANTISED else ()
        fused = [path for user in users[:1] if user.op_type in ACTIVATIONS for path in own(user)]
        found[operation.name] = (*own(operation), *fused)
    return found


def convert(traced: Traced, precision: str, target: str) -> Any:
    """The ML Program, an ``MLModel``. ``precision`` is float32 or float16; inputs and outputs stay float32.

    With labels, :data:`PROBABILITIES` is a second output.

    Raises:
        ModelError: coremltools does not support an operation; the message names it and its module.
    """
    outputs = [ct.TensorType(OUTPUT, dtype=np.float32)]
    if traced.labels:
        outputs.append(ct.TensorType(PROBABILITIES, dtype=np.float32))
    pipeline = ct.PassPipeline.DEFAULT
    pipeline.insert_pass(0, "ca_deploy::clip_as_relu6")
    try:
        return ct.convert(
            traced.program,
            inputs=[traced.input],
            outputs=outputs,
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32 if precision == "float32" else ct.precision.FLOAT16,
            minimum_deployment_target=getattr(ct.target, target),
            pass_pipeline=pipeline,
            skip_model_load=True,  # loading needs a Mac
        )
    except Exception as error:  # coremltools has no common class for its errors
        raise ModelError(_explain(traced, error)) from error


@register_pass(namespace="ca_deploy")
class clip_as_relu6(AbstractGraphPass):
    """PyTorch traces ReLU6 as a clip, which coremltools' activation quantiser does not fuse; ``relu6`` it does."""

    def apply(self, prog: Any) -> None:
        for function in prog.functions.values():
            self._rewrite(function)

    @block_context_manager
    def _rewrite(self, block: Any) -> None:
        for op in list(block.operations):
            if op.op_type == "clip" and op.alpha.val == 0 and op.beta.val == 6:
                new = mb.relu6(x=op.x, name=op.name, before_op=op)
                block.replace_uses_of_var_after_op(anchor_op=op, old_var=op.outputs[0], new_var=new)
                block.remove_ops([op])


def _explain(traced: Traced, error: Exception) -> str:
    """A message with the module of the operation, which coremltools' own message does not name."""
    named = re.search(r"(?:convert function for op|Unsupported fx node) '?(\w+)", str(error))
    name = traced.network.name
    for node in traced.program.graph.nodes:
        if named and node.op == "call_function" and named.group(1) in (node.name, *str(node.target).split(".")):
            return (
                f"{name} cannot become an ML Program: coremltools {ct.__version__} does not support {node.target}, "
                f"{place_of(node)}. Replace it there by supported operations, or export to ONNX: --format onnx."
            )
    return (
        f"coremltools {ct.__version__} cannot convert {name} ({type(error).__name__}: {first_line(error)}). "
        "Replace the operation in the network, or export to ONNX: --format onnx."
    )
