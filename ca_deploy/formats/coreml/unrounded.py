"""An INT8 ML Program without the steps of its integers: nothing is rounded to a scale."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ca_deploy.mil.executor import Executor
from ca_deploy.mil.operations import constant_operations
from ca_deploy.mil.package import read_package
from ca_deploy.mil.program import Name, Operation, Program, read_program
from ca_deploy.mil.session import ReferenceSession
from ca_deploy.records.counterpart import Counterpart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.runtimes import Session

_UNPACKED = ("constexpr_affine_dequantize", "constexpr_blockwise_shift_scale")
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


def open_unrounded(path: Path, folder: Path, wanted: Counterpart) -> "Session | None":
    """The program's float counterpart, in the reference executor; None where nothing in it is quantised.

    A wide ``quantize`` is left out together with its ``dequantize``; otherwise they clip to the range of the integers.
    """
    package = read_package(path)
    program = read_program(package)
    changed = _without_steps(program, wanted)
    return ReferenceSession(Executor(path, changed)) if changed else None


def _without_steps(program: Program, wanted: Counterpart) -> Program | None:
    constants: dict[str, Any] = {}
    made: dict[str, Operation] = {}
    operations, found = [], False
    for one in program.operations:
        made[one.outputs[0].name] = one
        known = {
            key: constants.get(value.name, value) if isinstance(value, Name) else value
            for key, value in one.inputs.items()
        }
        if one.kind == "const":
            constants[one.outputs[0].name] = one.inputs["val"]
        elif one.kind in _UNPACKED or (one.kind == "dequantize" and not isinstance(known["input"], Name)):
            one, found = replace(one, kind="const", inputs={"val": _unpacked(one, known, wanted)}), True
        elif one.kind == "dequantize":
            one, found = _read_unrounded(one, known, made[known["input"].name], constants, wanted), True
        operations.append(one)
    return replace(program, operations=tuple(operations)) if found else None


def _unpacked(one: Operation, known: Mapping[str, Any], wanted: Counterpart) -> "NDArray[Any]":
    """The real weights, as ``const`` holds them."""
    if one.kind == "dequantize":
        steps = {"zero_point": np.zeros(np.shape(known["scale"]), np.int8), "axis": np.int32(0)}
        known = {"quantized_data": known["input"], **steps, **{key: known[key] for key in known if key != "input"}}
        real = constant_operations()["constexpr_affine_dequantize"](**known)
    else:
        real = constant_operations()[one.kind](**known)
    step = np.abs(np.asarray(known["scale"], np.float64))
    if step.ndim and step.ndim != real.ndim:
        axis = int(known["axis"]) % real.ndim
        step = step.reshape([-1 if one == axis else 1 for one in range(real.ndim)])
    for axis, size in enumerate(step.shape):  # blocks
        if size not in (1, real.shape[axis]):
            step = np.repeat(step, real.shape[axis] // size, axis)
    return wanted.moved(real.astype(np.float64), step).astype(real.dtype)


def _read_unrounded(
    one: Operation, known: Mapping[str, Any], written: Operation, constants: Mapping[str, Any], wanted: Counterpart
) -> Operation:
    """A ``dequantize`` that takes what ``quantize`` took, if both have the same scale."""
    given = {
        key: constants.get(value.name, value) if isinstance(value, Name) else value
        for key, value in written.inputs.items()
    }
    same = written.kind == "quantize" and all(
        np.array_equal(known.get(key, 0), given.get(key, 0)) for key in ("scale", "zero_point")
    )
    if not same:
        return one
    x = written.inputs["input"]
    if wanted.wide or np.size(given["scale"]) > 1:
        return replace(one, kind="identity", inputs={"x": x})
    lowest, highest = (
        float((end - np.asarray(given.get("zero_point", 0), np.float64)) * np.asarray(given["scale"], np.float64))
        for end in _LIMITS[str(given["output_dtype"])]
    )
    return replace(one, kind="clip", inputs={"x": x, "alpha": lowest, "beta": highest})
