"""Files that people take for weights: told by their first bytes, or their name, before PyTorch fails on them."""

from pathlib import Path

from ca_deploy.errors import CheckpointError

_MODELS = (".onnx", ".tflite", ".mlpackage", ".engine", ".pb", ".param")


def refused_foreign(path: Path) -> CheckpointError | None:
    """The error for a file that is known to be something else than weights of PyTorch; None for any other."""
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"version https://git-lfs"):
        return CheckpointError(f"Checkpoint {path} is a Git LFS pointer, not the weights. Fetch them: git lfs pull.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return CheckpointError(f"Checkpoint {path} is a web page, not weights: the download failed. Fetch it again.")
    if start.startswith(b"\x89HDF"):
        return CheckpointError(
            f"Checkpoint {path} is an HDF5 file, as Keras writes it, not weights of PyTorch. Pass those of the PyTorch "
            "network."
        )
    if path.suffix == ".npz":
        return CheckpointError(
            f"Checkpoint {path} contains arrays of numpy. Save them as tensors once:",
            "    import numpy, torch",
            f"    arrays = numpy.load({str(path)!r})",
            f"    torch.save({{key: torch.from_numpy(arrays[key]) for key in arrays}}, '{path.stem}.pth')",
            f"and pass that file: --weights {path.stem}.pth",
        )
    if path.suffix in _MODELS:
        return CheckpointError(
            f"Checkpoint {path} is an exported model, not weights of PyTorch. Pass those that it was exported from."
        )
    return None
