"""The shapes that a file's inputs declare, and the values that close those which they leave open."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ca_deploy.errors import UsageError

Shape = tuple[int, ...]
Place = tuple[Path, str | None]  # a file, and one of several signatures
_MOST_ELEMENTS = 2**34  # sizes in bytes stay far below the 64 bits that runtimes count them in
_FORM = (
    "Write --input-shape 1x3x224x224, or NAME=1x3x224x224 for one of several inputs, or SIGNATURE/NAME=1x3x224x224 in "
    "one of several signatures"
)


@dataclass(frozen=True, slots=True)
class Declared:
    """An input as the file declares it; a side that it leaves open is the name of a size, or "?".

    ``signature`` is that of several which takes it.
    """

    name: str
    sides: tuple[int | str, ...]
    signature: str | None = None

    @property
    def full_name(self) -> str:
        return self.name if self.signature is None else f"{self.signature}/{self.name}"

    @property
    def is_open(self) -> bool:
        return any(isinstance(side, str) for side in self.sides)

    @property
    def text(self) -> str:
        return f"{self.full_name} ({', '.join(map(str, self.sides))})"


def given_shapes(texts: Sequence[str]) -> dict[str, Shape]:
    """What ``--input-shape`` says, by name of the input, or of signature and input; "" is the only input.

    Raises:
        UsageError: it has another form, or names an input twice.
    """
    found: dict[str, Shape] = {}
    for text in texts:
        name, _, form = text.rpartition("=")
        if not re.fullmatch(r"[1-9][0-9]{0,8}(x[1-9][0-9]{0,8}){0,7}", form) or name in found:
            raise UsageError(f"--input-shape {text!r} is not a shape of positive sides, or is given twice. {_FORM}.")
        found[name] = tuple(map(int, form.split("x")))
    return found


def declared(file: Path, signature: str | None = None) -> tuple[Declared, ...]:
    """The inputs of a .tflite or .onnx in the order in which runtimes list them; none of a file that is damaged."""
    try:
        return _READERS[file.suffix](file, signature) if file.suffix in _READERS else ()
    except Exception:  # parsers fail on damaged files in many ways; the runtime says what is wrong
        return ()


def given_by_place(
    inputs: Mapping[Place, Sequence[Declared]], given: Mapping[str, Shape]
) -> dict[Place, dict[str, Shape]]:
    """What is given for the inputs of each file and signature, by their names.

    ``NAME`` is for all inputs of that name. ``SIGNATURE/NAME`` is for one of them, and goes before it.

    Raises:
        UsageError: a name is not that of an input.
    """
    known = {name for each in inputs.values() for one in each for name in (one.name, one.full_name)} | {""}
    if unknown := [name for name in given if name not in known]:
        files = dict.fromkeys(file for file, _ in inputs)
        taken = {
            file: [one.text for (place, _), each in inputs.items() if place == file for one in each] for file in files
        }
        said = "; ".join(f"{file.name} takes {', '.join(texts)}" for file, texts in taken.items())
        raise UsageError(f"--input-shape {unknown[0]}: {said}. {_FORM}.")
    alone = {"": given[""]} if "" in given else {}
    return {
        place: alone | {one.name: given[name] for one in each for name in (one.name, one.full_name) if name in given}
        for place, each in inputs.items()
    }


def closed(file: Path, inputs: Sequence[Declared], given: Mapping[str, Shape]) -> tuple[Shape, ...]:
    """The shape of each input, from ``given`` and what the file fixes.

    An open batch is 1: an open first side of an input that has others, and any side that bears its name.

    Raises:
        UsageError: a side stays open, a given shape is not one of the file's inputs, or an input is too large for any
            memory.
    """
    named = {inputs[0].name if not name and len(inputs) == 1 else name: shape for name, shape in given.items()}
    if unknown := [name for name in named if name not in {one.name for one in inputs}]:
        listed = ", ".join(one.text for one in inputs)
        raise UsageError(f"--input-shape {unknown[0] or 'without a name'}: {file.name} takes {listed}. {_FORM}.")
    sizes: dict[str, int] = {}
    for one in inputs:
        if one.name in named:
            _bind(file, one, named[one.name], sizes)
    batches = {one.sides[0] for one in inputs if len(one.sides) > 1} - {"?"}
    known: list[tuple[int | None, ...]] = [
        named.get(one.name)
        or tuple(
            side if isinstance(side, int) else sizes.get(side, 1 if _is_batch(one, place, batches) else None)
            for place, side in enumerate(one.sides)
        )
        for one in inputs
    ]
    if any(None in shape for shape in known):
        example = next(one for one, shape in zip(inputs, known, strict=True) if None in shape)
        sides = "x".join("SIZE" if side is None else str(side) for side in known[inputs.index(example)])
        raise UsageError(
            f"{file} leaves sizes of its inputs open: {', '.join(one.text for one in inputs)}. What it computes, and "
            "how long that takes, depends on them. Say what you will feed: "
            f"--input-shape {example.full_name}={sides}, or pass an .npz of samples."
        )
    found = [tuple(side for side in shape if side is not None) for shape in known]
    for one, shape in zip(inputs, found, strict=True):
        if 0 in shape:
            raise UsageError(
                f"{file}: input {one.full_name} of shape {'x'.join(map(str, shape))} has no elements, so there is "
                "nothing to feed or to compare. Export it again with the sizes that it is used with."
            )
        if prod(shape) > _MOST_ELEMENTS:
            raise UsageError(
                f"{file}: input {one.full_name} of shape {'x'.join(map(str, shape))} has {prod(shape)} elements, more "
                f"than the {_MOST_ELEMENTS} that any device could hold. Choose a smaller --input-shape, or export it "
                "again for smaller inputs."
            )
    return tuple(found)


def _is_batch(one: Declared, place: int, batches: set[int | str]) -> bool:
    return one.sides[place] in batches or (place == 0 and len(one.sides) > 1)


def _bind(file: Path, one: Declared, shape: Shape, sizes: dict[str, int]) -> None:
    """Note the sizes that a given shape sets."""
    fits = len(shape) == len(one.sides)
    for side, size in zip(one.sides, shape, strict=False):
        fits = fits and (side == size if isinstance(side, int) else sizes.get(side, size) == size)
        if isinstance(side, str) and side != "?":
            sizes[side] = size
    if not fits:
        given = f"{one.full_name}={'x'.join(map(str, shape))}"
        raise UsageError(f"--input-shape {given} does not fit {file.name}, which takes {one.text}.")


def _onnx(file: Path, _: str | None) -> tuple[Declared, ...]:
    import onnx

    graph = onnx.load(file, load_external_data=False).graph
    constants = {constant.name for constant in graph.initializer}
    return tuple(
        Declared(
            value.name,
            tuple(
                int(side.dim_value) if side.HasField("dim_value") and side.dim_value > 0 else side.dim_param or "?"
                for side in value.type.tensor_type.shape.dim
            ),
        )
        for value in graph.input
        if value.name not in constants
    )


def _tflite(file: Path, signature: str | None) -> tuple[Declared, ...]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(file.read_bytes())
    if signature is None:
        graph = model.Subgraphs(0)
        places = [graph.Inputs(index) for index in range(graph.InputsLength())]
        return tuple(_tensor(graph.Tensors(place)) for place in places)
    definitions = (model.SignatureDefs(index) for index in range(model.SignatureDefsLength()))
    found = next(one for one in definitions if one.SignatureKey() == signature.encode())
    graph = model.Subgraphs(found.SubgraphIndex())
    named = {
        found.Inputs(index).Name().decode(): found.Inputs(index).TensorIndex() for index in range(found.InputsLength())
    }
    return tuple(_tensor(graph.Tensors(place), name, signature) for name, place in sorted(named.items()))


def _tensor(tensor: Any, name: str = "", signature: str | None = None) -> Declared:
    shape = [int(tensor.Shape(place)) for place in range(tensor.ShapeLength())]
    if tensor.ShapeSignatureLength() == len(shape):
        shape = [int(tensor.ShapeSignature(place)) for place in range(len(shape))]
    name = name or (tensor.Name() or b"").decode(errors="replace")
    return Declared(name, tuple(side if side >= 0 else "?" for side in shape), signature)


_READERS = {".onnx": _onnx, ".tflite": _tflite}
