"""Run an ML Program on PyTorch's float32 kernels, with the program's own float16 rounding.

All tensors are held in float32. A float16 result is rounded to float16 after its operation, as on hardware that stores
float16 between operations; sums inside an operation accumulate in float32. The integers from ``quantize`` are exact in
float32. A device's own kernels may round differently inside an operation.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ca_deploy.errors import ArtifactError, UnsupportedOperation
from ca_deploy.mil.operations import constant_operations, operations
from ca_deploy.mil.package import read_package
from ca_deploy.mil.program import Name, Operation, Program, read_program

if TYPE_CHECKING:
    from numpy.typing import NDArray

# (tensor name, value), for calibration
Observer = Callable[[str, torch.Tensor], None]


class Executor:
    """One program, ready to run; compressed weights are unpacked once, on construction. ``program`` runs in place of
    the one in the package.

    Raises:
        ArtifactError: the package is damaged, or not an ML Program.
        UnsupportedOperation: lists all operations that the executor does not support.
    """

    def __init__(self, path: Path, program: Program | None = None) -> None:
        self.program = program or read_program(read_package(path))
        unknown = {o.kind for o in self.program.operations} - {*operations(), *constant_operations(), "const"}
        if unknown:
            raise UnsupportedOperation(
                f"The reference executor does not support {', '.join(sorted(unknown))} ({path.name}). Run this file "
                "on a Mac (--runtime coreml), or replace the operation in the network."
            )
        self._constants = _constants(self.program)
        self._beside_tensors: dict[str, Any] = {}  # constants in a list with computed tensors, as in a concat
        dynamic = [o for o in self.program.operations if o.outputs[0].name not in self._constants]
        self._steps = [(o, operations()[o.kind], self._static_inputs(o)) for o in dynamic]
        self._last_uses = _last_uses(dynamic, self.program.outputs)

    def constant(self, value: Any) -> Any:
        """The array behind an operation's input, with compressed weights unpacked; None if it is computed."""
        return self._constants.get(value.name) if isinstance(value, Name) else value

    def settings(self, operation: Operation) -> dict[str, Any]:
        """The constant inputs of an operation except weight and bias, as keyword arguments of its function."""
        return {key: v for key, v in self._static_inputs(operation).items() if key not in ("weight", "bias")}

    def run(self, feeds: "Mapping[str, NDArray[Any]]", observe: Observer | None = None) -> dict[str, Any]:
        """All outputs by name: arrays, and for a classifier its label and a dictionary label -> probability.

        ``feeds`` are arrays in the inputs' shapes; an image is uint8 RGB ``(1, H, W, 3)``. ``observe`` is called with
        every tensor, inputs included.

        Raises:
            ArtifactError: a feed has another shape than its input.
        """
        values = dict(self._beside_tensors)
        for tensor in self.program.inputs:
            value = torch.from_numpy(np.ascontiguousarray(feeds[tensor.name])).to(torch.float32)
            values[tensor.name] = value.permute(0, 3, 1, 2) if tensor.name in self.program.images else value
            shapes = self.program.shapes.get(tensor.name, (tensor.shape,))
            if tuple(values[tensor.name].shape) not in shapes:
                taken = " or ".join(map(str, shapes))
                raise ArtifactError(f"Input {tensor.name!r} takes {taken}, not {tuple(value.shape)}.")
            if observe:
                observe(tensor.name, values[tensor.name])
        with torch.inference_mode():
            for index, (operation, kernel, static) in enumerate(self._steps):
                dynamic = {key: _look_up(v, values) for key, v in operation.inputs.items() if key not in static}
                results = kernel(**static, **dynamic)
                for tensor, result in zip(operation.outputs, _as_tuple(results, operation), strict=True):
                    if tensor.dtype == "float16":
                        result = result.half().float()
                    values[tensor.name] = result
                    if observe and isinstance(result, torch.Tensor):
                        observe(tensor.name, result)
                for name in self._last_uses[index]:
                    values.pop(name, None)
        found = self._constants | values  # an output may be a constant
        return {name: _plain(found[name]) for name in self.program.outputs}

    def _static_inputs(self, operation: Operation) -> dict[str, Any]:
        found = {}
        for key, value in operation.inputs.items():
            items = value if isinstance(value, tuple) else (value,)
            if all(not isinstance(item, Name) or item.name in self._constants for item in items):
                known = tuple(_argument(self.constant(item)) for item in items)
                found[key] = known if isinstance(value, tuple) else known[0]
            else:
                named = [item.name for item in items if item.name in self._constants]
                self._beside_tensors |= {name: _argument(self._constants[name]) for name in named}
        return found


def _constants(program: Program) -> dict[str, Any]:
    """The results of ``const`` and ``constexpr_…`` operations, by name."""
    found: dict[str, Any] = {}
    for operation in program.operations:
        if operation.kind == "const":
            found[operation.outputs[0].name] = operation.inputs["val"]
        elif operation.kind in constant_operations():
            inputs = {
                key: found[value.name] if isinstance(value, Name) else value for key, value in operation.inputs.items()
            }
            found[operation.outputs[0].name] = constant_operations()[operation.kind](**inputs)
    return found


def _argument(value: Any) -> Any:
    """A constant as operations take it: float arrays as float32 tensors, shapes and axes as tuples, plain scalars."""
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim == 0:
        return value.item()
    if np.issubdtype(value.dtype, np.floating) or value.ndim > 1:
        return torch.from_numpy(np.array(value, np.float32))
    return tuple(value.tolist())


def _look_up(value: Any, values: Mapping[str, Any]) -> Any:
    return tuple(values[v.name] for v in value) if isinstance(value, tuple) else values[value.name]


def _last_uses(steps: list[Operation], outputs: tuple[str, ...]) -> list[list[str]]:
    """Per step, the tensors that no later step needs."""
    kept = set(outputs)
    found: list[list[str]] = []
    for operation in reversed(steps):
        touched = [tensor.name for tensor in operation.outputs]
        for value in operation.inputs.values():
            touched += [
                item.name for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Name)
            ]
        found.append([name for name in dict.fromkeys(touched) if name not in kept])
        kept.update(touched)
    return found[::-1]


def _as_tuple(results: Any, operation: Operation) -> tuple[Any, ...]:
    return tuple(results) if len(operation.outputs) > 1 else (results,)


def _plain(value: Any) -> Any:
    return value.numpy() if isinstance(value, torch.Tensor) else value
