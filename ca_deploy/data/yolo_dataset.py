"""The description of a YOLO dataset: a YAML file with the names of its classes and the places of its photos.

Source: https://docs.ultralytics.com/datasets/detect/ (``path``, ``train``, ``val``, ``test``, ``names``, ``nc``)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ca_deploy.data.folders import images_below
from ca_deploy.errors import ImageDataError, first_line

SUFFIXES = (".yaml", ".yml")
_EXAMPLE = "It needs `val: images/val` and `names: [cat, dog]`, as https://docs.ultralytics.com/datasets/detect/ says."


@dataclass(frozen=True, slots=True)
class YoloDataset:
    """The photos that a dataset is validated on, and the names of its classes in the order of their numbers."""

    photos: tuple[Path, ...]
    names: tuple[str, ...]


def described_in(folder: Path) -> Path | None:
    """The description of a dataset in a folder: its ``data.yaml``, or the only YAML file with names there."""
    found = [path for suffix in SUFFIXES for path in sorted(folder.glob(f"*{suffix}")) if path.is_file()]
    usual = [path for path in found if path.stem == "data"]
    meant = usual or [path for path in found if "names:" in path.read_text("utf-8", errors="replace")]
    return meant[0] if len(meant) == 1 else None


def yolo_dataset(file: Path) -> YoloDataset:
    """Read a description; its paths are relative to its ``path``, which is relative to the file.

    Raises:
        ImageDataError: it is malformed, or has no photos to validate on.
    """
    described = _described(file)
    return YoloDataset(tuple(dict.fromkeys(_photos(file, described))), _names(file, described))


def names_in(file: Path) -> tuple[str, ...]:
    """The names of the classes alone.

    Raises:
        ImageDataError: there are none, or their numbers are not 0, 1, 2, …
    """
    return _names(file, _described(file))


def _names(file: Path, described: dict[str, Any]) -> tuple[str, ...]:
    names, count = described.get("names"), described.get("nc")
    if isinstance(names, dict):
        if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            raise ImageDataError(f"{file}: the numbers of `names` have to be 0 to {len(names) - 1}, each once.")
        names = [name for _, name in sorted(names.items(), key=lambda item: int(item[0]))]
    if not isinstance(names, list) or not names or any(isinstance(name, dict | list) for name in names):
        raise ImageDataError(f"{file} does not name the classes. {_EXAMPLE}")
    if count is not None and count != len(names):
        raise ImageDataError(f"{file} has {len(names)} names, and says nc: {count}. Correct one of them.")
    return tuple(map(str, names))


def _described(file: Path) -> dict[str, Any]:
    import yaml

    try:
        described = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ImageDataError(f"{file} cannot be read as YAML ({first_line(error)}). {_EXAMPLE}") from error
    if not isinstance(described, dict):
        raise ImageDataError(f"{file} does not describe a dataset. {_EXAMPLE}")
    return described


def _photos(file: Path, described: dict[str, Any]) -> Iterator[Path]:
    places = described.get("val") or described.get("test")
    places = [places] if isinstance(places, str) else places
    if not isinstance(places, list) or not places or not all(isinstance(place, str) for place in places):
        raise ImageDataError(f"{file} names no photos to validate on. {_EXAMPLE}")
    root = file.parent / str(described.get("path") or "")
    for place in places:
        # Roboflow writes ../valid/images for what is beside the file.
        tried = [root / place, file.parent / place, file.parent / place.removeprefix("../")]
        found = next((path for path in tried if path.exists()), None)
        if found is None:
            raise ImageDataError(
                f"{file}: {place} is not at {tried[0]}. Correct `path` and `val`, which are relative to the file."
            )
        yield from images_below(found).paths if found.is_dir() else _listed(found)


def _listed(file: Path) -> Iterator[Path]:
    """The photos in a text file, one per line, relative to it."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ImageDataError(f"{file} is not a list of photos ({first_line(error)}). Name a folder or list.") from error
    for line in lines:
        path = file.parent / line
        if not path.is_file():
            raise ImageDataError(f"{file} lists {line}, which is not at {path}. Paths are relative to the list.")
        yield path
