"""Network -> float ONNX model, with PyTorch's exporter for ``torch.export``; simplified, and without local paths."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, cast

import onnx
import onnx_ir as ir
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule

from ca_deploy.errors import ModelError, RecipeError, first_line
from ca_deploy.formats._origin import place_of
from ca_deploy.lowering.gates import is_functional, lower_program
from ca_deploy.lowering.pool_as_mean import pool_as_mean
from ca_deploy.lowering.rules import AS_THEY_ARE, Rules
from ca_deploy.networks.program import in_order, open_dimensions, traced
from ca_deploy.networks.prove import first_of
from ca_deploy.networks.relift import relifted
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.module_path import WRAPPED, within_network
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network

# The module that a node came from. The exporter's other metadata (stack traces with local paths, the signature of the
# whole program) only serves to debug the exporter.
_SCOPES = "pkg.torch.onnx.name_scopes"
_ADAPTIVE = (torch.ops.aten.adaptive_avg_pool2d.default, torch.ops.aten.adaptive_max_pool2d.default)
_NO_MODULE = "_empty_nn_module_stack_from_metadata_hook"  # of the sizes that PyTorch's exporter computes
_KEPT_METADATA = (_SCOPES, "pkg.torch.onnx.class_hierarchy")


def to_onnx(
    network: "Network",
    opset: int,
    dynamic_batch: bool,
    batch: int = 1,
    dynamic_size: bool = False,
    rules: Rules = AS_THEY_ARE,
    real: Samples | None = None,
) -> tuple[onnx.ModelProto, Lowering]:
    """The inputs -> the outputs of the signature, by name, for ``batch`` samples, or any number if ``dynamic_batch``,
    and for images of any size if ``dynamic_size``.

    The exporter's optimiser folds constants and BatchNorm, drops identities and merges equal nodes. Nodes are named
    after the module that they came from: ``features.3.attention.conv_h/Conv``.

    ``rules`` say how attention is written, which is proved on the first samples in ``real``, or on made-up ones.

    Raises:
        ModelError: PyTorch cannot trace the network, or has no ONNX form for one of its operations.
        RecipeError: the network has no form in that opset.
    """
    signature = network.signature
    several = 2 if dynamic_batch else batch
    fed = network.examples(several) if real is None else first_of(real, signature, several)
    trace = partial(traced, network, dynamic_batch, batch, dynamic_size)
    is_fixed = not dynamic_batch and not dynamic_size
    known = _program_in(network.converted.module, fed) if is_fixed else None
    program, lowering = _lowered(known or trace(), trace, rules, fed)
    if dynamic_size:
        pool_as_mean(program.graph_module)  # the exporter writes pooling to one row or column for one size only
        _refuse_fixed_pools(network, program)
    named = open_dimensions(
        signature,
        "batch" if dynamic_batch else None,
        *(("height", "width") if dynamic_size else ()),
    )
    try:
        exported = torch.onnx.export(
            program,
            input_names=[taken.name for taken in signature.inputs],
            output_names=[given.name for given in signature.outputs],
            opset_version=opset,
            dynamo=True,
            dynamic_shapes=in_order(network.module, named) if dynamic_batch or dynamic_size else None,
            verbose=False,
        )
    except (torch.onnx.errors.OnnxExporterError, ir.passes.PassError) as error:
        if lowering.changed:
            written, _ = to_onnx(network, opset, dynamic_batch, batch, dynamic_size, real=real)
            return written, Lowering(rules.name, failure=first_line(error))
        raise _untranslatable(network, program, error) from error
    model = cast("torch.onnx.ONNXProgram", exported).model  # None comes from the old exporter only
    written = model.opset_imports[""]
    if written != opset:  # PyTorch 2.13 writes 18 or newer, which stays where converting it down fails
        raise RecipeError(
            f"{network.name} has no form in ONNX opset {opset}: PyTorch wrote {written}. Set opset = {written} in "
            "the recipe."
        )
    _strip_metadata(model)
    if network.is_wrapped:
        _leave_wrapper_out(model)
    _name_nodes(model)
    return ir.to_proto(model), lowering


def _program_in(module: nn.Module, samples: Sequence[Tensor]) -> GraphModule | None:
    """``module`` where it is one of a program for such samples, as a converter's process gets it."""
    if not isinstance(module, GraphModule) or not is_functional(module):
        return None
    taken = [getattr(node.meta.get("val"), "shape", ()) for node in module.graph.find_nodes(op="placeholder")]
    # An open size would equal that of the example that it was traced with.
    are_fixed = all(isinstance(size, int) for shape in taken for size in shape)
    fits = are_fixed and taken == [sample.shape for sample in samples]
    return module if fits else None


def _lowered(
    given: GraphModule | ExportedProgram,
    trace: Callable[[], ExportedProgram],
    rules: Rules,
    samples: Sequence[Tensor],
) -> tuple[ExportedProgram, Lowering]:
    """``given`` with its attention as ``rules`` say; what ``trace`` gives where that changes nothing, or fails."""
    lowered, lowering = lower_program(given, rules, samples)
    if lowering.changed:
        try:
            return _program_of(lowered, given, samples), lowering
        except Exception as error:  # as in lower_program
            lowering = Lowering(rules.name, failure=first_line(error))
    return trace() if isinstance(given, GraphModule) else given, lowering


