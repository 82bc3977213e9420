"""Element-wise operations, with numpy's broadcasting."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ca_deploy.errors import UnsupportedOperation

Operand = Tensor | float


def _tensor(value: Operand) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float32)


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


OPERATIONS: dict[str, Callable[..., Any]] = {
    "identity": lambda x: x,
    "cast": _cast,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "real_div": lambda x, y: x / y,
    "pow": lambda x, y: torch.pow(_tensor(x), _tensor(y)),
    "minimum": lambda x, y: torch.minimum(_tensor(x), _tensor(y)),
    "maximum": lambda x, y: torch.maximum(_tensor(x), _tensor(y)),
    "abs": lambda x: torch.abs(x),
    "ceil": lambda x: torch.ceil(x),
    "clip": lambda x, alpha, beta: torch.clamp(x, alpha, beta),
    "clamped_relu": lambda x, alpha, beta: torch.clamp(torch.where(x >= 0, x, x * alpha), max=beta),
    "cos": lambda x: torch.cos(x),
    "elu": lambda x, alpha: functional.elu(x, alpha),
    "erf": lambda x: torch.erf(x),
    "exp": lambda x: torch.exp(x),
    "floor": lambda x: torch.floor(x),
    "gelu": _gelu,
    "inverse": lambda x, epsilon=1e-4: 1 / (x + epsilon),
    "leaky_relu": lambda x, alpha: functional.leaky_relu(x, alpha),
    "linear_activation": lambda x, alpha, beta: x * alpha + beta,
    "log": lambda x, epsilon=1e-45: torch.log(x + epsilon),
    "relu": lambda x: torch.relu(x),
    "relu6": lambda x: torch.clamp(x, 0, 6),
    "rsqrt": lambda x, epsilon=1e-12: torch.rsqrt(x + epsilon),
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
