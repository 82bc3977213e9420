"""Element-wise operations, with numpy's broadcasting."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ca_deploy.errors import UnsupportedOperation
from ca_deploy.mil.operations.sizes import Value, tensor


def _gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return functional.gelu(x, approximate="tanh" if mode == "TANH_APPROXIMATION" else "none")


def _cast(x: Tensor, dtype: str) -> Tensor:
    if dtype in ("fp32", "fp16"):  # the executor rounds to float16
        return x
    if dtype == "bool":
        return (x != 0).float()
    if dtype in ("int32", "int16", "uint16", "int8", "uint8"):
        return torch.trunc(x)
    raise UnsupportedOperation(f"cast to {dtype}.")


def _comparison(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Value, Value], Tensor]:
    """True is 1 and false 0, as in :func:`_cast`."""
    return lambda x, y: function(tensor(x), tensor(y)).float()


def _logical(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Value, Value], Tensor]:
    return lambda x, y: function(tensor(x) != 0, tensor(y) != 0).float()


OPERATIONS: dict[str, Callable[..., Any]] = {
    "identity": lambda x: x,
    "cast": _cast,
    "add": lambda x, y: tensor(x) + tensor(y),
    "sub": lambda x, y: tensor(x) - tensor(y),
    "mul": lambda x, y: tensor(x) * tensor(y),
    "real_div": lambda x, y: tensor(x) / tensor(y),
    "pow": lambda x, y: torch.pow(tensor(x), tensor(y)),
    "minimum": lambda x, y: torch.minimum(tensor(x), tensor(y)),
    "maximum": lambda x, y: torch.maximum(tensor(x), tensor(y)),
    "abs": lambda x: torch.abs(x),
    "ceil": lambda x: torch.ceil(x),
    "clip": lambda x, alpha, beta: torch.clamp(x, alpha, beta),
    "clamped_relu": lambda x, alpha, beta: torch.clamp(torch.where(x >= 0, x, x * alpha), max=beta),
    "cos": lambda x: torch.cos(x),
    "elu": lambda x, alpha: functional.elu(x, alpha),
    "equal": _comparison(torch.eq),
    "erf": lambda x: torch.erf(x),
    "exp": lambda x: torch.exp(x),
    "floor": lambda x: torch.floor(x),
    "gelu": _gelu,
    "greater": _comparison(torch.gt),
    "greater_equal": _comparison(torch.ge),
    "inverse": lambda x, epsilon=1e-4: 1 / (x + epsilon),
    "less": _comparison(torch.lt),
    "less_equal": _comparison(torch.le),
    "leaky_relu": lambda x, alpha: functional.leaky_relu(x, alpha),
    "linear_activation": lambda x, alpha, beta: x * alpha + beta,
    "log": lambda x, epsilon=1e-45: torch.log(x + epsilon),
    "logical_and": _logical(torch.logical_and),
    "logical_not": lambda x: (x == 0).float(),
    "logical_or": _logical(torch.logical_or),
    "logical_xor": _logical(torch.logical_xor),
    "not_equal": _comparison(torch.ne),
    "relu": lambda x: torch.relu(x),
    "relu6": lambda x: torch.clamp(x, 0, 6),
    "rsqrt": lambda x, epsilon=1e-12: torch.rsqrt(x + epsilon),
    "select": lambda cond, a, b: torch.where(tensor(cond) != 0, tensor(a), tensor(b)),
    "sigmoid": lambda x: torch.sigmoid(x),
    "sigmoid_hard": lambda x, alpha=0.2, beta=0.5: torch.clamp(x * alpha + beta, 0, 1),
    "sign": lambda x: torch.sign(x),
    "silu": lambda x: functional.silu(x),
    "sin": lambda x: torch.sin(x),
    "softplus": lambda x: functional.softplus(x),
    "softsign": lambda x: functional.softsign(x),
    "sqrt": lambda x: torch.sqrt(x),
    "square": lambda x: torch.square(x),
    "tanh": lambda x: torch.tanh(x),
    "threshold": lambda x, alpha: torch.clamp(x, min=alpha),
    "thresholded_relu": lambda x, alpha: torch.where(x >= alpha, x, torch.zeros_like(x)),
}
