"""What the last operation of a network makes of its values, seen while it runs."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ca_deploy.records.signature import Activation

_MAKERS: dict[str, Activation] = {
    "sigmoid": "sigmoid",
    "hardsigmoid": "sigmoid",
    "softmax": "softmax",
    "_softmax": "softmax",
}
# These hand values on as they are.
_MOVES = [
    "view",
    "_unsafe_view",
    "reshape",
    "flatten",
    "squeeze",
    "unsqueeze",
    "permute",
    "transpose",
    "t",
    "clone",
    "contiguous",
    "alias",
    "expand",
    "detach",
    "slice",
]


class LastOperations(TorchDispatchMode):
    """While it is entered, notes for each tensor what made its values."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made: dict[int, Activation] = {}
        self._kept: list[Tensor] = []  # a tensor that is gone would leave its id to another

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if func._schema.is_mutable:
            self._forget(args)
        if isinstance(found, Tensor):
            made = _MAKERS.get(name)
            if name in _MOVES and args and isinstance(args[0], Tensor):
                made = self._made.get(id(args[0]))
            if made is not None:
                self._made[id(found)] = made
                self._kept.append(found)
        return found

    def _forget(self, changed: Any) -> None:
        """Tensors that share memory with one that was changed in place are what they were no longer."""
        storages = {value.untyped_storage().data_ptr() for value in changed if isinstance(value, Tensor)}
        for kept in self._kept:
            if kept.untyped_storage().data_ptr() in storages:
                self._made.pop(id(kept), None)

    def activation_of(self, output: Tensor) -> Activation:
        """Of one of the network's outputs, ``(N, …)``."""
        if id(output) in self._made:
            return self._made[id(output)]
        if output.ndim == 2 and output.shape[1] > 1 and output.is_floating_point():
            lengths = output.double().norm(dim=1)
            if torch.allclose(lengths, torch.ones_like(lengths), atol=1e-3):
                return "normalize"
        return "none"
