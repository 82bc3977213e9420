"""Packages that cannot be opened say why: missing, in part, damaged, of the older kind, or with unknown operations."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ca_deploy.errors import ArtifactError, UnsupportedOperation
from ca_deploy.mil.executor import Executor
from ca_deploy.mil.package import read_package
from ca_deploy.mil.schema import Model

FLOAT32 = 11


def _constant(operation: Any, name: str, content: bytes | None, shape: tuple[int, ...], offset: int = 0) -> None:
    operation.type = "const"
    value = operation.attributes.add(key="val").value
    for kind in (value.type.tensorType, operation.outputs.add(name=name).type.tensorType):
        kind.dataType = FLOAT32
        for size in shape:
            kind.dimensions.add().constant.size = size
    if content is None:
        value.blobFileValue.fileName = "@model_path/weights/weight.bin"
        value.blobFileValue.offset = offset
    else:
        value.immediateValue.tensor.floats.values.extend(np.frombuffer(content, np.float32).tolist())


def write_package(path: Path, operation: str = "add") -> Path:
    """A program that adds four stored numbers to its input, or does something else with both."""
    folder = path / "Data" / "com.apple.CoreML"
    (folder / "weights").mkdir(parents=True)
    numbers = np.arange(4, dtype=np.float32)
    record = np.array([0xDEADBEEF, 2, numbers.nbytes, 0, 128, 0], np.uint32).tobytes().ljust(64, b"\0")
    (folder / "weights" / "weight.bin").write_bytes(bytes(64) + record + numbers.tobytes())
    model = Model()
    function = model.mlProgram.functions.add(key="main").value
    block = function.blocks.add(key="CoreML7").value
    _constant(block.operations.add(), "stored", None, (1, 4), offset=64)
    used = block.operations.add(type=operation)
    for key, name in (("x", "x"), ("y", "stored")):
        used.inputs.add(key=key).value.arguments.add(name=name)
    for tensor in (function.inputs.add(name="x"), used.outputs.add(name="y")):
        tensor.type.tensorType.dataType = FLOAT32
        for size in (1, 4):
            tensor.type.tensorType.dimensions.add().constant.size = size
    block.outputs.append("y")
    (folder / "model.mlmodel").write_bytes(model.SerializeToString())
    entry = {"path": "com.apple.CoreML/model.mlmodel"}
    manifest = {"itemInfoEntries": {"A": entry}, "rootModelIdentifier": "A"}
    (path / "Manifest.json").write_text(json.dumps(manifest))
    return path


def test_a_whole_package_runs(tmp_path: Path) -> None:
    executor = Executor(write_package(tmp_path / "a.mlpackage"))
    assert executor.run({"x": np.ones((1, 4), np.float32)})["y"].tolist() == [[1, 2, 3, 4]]
    with pytest.raises(ArtifactError, match=r"takes \(1, 4\), not \(1, 5\)"):
        executor.run({"x": np.ones((1, 5), np.float32)})


def _cut(name: str, keep: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        (file,) = path.rglob(name)
        file.write_bytes(file.read_bytes()[:keep])

    return damage


def _remove(name: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        (found,) = path.rglob(name)
        shutil.rmtree(found) if found.is_dir() else found.unlink()

    return damage


def _overwrite(path: Path) -> None:
    (file,) = path.rglob("weight.bin")
    file.write_bytes(b"\x7f" * file.stat().st_size)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_remove("Manifest.json"), "incomplete"),
        (_cut("Manifest.json", 20), "incomplete"),
        (_remove("model.mlmodel"), "incomplete"),
        (_cut("model.mlmodel", 70), "not a Core ML specification"),
        (_remove("weights"), r"weight\.bin is missing"),
        (_cut("weight.bin", 0), "truncated or overwritten"),
        (_cut("weight.bin", 100), "truncated or overwritten"),
        (_cut("weight.bin", 140), "truncated or overwritten"),
        (_overwrite, "truncated or overwritten"),
        (shutil.rmtree, "does not exist"),
    ],
)
def test_a_damaged_package_is_refused(damage: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    path = write_package(tmp_path / "a.mlpackage")
    damage(path)
    with pytest.raises(ArtifactError, match=said) as error:
        Executor(path)
    assert str(path) in str(error.value)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mlpackage").write_bytes(b"PK")
    with pytest.raises(ArtifactError, match=r"is a file; an \.mlpackage is a folder\. Unzip it"):
        read_package(tmp_path / "a.mlpackage")


@pytest.mark.parametrize(("kind", "said"), [("neuralNetwork", "older format"), (None, "not an ML Program")])
def test_another_kind_of_model_is_refused(kind: str | None, said: str, tmp_path: Path) -> None:
    path = write_package(tmp_path / "a.mlpackage")
    model = Model(specificationVersion=4)
    if kind:
        getattr(model, kind).SetInParent()
    (file,) = path.rglob("model.mlmodel")
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match=said):
        Executor(path)


def test_unknown_operations_are_named(tmp_path: Path) -> None:
    path = write_package(tmp_path / "a.mlpackage", operation="crop_resize")
    with pytest.raises(UnsupportedOperation, match=r"does not support crop_resize .*--runtime coreml"):
        Executor(path)
