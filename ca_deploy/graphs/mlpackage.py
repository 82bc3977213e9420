"""Core ML package -> Graph: the operations of an ML Program (MIL)."""

import importlib
import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from ca_deploy.errors import ArtifactError
from ca_deploy.graphs import ABSENT, DYNAMIC, AttributeValue, Graph, Node, Tensor

_CONTROL_FLOW = ("cond", "while_loop")
_DTYPES = {"FLOAT32": "float32", "FLOAT16": "float16", "FLOAT64": "float64", "STRING": "string", "BOOL": "bool"}
_ELEMENT_BYTES = {"float16": 2.0, "int8": 1.0, "uint8": 1.0, "bool": 1.0, "int16": 2.0, "uint16": 2.0, "float64": 8.0}
_SMALL = 64  # elements


def read(path: Path) -> Graph:
    """The operations of the program's main function, constants left out.

    Raises:
        ArtifactError: not a Core ML package, damaged, weights missing, not an ML Program, or it has control flow.
    """
    model = _load(path)
    kind = model.WhichOneof("Type")
    if kind != "mlProgram":
        raise ArtifactError(
            f"{path} holds a Core ML {kind or 'file without a model'}; only ML Programs are checked. Convert it again "
            'with convert_to="mlprogram".'
        )
    functions = model.mlProgram.functions
    main = functions["main"] if "main" in functions else next(iter(functions.values()), None)
    if main is None or main.opset not in main.block_specializations:
        raise ArtifactError(f"{path} is a damaged Core ML package: its program has no body. Export it again.")
    try:
        return _Program(path, main).graph(int(model.specificationVersion))
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise ArtifactError(f"{path} is a damaged Core ML package ({error!r}): copy or export it again.") from error


def _load(path: Path) -> Any:
    places = sorted((path / "Data").glob("*/model.mlmodel")) if path.is_dir() else []
    if not places:
        raise ArtifactError(f"{path} is no Core ML package: it lacks Data/com.apple.CoreML/model.mlmodel.")
    model = _protobuf().Model()
    try:
        model.ParseFromString(places[0].read_bytes())
    except DecodeError as error:
        raise ArtifactError(f"{path} is a damaged Core ML package ({error}): copy or export it again.") from error
    for block in _blocks(model):
        for operation in block.operations:
            for value in operation.attributes.values():
                name = value.blobFileValue.fileName.removeprefix("@model_path/")
                if name and not (places[0].parent / name).is_file():
                    raise ArtifactError(f"{path} lacks its weights, {name}. Copy the whole folder, or export it again.")
    return model


def _protobuf() -> Any:
    """``Model_pb2`` without ``import coremltools``, which takes ten seconds and loads torch and tensorflow."""
    name = "_ca_deploy_coremltools_proto"
    if name not in sys.modules:
        package = importlib.util.find_spec("coremltools")
        if package is None or package.origin is None:
            raise ArtifactError("Reading Core ML packages needs coremltools, which is not installed here.")
        folder = Path(package.origin).parent / "proto"
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return importlib.import_module(f"{name}.Model_pb2")


def _blocks(model: Any) -> list[Any]:
    return [block for f in model.mlProgram.functions.values() for block in f.block_specializations.values()]


class _Program:
    """One function of an ML Program on its way to a Graph."""

    def __init__(self, path: Path, function: Any) -> None:
        self._path, self._function = path, function
        self._block = function.block_specializations[function.opset]
        self._tensors: list[Tensor] = []
        self._places: dict[str, int] = {}
        self._values: dict[str, AttributeValue] = {}

    def graph(self, version: int) -> Graph:
        for value in self._function.inputs:
            self._add(value, constant=False)
        nodes: list[Node] = []
        for operation in self._block.operations:
            if operation.type in _CONTROL_FLOW:
                raise ArtifactError(
                    f"{self._path} has control flow ({operation.type}): which operations run is known at run time "
                    "only, so they cannot be placed. Export the body as a model of its own, and check that."
                )
            constant = operation.type == "const" or operation.type.startswith("constexpr")
            for value in operation.outputs:
                self._add(value, constant, operation.attributes["val"] if operation.type == "const" else None)
            if not constant:
                nodes.append(self._node(len(nodes), operation))
        fed = tuple(self._places[value.name] for value in self._function.inputs)
        given = tuple(self._places[name] for name in self._block.outputs if name in self._places)
        return Graph("mlpackage", version, tuple(nodes), tuple(self._tensors), fed, given)

    def _node(self, index: int, operation: Any) -> Node:
        inputs, attributes = [], {}
        for key, argument in operation.inputs.items():
            for binding in argument.arguments:
                if binding.name in self._values:
                    attributes[key] = self._values[binding.name]
                elif binding.name in self._places:
                    inputs.append((key, self._places[binding.name]))
        order = {"x": 0, "values": 0, "weight": 1, "y": 1, "bias": 2}
        inputs.sort(key=lambda item: order.get(item[0], 3))
        outputs = tuple(self._places[value.name] for value in operation.outputs)
        places = tuple(place for _, place in inputs)
        name = operation.outputs[0].name if operation.outputs else f"{operation.type}_{index}"
        return Node(
            index=index,
            name=name,
            module=_module_of(operation),
            operator=operation.type.rpartition(".")[2],
            inputs=places or (ABSENT,),
            outputs=outputs,
            attributes=attributes,
            version=1,
            custom=operation.type.startswith("custom"),
            multiply_adds=self._multiply_adds(operation.type, places, outputs),
        )

    def _add(self, value: Any, constant: bool, content: Any = None) -> None:
        tensor = value.type.tensorType
        dtype_name = tensor.DESCRIPTOR.fields_by_name["dataType"].enum_type.values_by_number[tensor.dataType].name
        dtype = _DTYPES.get(dtype_name, dtype_name.lower())
        shape = tuple(
            int(side.constant.size) if side.WhichOneof("dimension") == "constant" else DYNAMIC
            for side in tensor.dimensions
        )
        found = _immediate(content) if content is not None else None
        if found is not None:
            self._values[value.name] = found
        integers = tuple(v for v in found if isinstance(v, int)) if isinstance(found, tuple) else None
        self._places[value.name] = len(self._tensors)
        self._tensors.append(
            Tensor(value.name, shape, dtype, constant, values=integers, element_bytes=_ELEMENT_BYTES.get(dtype, 4.0))
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


def _immediate(value: Any) -> AttributeValue | None:
    """A number, a string or a short list; None for what lies in the weights file."""
    tensor = value.immediateValue.tensor
    kind = tensor.WhichOneof("value")
    if kind is None:
        return None
    values = list(getattr(tensor, kind).values) if kind != "bytes" else []
    if kind == "bytes" or len(values) > _SMALL:
        return None
    if kind == "strings":
        return str(values[0]) if values else None
    numbers = tuple(float(v) if kind in ("floats", "doubles") else int(v) for v in values)
    if not value.type.tensorType.dimensions:
        return numbers[0] if numbers else None
    return numbers  # type: ignore[return-value]


def _module_of(operation: Any) -> str:
    """The innermost module in the operation's scopes, where the exporter kept them (``TorchScript_MODULE_NAME``)."""
    for key, value in operation.attributes.items():
        if "MODULE_NAME" in key:
            names = value.immediateValue.list.values or [value]
            words = [w for n in names for w in n.immediateValue.tensor.strings.values]
            return str(words[-1]) if words else ""
    return ""
