"""An ``.mlpackage`` on disk: a folder with a manifest, the model specification and the weights."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.message import DecodeError

from ca_deploy.errors import ArtifactError, wrong_in_file
from ca_deploy.mil.schema import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SENTINEL = 0xDEADBEEF
_OLD_KINDS = ("neuralNetwork", "neuralNetworkClassifier", "neuralNetworkRegressor")


@dataclass(frozen=True, slots=True)
class Package:
    """``model`` is the parsed specification (:mod:`ca_deploy.mil.schema`); ``folder`` contains it and the weights."""

    path: Path
    folder: Path
    model: Any

    def blob(self, file_name: str, offset: int) -> "NDArray[np.uint8]":
        """The bytes of one weight. ``file_name`` is as in the specification: ``@model_path/weights/weight.bin``.

        At ``offset`` is a header of 64 bytes: a sentinel, the data type, the size, and the offset of the data
        (mlmodel/src/MILBlob/Blob/StorageFormat.hpp in coremltools).

        Raises:
            ArtifactError: the weights are missing, truncated, or do not match the specification.
        """
        path = _inside(self.path, self.folder / file_name.removeprefix("@model_path/"))
        weights = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
        record = weights[offset : offset + 64].tobytes()
        sentinel, _ = np.frombuffer(record[:8].ljust(8), "<u4")
        size, start = (int(number) for number in np.frombuffer(record[8:24].ljust(16), "<u8"))
        if len(record) < 64 or sentinel != _SENTINEL or start + size > len(weights):
            raise _damaged(self.path, f"{path.name} is truncated or overwritten")
        return weights[start : start + size]


def read_package(path: Path) -> Package:
    """Open a package.

    Raises:
        ArtifactError: missing, incomplete, damaged, or not an ML Program.
    """
    if not path.is_dir():
        raise ArtifactError(
            f"{path} {'is a file' if path.exists() else 'does not exist'}; an .mlpackage is a folder. "
            "Unzip it if it is zipped, or export it again."
        )
    try:
        manifest = json.loads(_inside(path, path / "Manifest.json").read_text(encoding="utf-8"))
        entry = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        file = _inside(path, path / "Data" / entry["path"])
        content = file.read_bytes()
    except OSError as error:
        raise _damaged(path, wrong_in_file(error)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, f"Manifest.json: {wrong_in_file(error)}") from error
    model = Model()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise _damaged(path, f"{file.name} is not a Core ML specification") from error
    if not model.HasField("mlProgram"):
        old = any(model.HasField(kind) for kind in _OLD_KINDS)
        kind = "a NeuralNetwork model, Core ML's older format" if old else "not an ML Program"
        raise ArtifactError(
            f"{path} is {kind}; ca-deploy runs ML Programs (iOS 15 and newer). Convert it again with "
            'convert_to="mlprogram", or with ca-deploy export.'
        )
    return Package(path, file.parent, model)


def _inside(package: Path, file: Path) -> Path:
    """The file, if it is one of the package's own: names in a package must not lead out of it, nor through links.

    Raises:
        ArtifactError: it lies elsewhere, or is missing.
    """
    real, shown = file.resolve(), os.path.relpath(file, package)
    if not real.is_relative_to(package.resolve()):
        raise ArtifactError(
            f"{package} refers to a file outside itself ({shown!r}), which ca-deploy does not read. Copy it with "
            "its links resolved, or export it again."
        )
    if not real.is_file():
        raise _damaged(package, f"{shown} is missing")
    return file


def _damaged(path: Path, what: str) -> ArtifactError:
    return ArtifactError(f"{path} is damaged or incomplete ({what}). Export it again, or copy all of it.")
