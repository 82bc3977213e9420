"""The main function of an ML Program, as plain data."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ca_deploy.errors import ArtifactError, listed
from ca_deploy.mil.package import Package

if TYPE_CHECKING:
    from numpy.typing import NDArray

# MIL.proto, enum DataType; integers below 8 bits are stored packed, lowest bits first.
_DTYPES = {
    1: "bool", 10: "float16", 11: "float32", 12: "float64",
    21: "int8", 22: "int16", 23: "int32", 24: "int64", 31: "uint8", 32: "uint16", 33: "uint32", 34: "uint64",
}  # fmt: skip
_PACKED_BITS = {25: 4, 35: 4, 36: 2, 37: 1, 38: 6, 39: 3}
_INT4, _STRING = 25, 2
_CONTROL_FLOW = ("cond", "while_loop")

# An array (scalars have rank 0), a string, or a tuple of strings or scalars.
Constant = Any


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input of the program or the result of an operation. A dimension of -1 is dynamic."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A reference to an input of the program or the result of an earlier operation."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. An input is a :class:`Name`, a :data:`Constant`, or, if variadic, a tuple of these."""

    kind: str
    name: str
    inputs: Mapping[str, Any]
    outputs: tuple[Tensor, ...]

    @property
    def is_float(self) -> bool:
        """Whether its first result is a float tensor."""
        return self.outputs[0].dtype.startswith("float")


@dataclass(frozen=True, slots=True)
class Program:
    """``images`` are the names of the image inputs; ``outputs`` are names, in the order of the block.

    ``shapes`` has the shapes that an input with dynamic dimensions takes, by its name, the default first; an image's
    are ``(1, C, H, W)``, too.
    """

    inputs: tuple[Tensor, ...]
    images: frozenset[str]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]
    opset: str
    shapes: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)

    def producer(self, name: str) -> Operation:
        return next(operation for operation in self.operations if name in (t.name for t in operation.outputs))


def read_program(package: Package) -> Program:
    """Parse the only function; constants are read from the package's weights.

    Raises:
        ArtifactError: the package is damaged, has several functions, control flow, or an unknown data type.
    """
    functions = package.model.mlProgram.functions
    if len(functions) != 1 or len(functions[0].value.blocks) != 1:
        raise ArtifactError(f"{package.path} has {len(functions)} functions; ca-deploy runs programs with one.")
    function = functions[0].value
    block = function.blocks[0].value
    operations = []
    for operation in block.operations:
        if operation.blocks or operation.type in _CONTROL_FLOW:
            raise ArtifactError(
                f"{package.path} has control flow ({operation.type}): which operations run is known only at run time. "
                "Export the body as a separate model."
            )
        attributes = {entry.key: _value(package, entry.value) for entry in operation.attributes}
        name = attributes.pop("name", "")
        inputs = {entry.key: _argument(package, entry.value) for entry in operation.inputs}
        outputs = tuple(_tensor(output) for output in operation.outputs)
        operations.append(Operation(operation.type, name, {**attributes, **inputs}, outputs))
    features = package.model.description.input
    given = tuple(_tensor(value) for value in function.inputs)
    if missing := _missing(given, operations, block.outputs):
        raise ArtifactError(
            f"{package.path} is damaged: {listed(missing)} is read, but neither an input nor computed before. Export "
            "it again."
        )
    return Program(
        inputs=given,
        images=frozenset(feature.name for feature in features if feature.type.HasField("imageType")),
        outputs=tuple(block.outputs),
        operations=tuple(operations),
        opset=function.opset,
        shapes=_enumerated(features, given),
    )


def _missing(inputs: Iterable[Tensor], operations: Iterable[Operation], outputs: Iterable[str]) -> list[str]:
    """The names that are read before anything provides them."""
    known, missing = {tensor.name for tensor in inputs}, dict[str, None]()
    for operation in operations:
        arguments = (
            v for value in operation.inputs.values() for v in (value if isinstance(value, tuple) else (value,))
        )
        missing.update((v.name, None) for v in arguments if isinstance(v, Name) and v.name not in known)
        known.update(tensor.name for tensor in operation.outputs)
    return [*missing, *(name for name in outputs if name not in known)]


