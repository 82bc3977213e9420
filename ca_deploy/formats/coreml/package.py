"""Write an ``.mlpackage`` so that two exports are identical, byte for byte."""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

_AUTHOR = "com.apple.CoreML"
_ITEMS = {
    "model.mlmodel": "CoreML Model Specification",
    "weights": "CoreML Model Weights",
}


def save(spec: Any, weights: Path, path: Path) -> None:
    """Write a specification and its folder of weights to the folder ``path``, which must not exist.

    ``MLModel.save`` gives every item a random identifier, does not fix the order of maps in the specification, and
    (coremltools 9) adds a mapping for ExecuTorch's debugger, as large as the specification. The date is omitted too.
    """
    spec.description.metadata.userDefined.pop("com.github.apple.coremltools.conversion_date", None)
    folder = path / "Data" / _AUTHOR
    folder.mkdir(parents=True)
    (folder / "model.mlmodel").write_bytes(spec.SerializeToString(deterministic=True))
    shutil.copytree(weights, folder / "weights", copy_function=shutil.copyfile)
    identifiers = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_AUTHOR}/{name}")).upper() for name in _ITEMS}
    manifest = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {
            identifiers[name]: {
                "author": _AUTHOR,
                "description": description,
                "name": name,
                "path": f"{_AUTHOR}/{name}",
            }
            for name, description in _ITEMS.items()
        },
        "rootModelIdentifier": identifiers["model.mlmodel"],
    }
    # Byte for byte as coremltools writes it, because it rewrites the file whenever it opens the package.
    (path / "Manifest.json").write_text(json.dumps(manifest, indent=4, sort_keys=True) + "\n", encoding="utf-8")
