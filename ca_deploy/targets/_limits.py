"""The conditions that a rule may set. Each returns True (met), False (violated) or None (the file does not say)."""

import math
from collections.abc import Callable

from ca_deploy.graphs import ABSENT, DYNAMIC, AttributeValue, Graph, Node, Tensor

Values = tuple[int | str, ...]
Condition = Callable[[Graph, Node, Values], bool | None]


def input_types(graph: Graph, node: Node, values: Values) -> bool | None:
    """The first input has one of these types; a constant counts only where no input is computed."""
    data = graph.data_inputs(node) or _given(graph, node)
    if not data:
        return True
    return data[0].dtype in values if data[0].dtype != "unknown" else None


def all_input_types(graph: Graph, node: Node, values: Values) -> bool | None:
    """All inputs that are not constant have one of these types."""
    types = {tensor.dtype for tensor in graph.data_inputs(node)}
    return types <= set(values) if types and "unknown" not in types else None


def output_types(graph: Graph, node: Node, values: Values) -> bool | None:
    types = {tensor.dtype for tensor in graph.results(node)}
    return types <= set(values) if types and "unknown" not in types else None


def no_integer_weights(graph: Graph, node: Node, values: Values) -> bool | None:
    """No float activations with integer weights ("hybrid" operators)."""
    data = graph.data_inputs(node)
    return not (data and data[0].dtype == "float32" and any(t.constant and t.is_quantised for t in _given(graph, node)))


def weights_per_tensor(graph: Graph, node: Node, values: Values) -> bool | None:
    """Constants are quantised per tensor, not per channel."""
    return all(len(tensor.scales) <= 1 for tensor in _given(graph, node) if tensor.constant)


def version_at_most(graph: Graph, node: Node, values: Values) -> bool | None:
    return node.version <= int(values[0])


def rank_at_most(graph: Graph, node: Node, values: Values) -> bool | None:
    shapes = [tensor.shape for tensor in (*_given(graph, node), *graph.results(node))]
    return None if None in shapes else all(len(shape) <= int(values[0]) for shape in shapes if shape is not None)


def rank_of_input(graph: Graph, node: Node, values: Values) -> bool | None:
    shape = _shape(graph, node)
    return None if shape is None else len(shape) in values


def result_is_not_scalar(graph: Graph, node: Node, values: Values) -> bool | None:
    """The result is not a scalar."""
    shapes = [tensor.shape for tensor in graph.results(node)]
    return None if None in shapes else all(shapes)


def only_innermost_three_dimensions(graph: Graph, node: Node, values: Values) -> bool | None:
    """All dimensions except the three innermost are 1."""
    shapes = [t.shape for t in (*graph.data_inputs(node), *graph.results(node))]
    return None if None in shapes else all(side == 1 for shape in shapes if shape for side in shape[:-3])


def static_shapes(graph: Graph, node: Node, values: Values) -> bool | None:
    return all(tensor.is_static for tensor in (*_given(graph, node), *graph.results(node)))


def constant_inputs(graph: Graph, node: Node, values: Values) -> bool | None:
    """The inputs at these positions are constant or absent."""
    places = [node.inputs[int(v)] for v in values if int(v) < len(node.inputs)]
    computed = {t for t in places if t != ABSENT and not graph.tensors[t].constant}
    if not computed:
        return True
    made = {t for n in graph.nodes[: node.index] if n.operator in ("DequantizeLinear", "Constant") for t in n.outputs}
    return computed <= made


def inputs_are(graph: Graph, node: Node, values: Values) -> bool | None:
    """The number of inputs present is one of these values."""
    return sum(t != ABSENT for t in node.inputs) in values


def attribute_in(graph: Graph, node: Node, values: Values) -> bool | None:
    """``[name, value, …]``: the attribute has one of these values. An absent one has its default, which is valid."""
    found = node.attributes.get(str(values[0]))
    return True if found is None else found in values[1:]


def attribute_at_most(graph: Graph, node: Node, values: Values) -> bool | None:
    """``[name, …, limit]``: no attribute exceeds the limit."""
    found = [node.attributes.get(str(name)) for name in values[:-1]]
    return all(largest <= float(values[-1]) for largest in map(_largest, found) if largest is not None)


def set_attribute(graph: Graph, node: Node, values: Values) -> bool | None:
    """The file sets the attribute, whose default is not valid."""
    return str(values[0]) in node.attributes


def follows(graph: Graph, node: Node, values: Values) -> bool | None:
    """The first input comes from one of these operators."""
    maker = graph.producers.get(node.inputs[0]) if node.inputs else None
    return maker is not None and maker.operator in values


def window_at_most(graph: Graph, node: Node, values: Values) -> bool | None:
    """The pooling window has at most this many elements, if the input is quantised."""
    data = graph.data_inputs(node)
    height, width = node.attributes.get("filterHeight", 1), node.attributes.get("filterWidth", 1)
    if data and data[0].is_quantised and isinstance(height, int) and isinstance(width, int):
        return height * width <= int(values[0])
    return True


def reduces_exactly(graph: Graph, node: Node, values: Values) -> bool | None:
    axes = _axes(graph, node)
    return None if axes is None else set(axes) == set(values)


def keeps_batch(graph: Graph, node: Node, values: Values) -> bool | None:
    """The batch dimension is not reduced, split or padded."""
    axes = _axes(graph, node)
    return None if axes is None else 0 not in axes


def reduced_channels_multiple_of(graph: Graph, node: Node, values: Values) -> bool | None:
    axes, shape = _axes(graph, node), _shape(graph, node)
    if axes is None or shape is None:
        return None
    return len(shape) - 1 not in axes or shape[-1] % int(values[0]) == 0


