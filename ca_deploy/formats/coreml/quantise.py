"""INT8 activations, with coremltools' own passes, but calibrated without a Mac.

``linear_quantize_activations`` runs the model on a Mac to calibrate it, and passes the statistics to graph passes as an
option. Here the statistics come from the reference executor. The passes insert quantize/dequantize pairs around
convolutions, linear layers, poolings and additions; everything else computes in float16.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import coremltools.optimize as cto
from coremltools.converters.mil.mil.passes.graph_pass import PassOption
from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

from ca_deploy.errors import ModelError
from ca_deploy.formats.coreml.statistics import Activation
from ca_deploy.mil.program import Name, Operation, Program
from ca_deploy.records.recipe import ExportRecipe

Range = tuple[float, float]

QUANTISED = ("conv", "linear", "avg_pool", "max_pool", "add")
ACTIVATIONS = ("relu", "relu6", "sigmoid", "leaky_relu", "tanh")  # fused into the layer before them
_SIGMOID_RANGE = (0.0, 255 / 256)


def activation_ranges(program: Program, seen: Mapping[str, Activation], recipe: ExportRecipe) -> dict[str, Range]:
    """The range of every observed activation, by the recipe's method."""
    return {name: _range(program, name, activation, recipe) for name, activation in seen.items()}


def activation_passes(program: Program, ranges: Mapping[str, Range], kept_float: Container[str] = ()) -> list[Any]:
    """The configured graph passes; operations in ``kept_float`` are not quantised.

    coremltools' default, int8 symmetric around zero, wastes half of its steps on the output of a ReLU6. Here a tensor
    that is never negative becomes uint8 from zero, any other int8 symmetric around zero. At the output of
    CA-MobileNetV2 the default reaches 14 dB, this 17 dB with minima and maxima, and 26 dB with the recipe's percentile.
    Neither needs a zero point, and Core ML is fastest without one (according to coremltools 9, pass
    ``nullify_redundant_quantization_zero_point``). The logits stay float, because a clipped logit is the most costly
    error.

    Raises:
        ModelError: nothing in the program can be quantised.
    """
    unsigned = cto.coreml.OpLinearQuantizerConfig(mode="linear", dtype="uint8")
    signed = cto.coreml.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8")

    def config(names: Iterable[str]) -> Any:
        return unsigned if all(ranges[name][0] >= 0 for name in names) else signed

    before, after = {}, {}
    for name, taken, given in _ends(program, kept_float):
        before[name] = config(one for one in taken if one in ranges)
        after[name] = None if given is None else config((given,))
    if not before:
        held = ", ".join(sorted({operation.kind for operation in program.operations if operation.kind != "const"}))
        raise ModelError(
            f"Nothing in this network could be quantised: coremltools takes {', '.join(QUANTISED)}, and it has {held}. "
            "Choose a float recipe."
        )
    stats = {name: {"rmin": low, "rmax": high} for name, (low, high) in ranges.items()}
    passes = []
    for place, configs in (("prefix", before), ("suffix", after)):
        found = PASS_REGISTRY[f"compression::insert_{place}_quantize_dequantize_pair"]
        found.set_options(
            [
                PassOption("config", cto.coreml.OptimizationConfig(global_config=None, op_name_configs=configs)),
                PassOption("activation_stats", stats),
            ]
        )
        passes.append(found)
    return [*passes, PASS_REGISTRY["common::dequantize_quantize_pair_elimination"]]


def quantised_tensors(program: Program) -> set[str]:
    """The tensors that :func:`activation_passes` would quantise where nothing is kept float."""
    return {name for _, taken, given in _ends(program, ()) for name in (*taken, given) if name is not None}


def _ends(program: Program, kept_float: Container[str]) -> Iterator[tuple[str, tuple[str, ...], str | None]]:
    """Each operation that is quantised, by name, with what it takes, and what it gives unless that stays float."""
    users = _users(program)
    for operation in program.operations:
        if operation.kind not in QUANTISED or operation.name in kept_float or not operation.is_float:
            continue
        taken = tuple(v.name for key, v in operation.inputs.items() if key in ("x", "y") and isinstance(v, Name))
        given = _given(operation, users)
        following = users.get(given, [])
        last = given in program.outputs or all(user.kind in ("softmax", "cast") for user in following)
        # Core ML may compute a layer between a dequantize and a quantize in INT8.
        float_follows = any(user.name in kept_float for user in following)
        yield operation.name, taken, None if last or float_follows else given


def _range(program: Program, name: str, activation: Activation, recipe: ExportRecipe) -> Range:
    if any(tensor.name == name for o in program.operations if o.kind == "sigmoid" for tensor in o.outputs):
        return _SIGMOID_RANGE  # a calibrated range of a gate would scale all its outputs by a common error
    low, high = activation.minimum, activation.maximum
    if recipe.calibration == "percentile":
        low, high = activation.percentiles(recipe.percentile)
    return (0.0, high) if activation.minimum >= 0 else (low, high)


def _users(program: Program) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = {}
    for operation in program.operations:
        for value in operation.inputs.values():
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, Name):
                    found.setdefault(item.name, []).append(operation)
    return found


def _given(operation: Operation, users: Mapping[str, list[Operation]]) -> str:
    """The name of the operation's output, after the activation that is fused into it."""
    name = operation.outputs[0].name
    first = users.get(name, [operation])[0]
    return first.outputs[0].name if first.kind in ACTIVATIONS else name