def _program_of(
    lowered: GraphModule, given: GraphModule | ExportedProgram, samples: Sequence[Tensor]
) -> ExportedProgram:
    if isinstance(given, ExportedProgram):
        try:
            return relifted(lowered, given)
        except ValueError:
            if given.range_constraints:  # to trace it would fix its open sizes
                raise
    return torch.export.export(lowered, tuple(samples))


def _refuse_fixed_pools(network: "Network", program: ExportedProgram) -> None:
    """Refuse adaptive pooling to several positions: its windows follow from the size that the network was traced with.

    Raises:
        ModelError: there is one; the message names its module.
    """
    for node in program.graph.nodes:
        if node.op != "call_function" or node.target not in _ADAPTIVE:
            continue
        value = node.meta["val"]
        height, width = (value[0] if isinstance(value, tuple | list) else value).shape[-2:]
        if (height, width) != (1, 1):
            raise ModelError(
                f"{network.name} pools to {height}x{width} positions {place_of(node)}, which ONNX can only write for "
                "one size of the image. Pool to 1x1, or drop --dynamic-size."
            )


def _untranslatable(network: "Network", program: ExportedProgram, error: Exception) -> ModelError:
    """An error that names the operation without an ONNX form, and the module that uses it."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    # The exporter names decomposed operations (prims.bessel_j0), the program aten.special_bessel_j0.
    named = re.search(r"op='[\w.]*?(\w+)'", str(cause))
    for node in program.graph.nodes:
        if named and node.op == "call_function" and named.group(1) in str(node.target):
            return ModelError(
                f"{network.name} cannot become ONNX: the operation {node.target}, {place_of(node)}, has no ONNX form "
                f"in PyTorch {torch.__version__}. Replace it there by operations that have one."
            )
    return ModelError(
        f"{network.name} cannot become ONNX: {first_line(cause)}. Replace the operation by others, or "
        "update PyTorch and onnxscript."
    )


def _strip_metadata(model: ir.Model) -> None:
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()
    for node in model.graph.all_nodes():
        kept = {key: node.metadata_props[key] for key in _KEPT_METADATA if key in node.metadata_props}
        node.metadata_props.clear()
        node.metadata_props.update(kept)


def _leave_wrapper_out(model: ir.Model) -> None:
    """Let the paths of modules begin in the network, not in the one that ca-deploy wraps around it."""
    for node in model.graph.all_nodes():
        if scopes := _scopes(node):
            node.metadata_props[_SCOPES] = repr([within_network(name) for name in scopes])
    for value in list(model.graph.initializers.values()):
        if value.name and WRAPPED in value.name:
            value.name = within_network(value.name)


def _name_nodes(model: ir.Model) -> None:
    used: Counter[str] = Counter()
    for node in model.graph:
        name = f"{_module_of(node)}/{node.op_type}".lstrip("/")
        used[name] += 1
        node.name = name if used[name] == 1 else f"{name}_{used[name]}"


def _module_of(node: ir.Node) -> str:
    scopes = _scopes(node)
    if not scopes:  # onnxscript 0.7 rewrites nodes (torch.split) without copying their metadata
        neighbours = [value.producer() for value in node.inputs if value is not None]
        neighbours += [use.node for value in node.outputs for use in value.uses()]
        traced = [_scopes(other) for other in neighbours if other is not None and _scopes(other)]
        scopes = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*traced, strict=False))]
        node.metadata_props[_SCOPES] = repr([*scopes, node.outputs[0].name])
        return scopes[-1] if scopes else ""
    weight = node.inputs[1] if len(node.inputs) > 1 else None
    if "batch_norm" in scopes[-1] and weight is not None and weight.name:
        return str(weight.name).rpartition(".")[0]  # a convolution with a folded BatchNorm has the scope of the latter
    return scopes[-2] if len(scopes) > 1 and scopes[-2] != _NO_MODULE else ""


def modules_of(model: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """Node of a converted model -> paths of its PyTorch modules.

    A convolution also has the paths of the BatchNorm that was merged into it, and of the activation after it, which is
    quantised together with it.
    """
    found = {}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
        metadata = {entry.key: entry.value for entry in node.metadata_props}
        *modules, operation = ast.literal_eval(metadata.get(_SCOPES, "[]")) or ["", ""]
        folded = modules[-1:] if "batch_norm" in operation else []
        found[node.name] = (node.name.rpartition("/")[0], *folded)
    for node in model.graph.node:
        following = users.get(node.output[0], [])
        if node.op_type in ("Conv", "Gemm") and [user.op_type for user in following] in (["Relu"], ["Clip"]):
            found[node.name] += found[following[0].name]
    return found


def _scopes(node: ir.Node) -> list[str]:
    """From the network down to the traced operation: ``["", "features", "features.0", "conv2d"]``."""
    scopes: list[str] = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
    return scopes
