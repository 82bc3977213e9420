"""Networks that are not the same at every run: dropout or batch norms in training mode, and random numbers.

An exported file that agrees with such a network agrees with one of its moods. So they are refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ca_deploy.errors import ModelError, listed
from ca_deploy.networks.evaluation_mode import arguments_of, is_rewritable, nodes_of
from ca_deploy.networks.flat import leaves, modules_text
from ca_deploy.records.module_path import module_of

_TRAINING = "batch normalisation in training mode"
_RANDOM = "dropout or other random numbers"


class RandomAndTraining(TorchDispatchMode):
    """While it is entered, notes what the network computes from chance, or from the statistics of the batch.

    ``running`` returns the path of the module that is running.
    """

    def __init__(self, running: Callable[[], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._running = running
        self.found: dict[str, list[str]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kind = _kind(func, args, kwargs or {})
        if kind:
            self.found.setdefault(kind, []).append(self._running())
        return func(*args, **(kwargs or {}))


def refuse_unsteady(name: str, network: nn.Module, seen: RandomAndTraining) -> None:
    """Refuse a network that was seen to compute from chance or from the batch.

    Raises:
        ModelError: names the modules and the remedy.
    """
    if not seen.found:
        return
    if isinstance(network, torch.fx.GraphModule):
        rewritable, others = _places_in_program(network)
        remedy = _in_program(rewritable, others)
        places = [*rewritable, *others]
    else:
        places = [place for listed in seen.found.values() for place in listed]
        remedy = (
            "Pass training=self.training to functional.dropout and functional.batch_norm, and draw no random numbers "
            "in forward."
        )
    raise ModelError(
        f"{name} is not the same at every run: {' and '.join(seen.found)} in {modules_text(places or [''])}. "
        f"A file cannot agree with it. {remedy}"
    )


def _in_program(rewritable: Sequence[str], others: Sequence[str]) -> str:
    """What to do about a program that computes from chance or from the batch in these modules."""
    if not others:
        return (
            "The program was saved in training mode: pass --eval, which rewrites it to what it computes in evaluation "
            "mode, or call .eval() before torch.export.export, and save it again."
        )
    also = f" (it would rewrite {modules_text(rewritable)})" if rewritable else ""
    return (
        f"--eval cannot rewrite {modules_text(others)}, which draws random numbers that no argument turns off{also}. "
        "Call .eval() before torch.export.export, draw no random numbers in forward, and save it again."
    )


def refuse_state(name: str, first: Mapping[str, Tensor], again: Mapping[str, Tensor]) -> None:
    """Refuse a network whose outputs for the same input differed.

    Raises:
        ModelError: names the output.
    """
    if first.keys() != again.keys():
        raise ModelError(
            f"{name} gives other outputs at a later run ({', '.join(again)}) than at the first "
            f"({', '.join(first)}): a file always gives the same. Return them all at every run."
        )
    for output, value in first.items():
        if value.shape != again[output].shape or not torch.allclose(value.double(), again[output].double()):
            at = f" in its output {output!r}" if output else ""
            raise ModelError(
                f"{name} gives another answer when it is run again on the same input{at}: it keeps something from run "
                "to run, which a file does not. Reset it in forward, or return it as an output and take it as an input."
            )


def refuse_varying(name: str, first: Mapping[str, Tensor], other: object) -> None:
    """Refuse a network that returned tensors of other shapes, or another number of them, for another input.

    Raises:
        ModelError: says what differed.
    """
    shapes = [tuple(value.shape) for value in first.values()]
    others = [tuple(leaf.shape) for _, leaf in leaves(other) if isinstance(leaf, Tensor)]
    if shapes != others:
        raise ModelError(
            f"{name} returns {_shapes_text(shapes)} for one input, and {_shapes_text(others)} for another of the same "
            "shape, and a file's outputs have fixed shapes. Return as many values for every input: the best ones by "
            "torch.topk, for instance, or all of them before they are chosen."
        )


def _shapes_text(shapes: Sequence[tuple[int, ...]]) -> str:
    return listed([str(shape) for shape in shapes]) or "nothing"


def _kind(func: Any, args: Any, kwargs: Any) -> str:
    """What a call computes from; "" for one that only depends on its arguments."""
    given, name = arguments_of(func, args, kwargs), func.overloadpacket.__name__
    if torch.Tag.nondeterministic_seeded in func.tags:
        is_off = given.get("train") is False or given.get("training") is False or given.get("dropout_p") == 0
        return "" if is_off else _RANDOM
    if "batch_norm" in name and given.get("training", "with_update" in name):
        # Without running statistics it is instance norm, or a network that normalises by the batch on purpose.
        return _TRAINING if given.get("running_mean") is not None else ""
    return ""


def _places_in_program(module: torch.fx.GraphModule) -> tuple[list[str], list[str]]:
    """The modules of operations that ``--eval`` rewrites, and of others that compute from chance or the batch."""
    rewritable, others = [], []
    for node in nodes_of(module):
        if is_rewritable(node):
            rewritable.append(module_of(node))
        elif _kind(node.target, node.args, node.kwargs):
            others.append(module_of(node))
    return rewritable, others
