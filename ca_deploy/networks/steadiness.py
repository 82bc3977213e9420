"""Networks that are not the same at every run: dropout or batch norms in training mode, and random numbers.

An exported file that agrees with such a network agrees with one of its moods. So they are refused.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ca_deploy.errors import ModelError
from ca_deploy.networks.flat import module_of

_SHOWN = 6
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
        places = list(_places_in_program(network))
        remedy = "The program was saved in training mode: call .eval() before torch.export.export, and save it again."
    else:
        places = [place for listed in seen.found.values() for place in listed]
        remedy = (
            "Pass training=self.training to functional.dropout and functional.batch_norm, and draw no random numbers "
            "in forward."
        )
    named = [repr(place) if place else "its forward" for place in dict.fromkeys(places)]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    raise ModelError(
        f"{name} is not the same at every run: {' and '.join(seen.found)} in {', '.join(named[:_SHOWN])}{more}. "
        f"A file cannot agree with it. {remedy}"
    )


def refuse_state(name: str, first: Mapping[str, Tensor], again: Mapping[str, Tensor]) -> None:
    """Refuse a network whose outputs for the same input differed.

    Raises:
        ModelError: names the output.
    """
    if first.keys() != again.keys():
        raise ModelError(
            f"{name} gives other outputs at the second run ({', '.join(again)}) than at the first "
            f"({', '.join(first)}): a file always gives the same. Return them all at every run."
        )
    for output, value in first.items():
        if value.shape != again[output].shape or not torch.allclose(value.double(), again[output].double()):
            at = f" in its output {output!r}" if output else ""
            raise ModelError(
                f"{name} gives another answer at the second run with the same input{at}: it keeps something from run "
                "to run, which a file does not. Reset it in forward, or return it as an output and take it as an input."
            )


def _kind(func: Any, args: Any, kwargs: Any) -> str:
    """What a call computes from; "" for one that only depends on its arguments."""
    arguments = func._schema.arguments
    defaults = {argument.name: argument.default_value for argument in arguments if argument.has_default_value()}
    named = defaults | dict(zip((argument.name for argument in arguments), args, strict=False)) | kwargs
    if torch.Tag.nondeterministic_seeded in func.tags:
        is_off = named.get("train") is False or named.get("training") is False or named.get("dropout_p") == 0
        return "" if is_off else _RANDOM
    if "batch_norm" in func.overloadpacket.__name__ and named.get("training"):
        # Without running statistics it is instance norm, or a network that normalises by the batch on purpose.
        return _TRAINING if named.get("running_mean") is not None else ""
    return ""


def _places_in_program(module: torch.fx.GraphModule) -> Iterator[str]:
    for node in module.graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload) and _kind(node.target, node.args, node.kwargs):
            yield module_of(node)
