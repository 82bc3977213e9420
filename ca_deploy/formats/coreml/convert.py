"""Network -> float ML Program, with coremltools."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil.frontend.torch.torch_op_registry import _TORCH_OPS_REGISTRY
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.converters.mil.mil.passes.pass_registry import register_pass
from torch import Tensor, nn
from torch._decomp import get_decompositions
from torch.export import Dim
from torch.fx import Node

from ca_deploy.errors import ModelError, first_line
from ca_deploy.formats._origin import place_of
from ca_deploy.formats.coreml import scalar_offset
from ca_deploy.formats.coreml.integer_division import divide_sizes_as_integers
from ca_deploy.formats.coreml.quantise import ACTIVATIONS, QUANTISED
from ca_deploy.formats.coreml.resize import resize_by_factor
from ca_deploy.lowering.coreml import lower_for_coreml
from ca_deploy.lowering.distinct_outputs import distinct_outputs
from ca_deploy.lowering.gates import lower_program
from ca_deploy.lowering.rules import AS_THEY_ARE, Rules
from ca_deploy.networks.dynamic_size import only_image, size_symbols
from ca_deploy.networks.program import in_order, open_dimensions, program_of
from ca_deploy.networks.prove import first_of
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.module_path import within_network
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network
    from ca_deploy.records.image_sizes import Size2d
    from ca_deploy.records.preprocessing import Preprocessing
    from ca_deploy.records.signature import NetworkInput

# coremltools 9 has no form of them.
_RECURRENT = [torch.ops.aten.lstm.input, torch.ops.aten.gru.input]
_NUMPY: dict[str, type[np.generic]] = {"int64": np.int32, "int32": np.int32, "bool": np.int32}  # others are float32


@dataclass(frozen=True, slots=True)
class Traced:
    """A lowered program of ATen operations, and coremltools' types of its inputs and outputs.

    ``probabilities`` is the output that a classifier's labels belong to; "" for other networks. ``modules`` maps nodes
    to the paths of their PyTorch modules in the network. ``lowering`` is how its attention is written. ``respelled``
    are the network's operations that coremltools does not know by name, and is given as others, each with its place.
    """

    network: "Network"
    program: torch.export.ExportedProgram
    inputs: list[Any]
    outputs: list[Any]
    probabilities: str
    modules: Mapping[str, tuple[str, ...]]
    lowering: Lowering
    respelled: tuple[tuple[str, str], ...] = ()


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


class Chain(nn.Sequential):
    """Modules in a row, of which the first takes several tensors."""

    def forward(self, *tensors: Tensor) -> Any:
        first, *others = self
        given = first(*tensors)
        for module in others:
            given = module(given)
        return given


def trace(
    network: "Network",
    camera: bool,
    batch: int = 1,
    sizes: "Sequence[Size2d]" = (),
    rules: Rules = AS_THEY_ARE,
    real: Samples | None = None,
) -> Traced:
    """Trace and lower the network for ``batch`` samples. ``camera``: the only input is a picture, normalised inside.
    ``sizes`` are those that the image may have, the network's own first; without them, it has that one. ``rules`` say
    how attention is written, which is proved on the samples in ``real``, or on made-up ones.

    ``ImageType`` has a single scale for all channels. Where the standard deviations differ, the normalisation is part
    of the graph instead. A network with labels becomes a classifier.

    Raises:
        ModelError: torch.export cannot trace the network, or it has no form for all of the sizes.
    """
    signature, examples = network.signature, network.examples(batch)
    parts = [network.module]
    photo = signature.photo_or_refuse(network.name) if camera else None
    one_scale = photo is not None and len(set(photo.std)) == 1
    if photo is not None and not one_scale:
        parts.insert(0, Normalise(photo))
    is_classifier = _gives_logits(network)
    if is_classifier:
        parts.append(WithProbabilities())
    chain = nn.Sequential(*parts) if len(examples) == 1 else Chain(*parts)
    open_sides = open_dimensions(signature, None, Dim.AUTO, Dim.AUTO) if sizes else None
    first = program_of(chain, network.name, examples, open_sides)
    fed = examples if real is None else first_of(real, signature, batch, pixels=photo is not None and not one_scale)
    graph, lowering = lower_program(first, rules, fed)
    lower_for_coreml(graph)
    distinct_outputs(graph)
    if sizes:
        divide_sizes_as_integers()
        image = signature.inputs.index(only_image(signature, "--sizes"))
        resize_by_factor(graph, network.name, size_symbols(first, image), sizes)
    dynamic = in_order(graph, open_sides) if open_sides is not None else None
    program = torch.export.export(graph, examples, dynamic_shapes=dynamic)
    unknown = [node for node in program.graph.nodes if _is_unknown(node.target)]
    program = program.run_decompositions(_decompositions(unknown))
    if photo is not None:
        std = photo.std[0]
        folded = {"scale": 1 / (photo.divisor * std), "bias": [-mean / std for mean in photo.mean]} if one_scale else {}
        shape = _shape(signature.inputs[0], examples[0], sizes)
        inputs = [ct.ImageType(signature.inputs[0].name, shape, color_layout=ct.colorlayout.RGB, **folded)]
    else:
        inputs = [
            ct.TensorType(taken.name, _shape(taken, example, sizes), dtype=_NUMPY.get(taken.dtype, np.float32))
            for taken, example in zip(signature.inputs, examples, strict=True)
        ]
    outputs = [ct.TensorType(given.name, dtype=_NUMPY.get(given.dtype, np.float32)) for given in signature.outputs]
    probabilities = ""
    if is_classifier:
        names = [taken.name for taken in signature.inputs] + [given.name for given in signature.outputs]
        probabilities = "class_probabilities" if "probabilities" in names else "probabilities"
        outputs.append(ct.TensorType(probabilities, dtype=np.float32))
    inside = f"{parts.index(network.module)}."
    modules = _modules(program, inside)
    lowering = lowering.in_network(lambda path: f"{path}.".removeprefix(inside).removesuffix("."))
    respelled = tuple(dict.fromkeys((str(node.target), place_of(node)) for node in unknown))
    return Traced(network, program, inputs, outputs, probabilities, modules, lowering, respelled)


def _is_unknown(target: object) -> bool:
    """Whether coremltools does not know an operation by name, such as aten.multiply."""
    return isinstance(target, torch._ops.OpOverload) and _TORCH_OPS_REGISTRY.get_func(target.name()) is None


def _decompositions(unknown: Collection[Node]) -> dict[Any, Any]:
    """Of recurrent layers, and where operations are unknown, of all such, which one of them may be made of."""
    table: dict[Any, Any] = get_decompositions(_RECURRENT)
    if unknown:
        table |= {target: form for target, form in torch.export.default_decompositions().items() if _is_unknown(target)}
    return table


def _shape(taken: "NetworkInput", example: Tensor, sizes: "Sequence[Size2d]") -> Any:
    shape = tuple(example.shape)
    if taken.preprocessing is None or not sizes:
        return shape
    shapes = [(*shape[:2], *size) for size in sizes]
    return ct.EnumeratedShapes(shapes, default=shapes[0])


def _gives_logits(network: "Network") -> bool:
    """Whether its labels make it a classifier: one number before the softmax for each."""
    outputs = network.signature.outputs
    return bool(
        network.labels
        and network.task.one_class
        and outputs[0].shape[1] == len(network.labels)
        and outputs[0].activation == "none"
    )


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
            found[node.name] = (*folded, within_network(path.removeprefix(inside).removesuffix(".")))
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

    Raises:
        ModelError: coremltools does not support an operation; the message names it and its module.
    """
    pipeline = ct.PassPipeline.DEFAULT
    pipeline.insert_pass(0, "ca_deploy::clip_as_relu6")
    pipeline.insert_pass(0, scalar_offset.PASS)
    try:
        return ct.convert(
            traced.program,
            inputs=traced.inputs,
            outputs=traced.outputs,
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
            place = place_of(node)
            found = [target for target, where in traced.respelled if where == place]  # what the node may be a part of
            return _unsupported(name, f"{' or '.join(found or [str(node.target)])}, {place}")
    if traced.respelled:
        return _unsupported(name, " or ".join(f"{target}, {place}" for target, place in traced.respelled))
    return (
        f"coremltools {ct.__version__} cannot convert {name} ({type(error).__name__}: {first_line(error)}). "
        "Replace the operation in the network, or export to ONNX: --format onnx."
    )


def _unsupported(name: str, what: str) -> str:
    return (
        f"{name} cannot become an ML Program: coremltools {ct.__version__} does not support {what}. "
        "Replace it there by supported operations, or export to ONNX: --format onnx."
    )
