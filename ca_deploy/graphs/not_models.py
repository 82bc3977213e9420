"""Files that are taken for models, or are models under another name: what each is, and what to do about it."""

from pathlib import Path

from ca_deploy.errors import ArtifactError
from ca_deploy.graphs.readers import by_suffix

_POINTER = b"version https://git-lfs"
_ORT_FORMAT = "is in ORT format, which only ONNX Runtime reads. Name the .onnx file from which it was made"
_OTHERS = {
    ".lite": "is a TFLite model under an old suffix. Rename it to .tflite",
    ".tfl": "is a TFLite model under another suffix. Rename it to .tflite",
    ".ort": _ORT_FORMAT,
    ".mlmodel": "is a Core ML model of the older kind. Convert it to an .mlpackage in Xcode",
}


def refuse_others(path: Path) -> None:
    """Refuse what has a kind of its own; every command that takes a model file asks this first.

    Raises:
        ArtifactError: a suffix in upper case, or of a related format; a pointer of git-lfs; a model in ORT format.
    """
    lower = path.suffix.lower()
    if lower in _OTHERS:
        raise ArtifactError(f"{path} {_OTHERS[lower]}.")
    if lower not in by_suffix():
        return
    if path.suffix != lower:
        raise ArtifactError(f"{path} has its suffix in capitals. Rename it to {path.stem}{lower}.")
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
    if start == _POINTER:
        raise ArtifactError(f"{path} is a pointer of git-lfs, not the model. Fetch the model: git lfs pull")
    if start[4:8] == b"ORTM":
        raise ArtifactError(f"{path} {_ORT_FORMAT}.")
