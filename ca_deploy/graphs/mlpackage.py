"""Core ML package -> Graph: the operations of its ML Program (MIL)."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ca_deploy.graphs import ABSENT, AttributeValue, Graph, Node, Tensor
from ca_deploy.mil.package import read_package
from ca_deploy.mil.program import Name, Operation, Program, read_program
from ca_deploy.mil.program import Tensor as MilTensor
from ca_deploy.records.module_path import DETECTION_NAMES, DETECTIONS

_ELEMENT_BYTES = {"float16": 2.0, "int8": 1.0, "uint8": 1.0, "bool": 1.0, "int16": 2.0, "uint16": 2.0, "float64": 8.0}
_OPERANDS = {"x": 0, "values": 0, "weight": 1, "y": 1, "bias": 2}
_SMALL = 64  # elements


def read(path: Path) -> Graph:
    """The operations of the program, without constants.

    Raises:
        ArtifactError: not a Core ML package, damaged, without its weights, not an ML Program, or with control flow.
    """
    package = read_package(path)
    return _Reader(read_program(package)).graph(int(package.model.specificationVersion))


class _Reader:
    """Builds the Graph of one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._tensors: list[Tensor] = []
        self._places: dict[str, int] = {}
        self._values: dict[str, AttributeValue] = {}

    def graph(self, version: int) -> Graph:
        for tensor in self._program.inputs:
            self._add(tensor, constant=False)
        nodes: list[Node] = []
        for operation in self._program.operations:
            constant = operation.kind == "const" or operation.kind.startswith("constexpr")
            for tensor in operation.outputs:
                self._add(tensor, constant, operation.inputs["val"] if operation.kind == "const" else None)
            if not constant:
                nodes.append(self._node(len(nodes), operation))
        fed = tuple(self._places[tensor.name] for tensor in self._program.inputs)
        given = tuple(self._places[name] for name in self._program.outputs if name in self._places)
        return Graph("mlpackage", version, tuple(nodes), tuple(self._tensors), fed, given)

    def _node(self, index: int, operation: Operation) -> Node:
        inputs: list[tuple[str, int]] = []
        attributes: dict[str, AttributeValue] = {}
        for key, argument in operation.inputs.items():
            written = _small(argument)
            if written is not None:
                attributes[key] = written
            for name in _names(argument):
                if name in self._values:
                    attributes[key] = self._values[name]
                elif name in self._places:
                    inputs.append((key, self._places[name]))
        inputs.sort(key=lambda item: _OPERANDS.get(item[0], 3))
        places = tuple(place for _, place in inputs)
        outputs = tuple(self._places[tensor.name] for tensor in operation.outputs)
        name = operation.outputs[0].name if operation.outputs else f"{operation.kind}_{index}"
        return Node(
            index=index,
            name=name,
            module=DETECTIONS if name.startswith(DETECTION_NAMES) else "",  # others are not recorded
            operator=operation.kind.rpartition(".")[2],
            inputs=places or (ABSENT,),
            outputs=outputs,
            attributes=attributes,
            version=1,
            custom=operation.kind.startswith("custom"),
            multiply_adds=self._multiply_adds(operation.kind, places, outputs),
        )

    def _add(self, tensor: MilTensor, constant: bool, content: Any = None) -> None:
        found = None if content is None else _small(content)
        if found is not None:
            self._values[tensor.name] = found
        integers = tuple(v for v in found if isinstance(v, int)) if isinstance(found, tuple) else None
        element_bytes = _ELEMENT_BYTES.get(tensor.dtype, 4.0)
        self._places[tensor.name] = len(self._tensors)
        self._tensors.append(
            Tensor(tensor.name, tensor.shape, tensor.dtype, constant, values=integers, element_bytes=element_bytes)
        )

    def _multiply_adds(self, kind: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        shapes = [self._tensors[place].shape or () for place in inputs]
        if kind == "conv" and len(shapes) > 1:
            return self._tensors[outputs[0]].elements * math.prod(shapes[1][1:])
        if kind == "conv_transpose" and len(shapes) > 1:
            return self._tensors[inputs[0]].elements * math.prod(shapes[1][1:])
        if kind in ("linear", "matmul") and shapes and shapes[0]:
            return self._tensors[outputs[0]].elements * abs(shapes[0][-1])
        return 0


def _names(argument: Any) -> Iterator[str]:
    if isinstance(argument, Name):
        yield argument.name
    elif isinstance(argument, tuple):
        for item in argument:
            yield from _names(item)


def _small(content: Any) -> AttributeValue | None:
    """A number, a string or a short tuple; None for weights."""
    if isinstance(content, str):
        return content
    if not isinstance(content, np.ndarray) or content.size > _SMALL:
        return None
    numbers: Iterable[Any] = content.ravel().tolist()
    values = tuple(v if isinstance(v, float) else int(v) for v in numbers)
    return values if content.shape else values[0]
