"""A Session for TFLite's ``Interpreter`` class, which LiteRT and TensorFlow share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import ArtifactError, RuntimeUnavailable, first_line, wrong_in_file
from ca_deploy.records.tensors import TensorSpec
from ca_deploy.runtimes._specs import spec_of

VARIANTS = ("builtin", "reference")

_RESOLVERS = {"": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}


class InterpreterSession:
    """One interpreter, with its tensors allocated."""

    def __init__(self, runtime: str, interpreter: Any, resolvers: Any, path: Path, threads: int, variant: str) -> None:
        self.runtime = f"{runtime}, {f'{variant} kernels' if variant else 'XNNPACK'}"
        self.settings: Mapping[str, str] = {}
        try:
            self._interpreter = interpreter(
                model_content=path.read_bytes(),
                num_threads=threads,
                experimental_op_resolver_type=resolvers[_RESOLVERS[variant]],
            )
        except ValueError as error:
            raise ArtifactError(
                f"{path} cannot be opened as a TFLite model ({wrong_in_file(error)}). It is damaged: export it again."
            ) from error
        try:
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise RuntimeUnavailable(f"{path.name} does not run in this runtime: {first_line(error)}") from error
        self._input_details = self._interpreter.get_input_details()
        self._output_details = self._interpreter.get_output_details()
        self._shapes = {detail["index"]: tuple(map(int, detail["shape"])) for detail in self._input_details}
        self.inputs = tuple(_spec(detail) for detail in self._input_details)
        self.outputs = tuple(_spec(detail) for detail in self._output_details)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """An input whose shape the file leaves open takes that of the array."""
        self._resize(feeds)
        for detail in self._input_details:
            self._interpreter.set_tensor(detail["index"], feeds[detail["name"]])
        self._interpreter.invoke()
        return {detail["name"]: self._interpreter.get_tensor(detail["index"]) for detail in self._output_details}

    def _resize(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        changed = False
        for detail in self._input_details:
            shape, asked = feeds[detail["name"]].shape, self._shapes[detail["index"]]
            if shape != asked and -1 in detail["shape_signature"]:
                self._interpreter.resize_tensor_input(detail["index"], list(shape))
                self._shapes[detail["index"]], changed = shape, True
        if changed:
            self._interpreter.allocate_tensors()


def _spec(detail: dict[str, Any]) -> TensorSpec:
    shape = [int(side) for side in detail["shape"]]
    dtype = np.dtype(detail["dtype"]).name
    scale, zero_point = detail["quantization"]
    if scale == 0 or dtype == "float32":
        return spec_of(detail["name"], shape, dtype)
    return spec_of(detail["name"], shape, dtype, float(scale), int(zero_point))
