"""A Python script that runs a file with any inputs and outputs, generated from its manifest."""

from collections.abc import Iterator
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._identifiers import PYTHON, words
from ca_deploy.formats._interface import Interface, Parameter, Result, interface_of
from ca_deploy.formats._output import given_text, task_of
from ca_deploy.formats._python import functions, labels, script_name
from ca_deploy.formats._python_preprocess import OPEN_RGB, constants, dequantised, preprocess, quantised
from ca_deploy.records.manifest import Manifest

_SCRIPT = Template('''"""Run the network with $file (written by ca-deploy; needs $packages).

    python $script $files

$usage
"""

import sys
from pathlib import Path

import numpy as np
$imports

MODEL = Path(__file__).with_name($model)
$labels

${preprocess}def invoke(tensors: list[np.ndarray]) -> list[np.ndarray]:
    """The file's outputs for its inputs, in its order and its types."""
    $invoke


def run($parameters) -> dict[str, np.ndarray]:
    """The outputs by name.

    $taken
    """
    outputs = invoke([
        $tensors
    ])
    return {
        $results
    }

$functions
if __name__ == "__main__":
    if len(sys.argv) != $count:
        sys.exit(__doc__)
    $main
''')

_TAKEN = words("run str dict np ndarray outputs invoke astype float32 rint clip ascontiguousarray")


def python_general(manifest: Manifest, package: str, imports: str, invoke: str) -> str:
    """The script, which only needs numpy, ``package``, and Pillow for photos.

    ``invoke`` are lines that return the file's outputs, a list of arrays, for its inputs, the list ``tensors``.

    Raises:
        ArtifactError: mean, std or a scale is not finite.
    """
    interface = interface_of(manifest, PYTHON, _TAKEN)
    pillow = bool(interface.images)
    arguments = list(_arguments(interface))
    separator = "\n    "
    return _SCRIPT.substitute(
        file=quoting.python_docstring(manifest.file),
        packages=f"numpy, {'pillow, ' if pillow else ''}{package}",
        script=script_name(manifest),
        files=" ".join(file for file, _, _ in arguments),
        usage="\n".join(f"{one.name}: {_file_text(one)}" for one in interface.parameters),
        imports="\n".join(filter(None, ("from PIL import Image, ImageOps" if pillow else "", imports))),
        model=quoting.python(manifest.file),
        labels=f"LABELS = {labels(manifest)}\n"
        if manifest.labels or task_of(manifest).python_functions(manifest.signature)
        else "",
        preprocess=_preprocess(interface),
        invoke=invoke,
        parameters=", ".join(f"{one.name}: np.ndarray" for one in interface.parameters),
        taken=separator.join(f"{one.name}: {_array_text(one, interface)}" for one in interface.parameters),
        tensors="\n        ".join(f"{_tensor(one)}," for one in interface.parameters),
        results="\n        ".join(map(_result, interface.results)),
        count=1 + sum(count for _, count, _ in arguments),
        functions=functions(manifest),
        main="\n    ".join(_main(manifest, interface, ", ".join(made for _, _, made in arguments))),
    )


def _main(manifest: Manifest, interface: Interface, given: str) -> tuple[str, ...]:
    """The lines of the task, if it reads several outputs of a photo; otherwise all outputs are printed."""
    task = task_of(manifest)
    if task.python_functions(manifest.signature) and interface.batch == 1:
        return task.python(manifest.signature)
    return f"for name, values in run({given}).items():", '    print(f"{name} {values.shape}:\\n{values}")'


def _arguments(interface: Interface) -> Iterator[tuple[str, int, str]]:
    """Of each input: what a shell is given, how many words that is, and the array that the script makes of them."""
    place = 1
    for one in interface.parameters:
        if one.preprocessing is None:
            yield f"{one.name}.npy", 1, f"np.load(sys.argv[{place}])"
            place += 1
        elif interface.batch == 1:
            yield f"{one.name}.jpg", 1, f"{_function(one, interface)}(sys.argv[{place}])"
            place += 1
        else:
            photos = f"sys.argv[{place}:{place + interface.batch}]"
            made = f"np.concatenate([{_function(one, interface)}(photo) for photo in {photos}])"
            yield f"{one.name}_{{1..{interface.batch}}}.jpg", interface.batch, made
            place += interface.batch


def _file_text(one: Parameter) -> str:
    return "a photo" if one.preprocessing else f"an array of {one.taken.dtype} {one.spec.shape}"


def _array_text(one: Parameter, interface: Interface) -> str:
    if one.preprocessing is None:
        return f"{one.taken.dtype} {one.spec.shape}"
    return f"{one.spec.dtype} {one.spec.shape}, what {_function(one, interface)} makes of a photo"


def _preprocess(interface: Interface) -> str:
    """Functions that make tensors of photos; with constants of their own, for there may be several."""
    functions = [
        preprocess(how, one.spec, _function(one, interface), constants(how, one.spec)) for one, how in interface.images
    ]
    return "".join(f"{code}\n\n" for code in (OPEN_RGB, *functions)) if functions else ""


def _function(one: Parameter, interface: Interface) -> str:
    return "preprocess" if len(interface.images) == 1 else f"preprocess_{one.like}"


def _tensor(one: Parameter) -> str:
    if one.preprocessing is not None:
        return one.name
    made = one.name if one.spec.scale is None else quantised(f"{one.name}.astype(np.float32)", one.spec)
    return f"np.ascontiguousarray({made}, np.{one.spec.dtype})"


def _result(one: Result) -> str:
    number = f"outputs[{one.place}]"
    made = number if one.spec.scale is None else dequantised(number, one.spec)
    return f"{quoting.python(one.given.name)}: {made},  # {given_text(one)}"
