"""Float flatbuffer -> float16 or integer flatbuffer, with ai-edge-quantizer."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import qtyping, quantizer, recipe_manager
from ai_edge_quantizer.algorithm_manager import AlgorithmName

from ca_deploy.errors import ModelError
from ca_deploy.formats._layers import nothing_left
from ca_deploy.formats.tflite.gaps import Kinds, around_gaps
from ca_deploy.formats.tflite.infinity import without_infinity
from ca_deploy.formats.tflite.inner_outputs import keep_integer_inside
from ca_deploy.graphs import flatbuffer

if TYPE_CHECKING:
    from ca_deploy.formats.tflite.ranges import Ranges
    from ca_deploy.records.recipe import ExportRecipe, LayerOverride

_Operator = qtyping.TFLOperationName
_WEIGHTED = (_Operator.CONV_2D, _Operator.DEPTHWISE_CONV_2D, _Operator.CONV_2D_TRANSPOSE, _Operator.FULLY_CONNECTED)
_FLOAT16_WEIGHTS = qtyping.OpQuantizationConfig(
    weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
    compute_precision=qtyping.ComputePrecision.FLOAT,
)
_FLOAT_ENDS = {"float32": (_Operator.INPUT, _Operator.OUTPUT), "uint8rgb": (_Operator.OUTPUT,), "int8": ()}


def quantise(
    content: bytes,
    recipe: "ExportRecipe",
    ranges: "Ranges | None",
    overrides: "Mapping[str, LayerOverride]",
    last_stage: Collection[str] = (),
) -> tuple[Any, Mapping[str, str]]:
    """Apply ``recipe`` to a float flatbuffer.

    ``overrides`` maps the output tensors of operators to their ``[[layer]]``; ``last_stage`` has those of operators
    that are kept float for an output.

    Returns:
        The new model, and the kinds of operators that stay float because the quantizer fails on them, with the reason.

    Raises:
        ModelError: no operator of the model could be quantised, an activation holds infinity, or the quantizer fails
            whatever is left float.
        RecipeError: the overrides keep all of them float.
    """
    by_bits: dict[int | str, list[str]] = {"float": list(last_stage)} if last_stage else {}
    for name, override in overrides.items():
        by_bits.setdefault(override.activation_bits, []).append(name)
    if ranges is not None:
        kept_float = by_bits.get("float", [])
        content, ranges = without_infinity(content, ranges, recipe.name, kept_float)

    def apply(left_float: Kinds) -> Any:
        applied = quantizer.Quantizer(content, _quantizer_recipe(recipe, by_bits, left_float))
        return applied.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model

    quantised, left_float = around_gaps(apply, content, recipe.name)
    if quantised is None:
        raise ModelError(f"ai-edge-quantizer returned no model for {recipe.name}.")
    model = flatbuffer.read(quantised)
    keep_integer_inside(model)
    if not _is_quantised(model):
        if overrides:
            raise nothing_left(recipe)
        raise ModelError(
            f"Nothing was quantised by {recipe.name}: the network has no convolution or linear layer that "
            "ai-edge-quantizer supports. Export it as float32."
        )
    return model, left_float


def _quantizer_recipe(recipe: "ExportRecipe", by_bits: "Mapping[int | str, Sequence[str]]", left_float: Kinds) -> Any:
    rules = recipe_manager.RecipeManager()
    if recipe.mode == "float16":
        for operator in _WEIGHTED:
            rules.add_quantization_config(".*", operator, _FLOAT16_WEIGHTS, AlgorithmName.FLOAT_CASTING)
    elif recipe.mode == "dynamic":
        rules.add_dynamic_config(".*", _Operator.ALL_SUPPORTED, num_bits=recipe.weight_bits)
        # The FULLY_CONNECTED kernel of tflite-runtime 2.14 reads one scale only, and computes nonsense with several.
        one_scale = qtyping.QuantGranularity.TENSORWISE
        rules.add_dynamic_config(".*", _Operator.FULLY_CONNECTED, num_bits=recipe.weight_bits, granularity=one_scale)
    else:
        _add_integer(rules, ".*", recipe.activation_bits, recipe.weight_bits)
        for bits, names in by_bits.items():
            # The quantizer joins the outputs of an operator with semicolons.
            scope = f"^(?:{'|'.join(map(re.escape, names))});"
            if isinstance(bits, str):
                rules.add_quantization_config(scope, _Operator.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE)
            else:
                _add_integer(rules, scope, bits, recipe.weight_bits)
        # ``io`` alone decides about input and output. The last rule wins: "^" matches everything, as ".*" does, but
        # comes after the overrides.
        for end in (_Operator.INPUT, _Operator.OUTPUT):
            if end in _FLOAT_ENDS[recipe.io]:
                rules.add_quantization_config("^", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
            else:
                rules.add_static_config(
                    "^", end, activation_num_bits=recipe.activation_bits, weight_num_bits=recipe.weight_bits
                )
    for kind in left_float:
        rules.add_quantization_config("^", kind, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return rules.get_quantization_recipe()


def _add_integer(rules: Any, scope: str, activation_bits: int | None, weight_bits: int | None) -> None:
    rules.add_static_config(
        scope, _Operator.ALL_SUPPORTED, activation_num_bits=activation_bits, weight_num_bits=weight_bits
    )
    # ai-edge-quantizer 0.10 gives a constant operand a scale per channel, but LiteRT 2.3 reads one scale: 0 dB.
    rules.add_static_config(
        scope,
        _Operator.BATCH_MATMUL,
        activation_num_bits=activation_bits,
        weight_num_bits=weight_bits,
        weight_granularity=qtyping.QuantGranularity.TENSORWISE,
    )


def _is_quantised(model: Any) -> bool:
    small = (schema.TensorType.INT8, schema.TensorType.INT16, schema.TensorType.FLOAT16)
    return any(tensor.type in small for graph in model.subgraphs for tensor in graph.tensors)
