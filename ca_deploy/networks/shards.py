"""Weights in several files with an index beside them, ``model.safetensors.index.json``, as Hugging Face saves them."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from ca_deploy.errors import CheckpointError, shown, wrong_in_file
from ca_deploy.files import sha256_of

INDEX = ".index.json"
_MOST_INDEX_BYTES = 64 * 2**20


def refused_shard(path: Path) -> CheckpointError | None:
    """The error for one shard of several; None for any other file."""
    part = re.search(r"^(.+)-\d{5}-of-(\d{5})(\.\w+)$", path.name)
    if part is None or int(part[2]) < 2:
        return None
    index = path.with_name(f"{part[1]}{part[3]}{INDEX}")
    return CheckpointError(
        f"Checkpoint {path} is one of {int(part[2])} files with the weights. Pass their index, which lies beside them: "
        f"--weights {index}"
    )


def shards_of(index: Path) -> list[Path]:
    """The files that an index names, which lie beside it.

    Raises:
        CheckpointError: the index is damaged, or a file is missing.
    """
    try:
        if index.stat().st_size > _MOST_INDEX_BYTES:
            raise ValueError("it is too large")
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if not names or any(not name or Path(name).name != name for name in names):
            raise ValueError("it names no files beside it")
        paths = [index.with_name(name) for name in names]
        missing = [path.name for path in paths if not path.is_file()]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"Checkpoint {index} is not an index of weights ({wrong_in_file(error)}). Copy it again, or pass "
            "the weights in one file."
        ) from error
    if missing:
        raise CheckpointError(
            f"Checkpoint {index} needs {', '.join(map(shown, missing[:4]))} beside it. Copy all of its files."
        )
    return paths


def read_shards(paths: list[Path], read: Callable[[Path], object]) -> tuple[dict[str, object], str]:
    """The entries of all files together, and one SHA-256 for their contents."""
    content: dict[str, object] = {}
    digest = hashlib.sha256()
    for path in paths:
        held = read(path)
        if not isinstance(held, dict):
            raise CheckpointError(f"Checkpoint {path} contains a {type(held).__name__}, not a dictionary of weights.")
        content |= held
        digest.update(sha256_of(path).encode())
    return content, digest.hexdigest()
