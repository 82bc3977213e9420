"""An edited module of a program as a program again, without tracing it anew, which takes as long as the first time.

A program takes its weights as inputs, which are attributes of its module: PyTorch says lifted and unlifted. Source of
the form: https://docs.pytorch.org/docs/stable/export/ir_spec.html.
"""

from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind, InputSpec, TensorArgument
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import map_arg
from torch.utils._pytree import tree_leaves

_GUARDS = "_guards_fn"  # checks of the inputs, which a program adds to its module


def relifted(module: GraphModule, program: ExportedProgram) -> ExportedProgram:
    """The program of ``module``, which is ``program.module()`` with other operations, and with buffers of their own.

    What inner nodes hold in ``meta["val"]`` stays as it is; ``run_decompositions``, with which the exporters begin,
    computes it anew from the inputs.

    Raises:
        ValueError: the module reads and calls more than tensors and operators, or the program changes its buffers.
    """
    known = {spec.target: spec for spec in program.graph_signature.input_specs}
    user_inputs = (spec for spec in program.graph_signature.input_specs if spec.kind is InputKind.USER_INPUT)
    values: dict[str, Any] = {node.name: node.meta["val"] for node in program.graph.find_nodes(op="placeholder")}
    mode = next(value.fake_mode for value in values.values() if hasattr(value, "fake_mode"))
    graph, specs, added = Graph(), [], {}

    def placeholder(spec: InputSpec, value: Any) -> Node:
        made = graph.placeholder(spec.arg.name)
        made.meta["val"] = value
        specs.append(replace(spec, arg=replace(spec.arg, name=made.name)))
        return made

    weights, copies = {}, {}
    for name in dict.fromkeys(str(node.target) for node in module.graph.find_nodes(op="get_attr")):
        if name in known:
            weights[name] = placeholder(known[name], values[known[name].arg.name])
        elif isinstance(value := getattr(module, name, None), Tensor):
            added[name] = value
            own = name
            while own in values:
                own = f"{own}_"
            spec = InputSpec(InputKind.BUFFER, TensorArgument(own), name, persistent=True)
            weights[name] = placeholder(spec, mode.from_tensor(value, static_shapes=True))
        else:
            raise ValueError(f"{name} is no tensor")
    for node in module.graph.nodes:
        if node.op == "placeholder":
            spec = next(user_inputs)
            copies[node] = placeholder(spec, values[spec.arg.name])
        elif node.op == "get_attr":
            copies[node] = weights[str(node.target)]
        elif node.op == "call_function":
            copies[node] = graph.node_copy(node, copies.__getitem__)
        elif node.op == "output":
            outputs = map_arg(tuple(tree_leaves(node.args)), copies.__getitem__)
        elif node.target != _GUARDS:
            raise ValueError(f"{node.target} is no operator")
    graph.output(outputs)
    given = [
        replace(spec, arg=replace(spec.arg, name=output.name)) if isinstance(output, Node) else spec
        for spec, output in zip(program.graph_signature.output_specs, outputs, strict=True)
    ]
    return ExportedProgram(
        root=module,
        graph=graph,
        graph_signature=ExportGraphSignature(specs, given),
        state_dict={**program.state_dict, **added},
        range_constraints=program.range_constraints,
        module_call_graph=program.module_call_graph,
        example_inputs=program.example_inputs,
        constants=program.constants,
        verifiers=program.verifiers,
    )
