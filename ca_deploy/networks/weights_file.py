"""The file of trained weights, before it is read."""

from pathlib import Path

from ca_deploy.errors import CheckpointError
from ca_deploy.files import other_kind


def check_place(path: Path, option: str = "--weights") -> None:
    """Reject a path, given with ``option``, that cannot be a file of weights, before anything slow starts.

    Raises:
        CheckpointError: missing, empty, or not a regular file.
    """
    if kind := other_kind(path):
        raise CheckpointError(f"Checkpoint {path} {kind}. Pass the weights file with {option} FILE.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"Checkpoint {path} is empty (0 bytes). Copy it again from its source.")
