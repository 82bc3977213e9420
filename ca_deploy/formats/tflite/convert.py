"""Network -> float32 flatbuffer, with litert-torch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import litert_torch
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from ca_deploy.errors import ModelError, first_line
from ca_deploy.formats.tflite.distinct_outputs import distinct_outputs
from ca_deploy.formats.tflite.flat_biases import flat_biases
from ca_deploy.graphs import flatbuffer
from ca_deploy.lowering.bounded_exponentials import bounded_exponentials
from ca_deploy.lowering.drop_redundant_expand import drop_redundant_expand
from ca_deploy.lowering.gates import lower_program
from ca_deploy.lowering.plain_transposed_conv import plain_transposed_conv
from ca_deploy.lowering.pool_as_max import pool_as_max
from ca_deploy.lowering.pool_as_mean import pool_as_mean
from ca_deploy.lowering.rules import AS_THEY_ARE, Rules
from ca_deploy.networks.program import program_of
from ca_deploy.networks.prove import first_of
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.module_path import module_of
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network
    from ca_deploy.records.preprocessing import Preprocessing

PASSES = (drop_redundant_expand, pool_as_mean, pool_as_max, bounded_exponentials, plain_transposed_conv)


class Normalise(nn.Module):
    """RGB 0..255 as float ``(N, 3, S, S)`` -> normalised, of the same shape.

    A 1x1 depthwise convolution, because it has a scale per channel in INT8. Folding the normalisation into the first
    convolution would be wrong at the zero-padded borders.
    """

    def __init__(self, preprocessing: "Preprocessing") -> None:
        super().__init__()
        mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
        self.register_buffer("weight", (1 / (preprocessing.divisor * std)).reshape(-1, 1, 1, 1))
        self.register_buffer("bias", -mean / std)

    def forward(self, rgb: Tensor) -> Tensor:
        weight, bias = self.get_buffer("weight"), self.get_buffer("bias")
        return nn.functional.conv2d(rgb, weight, bias, groups=len(bias))


@dataclass(frozen=True, slots=True)
class FloatModel:
    """A float32 flatbuffer (``schema.ModelT``, see :mod:`ca_deploy.graphs.flatbuffer`).

    ``modules`` holds the paths of the PyTorch modules of each operator: a convolution has its own, and those of the
    BatchNorm and the activation that were merged into it.
    """

    flatbuffer: Any
    modules: tuple[tuple[str, ...], ...]
    lowering: Lowering


def convert(
    network: "Network",
    normalise: bool = False,
    batch: int = 1,
    rules: Rules = AS_THEY_ARE,
    real: Samples | None = None,
) -> FloatModel:
    """The network as a TFLite model for ``batch`` samples: its images are NHWC, its outputs as in PyTorch.

    All its tensors are named after PyTorch modules.

    Args:
        network: any network.
        normalise: the only input is RGB 0..255, normalised inside.
        batch: the number of samples that the model takes at once.
        rules: how attention is written; by default as in the network.
        real: samples, on the first of which that is proved; made-up ones by default.

    Raises:
        ModelError: torch.export or litert-torch does not support the network; the message names the operator.
    """
    module = network.module
    if normalise:
        module = nn.Sequential(Normalise(network.signature.photo_or_refuse(network.name)), module)
    images = [place for place, taken in enumerate(network.signature.inputs) if taken.preprocessing is not None]
    examples = _channels_last(network.examples(batch), images)
    fed = examples if real is None else _channels_last(first_of(real, network.signature, batch, normalise), images)
    if images:
        module = litert_torch.to_channel_last_io(module, args=images)
    graph_module, lowering = lower_program(program_of(module, network.name, examples), rules, fed)
    _refuse_computed_kernels(network.name, graph_module, normalise)
    for rewrite in PASSES:
        rewrite(graph_module)
    _keep_paths(graph_module)
    graph_module.training = False  # litert-torch 0.10 checks it, and exported graphs refuse .eval()
    try:
        content = litert_torch.convert(graph_module, tuple(examples)).model_content()
    except Exception as error:  # litert-torch has no common class for its errors
        raise ModelError(_explain(network.name, error)) from error
    _prove_it_opens(network.name, content)
    model = flatbuffer.read(content)
    flatbuffer.in_order_of_forward(model)
    distinct_outputs(model)
    flat_biases(model)
    _refuse_constant_outputs(network, model)
    modules = tuple(_modules(model, operator, normalise) for operator in model.subgraphs[0].operators)
    flatbuffer.shorten_names(model)
    return FloatModel(model, modules, lowering.in_network(lambda path: _in_network(path, normalise) or ""))


def _channels_last(tensors: Sequence[Tensor], images: Sequence[int]) -> list[Tensor]:
    """The tensors with those at the places ``images`` in NHWC."""
    return [one.permute(0, 2, 3, 1).contiguous() if place in images else one for place, one in enumerate(tensors)]


def _keep_paths(graph_module: torch.fx.GraphModule) -> None:
    """Let litert-torch (0.10) write the whole path of a module: of ``heads.0`` in a ModuleList it writes the ``0``."""
    for node in graph_module.graph.nodes:
        if stack := node.meta.get("nn_module_stack"):
            path, _ = [*stack.values()][-1]
            named = (path.replace(".", flatbuffer.DOT), "torch.nn.Module")
            node.meta["nn_module_stack"] = {"": ("", "torch.nn.Module"), **({path: named} if path else {})}


def _refuse_computed_kernels(name: str, graph_module: torch.fx.GraphModule, normalise: bool) -> None:
    """litert-torch 0.10 lays out the kernel of a convolution as weights are, and computes nonsense with one that the
    network computes (11 dB with a tracker's cross-correlation)."""
    for target in (torch.ops.aten.conv1d.default, torch.ops.aten.conv2d.default):
        for node in graph_module.graph.find_nodes(op="call_function", target=target):
            if node.args[1].op == "call_function":
                path = _in_network(module_of(node), normalise)
                raise ModelError(
                    f"{name} cannot become TFLite: the kernel of {target}, in its "
                    f"{f'module {path!r}' if path else 'forward'}, is computed by the network, which litert-torch gets "
                    "wrong. Write it as a matrix product, or export to ONNX: --format onnx."
                )


def _refuse_constant_outputs(network: "Network", model: Any) -> None:
    """The interpreter has no data for them."""
    graph = model.subgraphs[0]
    computed = {index for operator in graph.operators for index in operator.outputs} | set(graph.inputs)
    for index, given in zip(graph.outputs, network.signature.outputs, strict=True):
        if index not in computed:
            raise ModelError(
                f"{network.name} cannot become TFLite: its output {given.name!r} does not depend on its inputs. Leave "
                "it out, and store its values in the app."
            )


def _prove_it_opens(name: str, content: bytes) -> None:
    """litert-torch 0.10 leaves operators in a file that no runtime has, as STABLEHLO_IOTA of ``grid_sample``."""
    try:
        Interpreter(model_content=content).allocate_tensors()
    except (RuntimeError, ValueError) as error:
        unknown = re.search(r"builtin opcode '(\w+)'", str(error))
        what = f"the operator {unknown.group(1)}, which LiteRT does not have" if unknown else "what LiteRT refuses"
        raise ModelError(
            f"litert-torch made a file of {name} with {what} ({first_line(error)}). Replace grid sampling and other "
            "computed positions in the network by operators that LiteRT has, or export to ONNX: --format onnx."
        ) from error


def _modules(model: Any, operator: Any, normalise: bool) -> tuple[str, ...]:
    """litert-torch names a tensor after all modules whose operators were merged into it."""
    parts = [part for part in flatbuffer.tensor_name(model, operator.outputs[0]).split(";") if "/" in part]
    if flatbuffer.operator_name(model, operator) not in flatbuffer.WEIGHTED:
        parts = parts[:1]  # the others belong to its inputs
    elif not parts:  # the output of the network has another name
        parts = [flatbuffer.tensor_name(model, operator.inputs[1])]
    paths = [_in_network(flatbuffer.module_path(part), normalise) for part in reversed(parts)]
    return tuple(dict.fromkeys(path for path in paths if path is not None))


def _in_network(path: str, normalise: bool) -> str | None:
    """Path of a module in the network; "" is the network itself, None what ca-deploy puts around it."""
    path = flatbuffer.unwrapped(path)
    if normalise:
        if path != "1" and not path.startswith("1."):
            return None
        path = path[2:]  # the second of two modules
    return path


def _explain(name: str, error: Exception) -> str:
    """A message with the operator, and the line of code that uses it, from the converter's traceback."""
    target = re.search(r"call_function\[target=(?:torch\.ops\.)?([\w.]+)", str(error))
    places = re.findall(r'File "([^"]+)", line (\d+)', str(error))
    what = target.group(1) if target else "an operator"
    where = f", from {places[-1][0]} line {places[-1][1]}" if places else ""
    return (
        f"litert-torch cannot convert {what} of {name}{where} ({type(error).__name__}: {first_line(error)}). "
        "Replace it in the network by operators that litert-torch supports, or export to ONNX: --format onnx."
    )
