"""``--eval``: a program that was traced in training mode -> what it computes after ``.eval()``, where that is exact.

torchao's ``move_exported_model_to_eval`` matches patterns of one tracer, and leaves decomposed batch norms and their
counters as they are.
"""

from collections.abc import Iterator, Sequence
from operator import getitem
from typing import Any

import torch
from torch.fx import GraphModule, Node

from ca_deploy.networks.flat import modules_text
from ca_deploy.records.module_path import module_of

_ATEN = torch.ops.aten
# The argument that turns training on, and its value in evaluation.
_SWITCHES: dict[str, Any] = {"train": False, "training": False, "use_input_stats": False, "dropout_p": 0.0}
_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")  # their dropout is between the layers
# Batch norms that return more than their output, with the places of the new running mean and variance.
_NORMS: dict[str, tuple[int, ...]] = {
    "native_batch_norm": (),
    "_native_batch_norm_legit": (),
    "_batch_norm_with_update": (),
    "_native_batch_norm_legit_functional": (3, 4),
    "_batch_norm_with_update_functional": (4, 5),
}
_DROPOUT = "native_dropout"


def to_evaluation(module: GraphModule) -> tuple[str, ...]:
    """Edit ``module`` in place: its batch norms use their running statistics and change them no more, and dropout is
    off. Returns the paths of the modules that were changed, "" for the network's own forward.

    What cannot be rewritten exactly stays: random numbers that no argument turns off, and whatever reads a mask of
    dropout or the statistics of a batch.
    """
    changed: list[str] = []
    for part in _graphs(module):
        statistics: set[str] = set()
        for node in list(part.graph.nodes):
            if not is_rewritable(node):
                continue
            changed.append(module_of(node))
            statistics |= _statistics_of(node)
            _rewrite(part, node)
        _keep(part, statistics)
        part.graph.lint()
        part.recompile()
    return tuple(dict.fromkeys(changed))


def note_on(changed: Sequence[str]) -> str:
    """A sentence on the modules that :func:`to_evaluation` changed."""
    if not changed:
        return "--eval had nothing to rewrite: the program was saved in evaluation mode."
    return (
        f"The program was saved in training mode. --eval rewrote {modules_text(changed)}, which compute as after "
        ".eval(). Whatever else its forward does in training, it still does."
    )


def nodes_of(module: GraphModule) -> Iterator[Node]:
    """Every call of an ATen operation, in the graphs of control flow and autocast too."""
    for part in _graphs(module):
        for node in part.graph.nodes:
            if isinstance(node.target, torch._ops.OpOverload):
                yield node


def is_rewritable(node: Node) -> bool:
    """Whether the operation is in training mode, and is the same one in evaluation with another argument."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    given, kind = _call(node)
    if kind in _NORMS or kind == _DROPOUT:
        # Without running statistics, a norm computes the same in evaluation.
        is_on = given.get("running_mean") is not None if kind in _NORMS else given["train"] is not False
        read = {user.args[1] for user in node.users if user.users}
        return is_on and given.get("training", True) is True and read <= {0, *_NORMS.get(kind, ())}
    if "running_mean" in given and given["running_mean"] is None:
        return False
    if len(node.target._schema.returns) > 1 and kind not in _RECURRENT:
        return False
    return _switch_of(given) is not None


def arguments_of(target: "torch._ops.OpOverload", args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a call by name, defaults included."""
    declared = target._schema.arguments
    defaults = {argument.name: argument.default_value for argument in declared if argument.has_default_value()}
    return defaults | dict(zip((argument.name for argument in declared), args, strict=False)) | dict(kwargs)


def _graphs(module: GraphModule) -> list[GraphModule]:
    return [part for part in module.modules() if isinstance(part, GraphModule)]


def _call(node: Node) -> tuple[dict[str, Any], str]:
    """The arguments of an ATen operation by name, and the operation's."""
    operation: Any = node.target
    return arguments_of(operation, node.args, node.kwargs), operation.overloadpacket.__name__


def _switch_of(given: dict[str, Any]) -> str | None:
    return next((name for name, off in _SWITCHES.items() if name in given and given[name] not in (off, None)), None)


def _rewrite(module: GraphModule, node: Node) -> None:
    given, kind = _call(node)
    if kind not in _NORMS and kind != _DROPOUT:
        _switch_off(node, _switch_of(given) or "")
        return
    if kind == _DROPOUT:
        results: dict[Any, Any] = {0: given["input"]}
    else:
        taken = [given[name] for name in ("input", "weight", "bias", "running_mean", "running_var")]
        with module.graph.inserting_before(node):
            norm = module.graph.call_function(
                _ATEN.batch_norm.default, (*taken, False, given["momentum"], given["eps"], False)
            )
        norm.meta = dict(node.meta) | {"val": node.meta["val"][0]} if "val" in node.meta else dict(node.meta)
        results = {0: norm, **dict(zip(_NORMS[kind], taken[3:], strict=False))}
    for user in list(node.users):
        if user.target is getitem and user.args[1] in results:
            user.replace_all_uses_with(results[user.args[1]])
        module.graph.erase_node(user)
    module.graph.erase_node(node)


def _switch_off(node: Node, switch: str) -> None:
    operation: Any = node.target
    names = [argument.name for argument in operation._schema.arguments]
    place = names.index(switch)
    if place < len(node.args):
        node.update_arg(place, _SWITCHES[switch])
    else:
        node.update_kwarg(switch, _SWITCHES[switch])


def _statistics_of(node: Node) -> set[str]:
    """The buffers that a batch norm changes in training; the counter of batches lies beside them (nn.BatchNorm2d)."""
    given, _ = _call(node)
    found = set()
    for name in ("running_mean", "running_var"):
        held = given.get(name)
        while isinstance(held, Node) and held.op == "call_function" and len(held.all_input_nodes) == 1:
            (held,) = held.all_input_nodes  # instance norm repeats them for every sample
        if isinstance(held, Node) and held.op == "get_attr":
            path = str(held.target)
            found |= {path, f"{path.rpartition('.')[0]}.num_batches_tracked".lstrip(".")}
    return found


def _keep(module: GraphModule, buffers: set[str]) -> None:
    """Drop every operation that changes one of ``buffers``, and what only leads to it."""
    for node in list(module.graph.nodes):
        if not isinstance(node.target, torch._ops.OpOverload) or not node.target._schema.is_mutable:
            continue
        changed = node.args[0]
        if isinstance(changed, Node) and changed.op == "get_attr" and str(changed.target) in buffers:
            node.replace_all_uses_with(changed)
            _erase(module, node)


def _erase(module: GraphModule, node: Node) -> None:
    sources = node.all_input_nodes
    module.graph.erase_node(node)
    for source in sources:
        if source.op == "call_function" and not source.users and not source.is_impure():
            _erase(module, source)