def _enumerated(features: Any, inputs: tuple[Tensor, ...]) -> dict[str, tuple[tuple[int, ...], ...]]:
    """The shapes of the inputs that have several; the specification repeats the default among them."""
    found = {}
    channels = {tensor.name: tensor.shape[1] for tensor in inputs if len(tensor.shape) == 4}
    for feature in features:
        if feature.type.HasField("imageType"):
            image, front = feature.type.imageType, (1, channels.get(feature.name, -1))
            sizes = [(image.height, image.width), *((s.height, s.width) for s in image.enumeratedSizes.sizes)]
            shapes = [(*front, *map(int, size)) for size in sizes]
        else:
            array = feature.type.multiArrayType
            shapes = [
                tuple(map(int, s)) for s in (array.shape, *(other.shape for other in array.enumeratedShapes.shapes))
            ]
        if len(shapes) > 1:
            found[feature.name] = tuple(dict.fromkeys(shapes))
    return found


def _tensor(named: Any) -> Tensor:
    kind = named.type.tensorType
    shape = tuple(d.constant.size if d.HasField("constant") else -1 for d in kind.dimensions)
    return Tensor(named.name, _DTYPES.get(kind.dataType, "other"), shape)


def _argument(package: Package, argument: Any) -> Any:
    found = tuple(
        _value(package, binding.value) if binding.HasField("value") else Name(binding.name)
        for binding in argument.arguments
    )
    return found[0] if len(found) == 1 else found


def _value(package: Package, value: Any) -> Constant:
    if value.immediateValue.HasField("list"):
        return tuple(_value(package, item) for item in value.immediateValue.list.values)
    kind = value.type.tensorType
    shape = tuple(dimension.constant.size for dimension in kind.dimensions)
    if value.HasField("blobFileValue"):
        blob = package.blob(value.blobFileValue.fileName, value.blobFileValue.offset)
        return _from_bytes(package, kind.dataType, shape, blob)
    tensor = value.immediateValue.tensor
    stored = next((field.name for field, _ in tensor.ListFields()), "ints")
    values = getattr(tensor, stored).values
    if stored == "bytes":
        return _from_bytes(package, kind.dataType, shape, np.frombuffer(values, np.uint8))
    if kind.dataType == _STRING:
        return str(values[0]) if shape == () else tuple(values)
    return _shaped(package, np.array(values, _dtype(package, kind.dataType)), shape)


def _from_bytes(
    package: Package, data_type: int, shape: tuple[int, ...], content: "NDArray[np.uint8]"
) -> "NDArray[Any]":
    if data_type not in _PACKED_BITS:
        dtype = np.dtype(_dtype(package, data_type))
        return _shaped(package, content[: len(content) // dtype.itemsize * dtype.itemsize].view(dtype), shape)
    width = _PACKED_BITS[data_type]
    count = math.prod(shape)
    if count * width > 8 * content.size:
        raise _wrong_size(package, shape, 8 * content.size // width)
    bits = np.unpackbits(content, bitorder="little", count=count * width).reshape(count, width)
    numbers = np.packbits(bits, axis=1, bitorder="little").ravel()
    if data_type == _INT4:
        return _shaped(package, (numbers.astype(np.int8) ^ 8) - 8, shape)
    return _shaped(package, numbers, shape)


def _dtype(package: Package, data_type: int) -> str:
    if data_type not in _DTYPES:
        raise ArtifactError(
            f"{package.path} has constants of a type that ca-deploy does not read (DataType {data_type})."
        )
    return _DTYPES[data_type]


def _shaped(package: Package, values: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[Any]":
    if values.size != math.prod(shape):
        raise _wrong_size(package, shape, values.size)
    return values.reshape(shape)


def _wrong_size(package: Package, shape: tuple[int, ...], size: int) -> ArtifactError:
    return ArtifactError(f"{package.path} is damaged: a constant of shape {shape} has {size} values. Export it again.")
