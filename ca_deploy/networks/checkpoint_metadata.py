"""The JSON metadata of a native checkpoint: labels, preprocessing, width, author, licence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from ca_deploy.errors import CheckpointError, wrong_in_file
from ca_deploy.records.preprocessing import Fit


def parse(text: str, path: Path) -> dict[str, Any]:
    """The metadata of checkpoint ``path``, with the types of all known entries checked.

    Raises:
        CheckpointError: not JSON, or an entry of the wrong type, which is named.
    """
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _strange(path, f"it is not JSON, {wrong_in_file(error)}", text) from error
    if not isinstance(metadata, dict):
        raise _strange(path, "it is not a dictionary", metadata)
    carried = {entry: value for entry, value in metadata.items() if value is not None}
    for entry, (expected, fits) in _ENTRIES.items():
        if entry in carried and not fits(carried[entry]):
            raise _strange(path, f"{entry} is not {expected}", carried[entry])
    return carried


def _strange(path: Path, what: str, found: object) -> CheckpointError:
    return CheckpointError(
        f"Checkpoint {path} has metadata ('ca_deploy') that ca-deploy did not write: {what} ({found!r:.80}). "
        "Save the weights again with save_checkpoint, or without this metadata, and pass its content by flags."
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_labels(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_preprocessing(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    triples = [value[name] for name in ("mean", "std") if name in value]
    return value == {} or (
        _is_positive(value.get("resize"))
        and _is_size(value.get("crop"))
        and value.get("fit", "crop") in get_args(Fit)
        and all(
            isinstance(numbers, list) and len(numbers) == 3 and all(map(_is_number, numbers)) for numbers in triples
        )
    )


def _is_size(value: object) -> bool:
    """One number, or height and width."""
    return _is_positive(value) or (isinstance(value, list) and len(value) == 2 and all(map(_is_positive, value)))


_ENTRIES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "labels": ("a list of names", _are_labels),
    "preprocessing": ("resize and crop in pixels, a fit, and three numbers each for mean and std", _is_preprocessing),
    "width": ("a positive number", _is_positive),
    "author": ("a string", _is_text),
    "licence": ("a string", _is_text),
}
