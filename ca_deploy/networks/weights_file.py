"""The file of trained weights, before it is read."""

from pathlib import Path

from ca_deploy.errors import CheckpointError


def check_place(path: Path) -> None:
    """Reject a path that cannot be a file of weights, before anything slow starts.

    Raises:
        CheckpointError: missing, empty, or a folder.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CheckpointError(f"Checkpoint {path} {what}. Pass the weights file with --weights FILE.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"Checkpoint {path} is empty (0 bytes). Copy it again from its source.")