def same_scale(graph: Graph, node: Node, values: Values) -> bool | None:
    """Input and result have the same scale and zero point (or none)."""
    data, results = graph.data_inputs(node), graph.results(node)
    if not data or not results:
        return None
    return (data[0].scales, data[0].zero_points) == (results[0].scales, results[0].zero_points)


def scale_above_product(graph: Graph, node: Node, values: Values) -> bool | None:
    """The scale of the result exceeds the product of the operands' scales (or nothing is quantised)."""
    operands, results = _given(graph, node), graph.results(node)
    if not results or not all(tensor.scales for tensor in (*operands, results[0])):
        return True
    return results[0].scales[0] > math.prod(tensor.scales[0] for tensor in operands)


def dequantised_from(graph: Graph, node: Node, values: Values) -> bool | None:
    """If the first input comes from a DequantizeLinear, that one's input has one of these types."""
    for maker in graph.nodes[: node.index]:
        if set(maker.outputs) & set(node.inputs[:1]) and maker.operator == "DequantizeLinear":
            return graph.tensors[maker.inputs[0]].dtype in values
    return True


def static_but_batch(graph: Graph, node: Node, values: Values) -> bool | None:
    """All dimensions of the first input except the batch are static."""
    shape = _shape(graph, node)
    return None if shape is None else DYNAMIC not in shape[1:]


def broadcasts_channels_only(graph: Graph, node: Node, values: Values) -> bool | None:
    """NHWC operands have equal batches, and equal height and width unless both are 1 in one of them."""
    shapes = [tensor.shape for tensor in _given(graph, node)[:2]]
    if None in shapes or len(shapes) < 2:
        return None
    first, second = ((1,) * (4 - len(shape)) + shape for shape in shapes if shape is not None)
    if len(first) > 4 or len(second) > 4:
        return False
    if first[0] != second[0] and not any(t.constant and t.elements == 1 for t in _given(graph, node)[:2]):
        return False
    if first[1:3] != second[1:3] and (1, 1) not in (first[1:3], second[1:3]):
        return False
    return first[3] == second[3] or 1 in (first[3], second[3])


def broadcasts_between_ranks(graph: Graph, node: Node, values: Values) -> bool | None:
    """Operands of different rank have shapes (NHWC) between which LiteRT's GPU delegate broadcasts."""
    shapes = [tensor.shape for tensor in _given(graph, node)[:2]]
    if None in shapes or len(shapes) < 2:
        return None
    longer, shorter = sorted((shape for shape in shapes if shape is not None), key=len, reverse=True)
    if len(shorter) < 2 or len(longer) == len(shorter):
        return True
    if len(longer) != 4 or len(shorter) > 3:
        return False
    if len(shorter) == 3:
        return longer[0] == 1
    return (longer[0] == 1 and shorter == (1, 1)) or shorter == (longer[0], longer[3])


def second_operand_broadcasts(graph: Graph, node: Node, values: Values) -> bool | None:
    """Of two computed operands, the second broadcasts to the shape of the first."""
    shapes = [tensor.shape for tensor in graph.data_inputs(node)]
    if None in shapes:
        return None
    if len(shapes) < 2:
        return True
    first, second = ((1,) * (4 - len(shape)) + shape for shape in shapes[:2] if shape is not None)
    return len(first) == len(second) and all(b in (a, 1) for a, b in zip(first, second, strict=True))


def dimensions_at_most(graph: Graph, node: Node, values: Values) -> bool | None:
    shapes = [t.shape for t in (*graph.data_inputs(node), *graph.results(node))]
    return None if None in shapes else all(side <= int(values[0]) for shape in shapes if shape for side in shape)


def weights_at_most(graph: Graph, node: Node, values: Values) -> bool | None:
    """``[axis, limit]``: no constant is longer than the limit along that axis."""
    shapes = [t.shape for t in _given(graph, node) if t.constant and t.shape and len(t.shape) > int(values[0])]
    return all(shape[int(values[0])] <= int(values[1]) for shape in shapes if shape)


def never(graph: Graph, node: Node, values: Values) -> bool | None:
    return False


CONDITIONS: dict[str, Condition] = {
    condition.__name__: condition
    for condition in (
        input_types, all_input_types, output_types, no_integer_weights, weights_per_tensor, version_at_most,
        rank_at_most, rank_of_input, result_is_not_scalar, only_innermost_three_dimensions, static_shapes,
        constant_inputs, inputs_are, attribute_in, attribute_at_most, set_attribute, follows, window_at_most,
        reduces_exactly, keeps_batch, reduced_channels_multiple_of, same_scale, broadcasts_channels_only,
        scale_above_product, dequantised_from, static_but_batch,
        broadcasts_between_ranks,
        second_operand_broadcasts, dimensions_at_most, weights_at_most, never,
    )
}  # fmt: skip


def _given(graph: Graph, node: Node) -> list[Tensor]:
    return graph.given_inputs(node)


def _shape(graph: Graph, node: Node) -> tuple[int, ...] | None:
    data = graph.data_inputs(node)
    return data[0].shape if data else None


def _axes(graph: Graph, node: Node) -> list[int] | None:
    """The axes that a node works on, none negative: from an attribute or an integer constant."""
    shape = _shape(graph, node)
    given = node.attributes.get("axes", node.attributes.get("axis", node.attributes.get("dim")))
    if given is None:
        constants = [t.values for t in _given(graph, node) if t.constant and t.values is not None]
        given = constants[0] if constants else None
    if given is None or shape is None:
        return None
    axes = given if isinstance(given, tuple) else (given,)
    return [int(axis) % len(shape) for axis in axes if isinstance(axis, int) and shape]


def _largest(value: AttributeValue | None) -> float | None:
    if isinstance(value, tuple):
        return max(map(float, value), default=0.0)
    return float(value) if isinstance(value, int | float) else None
