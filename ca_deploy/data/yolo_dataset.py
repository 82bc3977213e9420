"""The description of a YOLO dataset: a YAML file with the names of its classes and the places of its photos.

Source: https://docs.ultralytics.com/datasets/detect/ (``path``, ``train``, ``val``, ``test``, ``names``, ``nc``)
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ca_deploy.data.folders import image_suffixes, images_below
from ca_deploy.errors import ImageDataError, first_line, listed

SUFFIXES = (".yaml", ".yml")
_PARTS = ("val", "test")  # the first that is there
_MOST_BYTES = 1_000_000  # of a description that is looked for; LVIS's, of 1203 classes, has 50 kB
_EXAMPLE = "It needs `val: images/val` and `names: [cat, dog]`, as https://docs.ultralytics.com/datasets/detect/ says."


@dataclass(frozen=True, slots=True)
class YoloDataset:
    """What a ``file`` says: text, lists and mappings. Its paths are relative to its ``path``, and that to the file."""

    file: Path
    content: Mapping[str, Any]

    @property
    def names_photos(self) -> bool:
        """Whether it says which photos to validate on."""
        return any(map(self.content.get, _PARTS))

    def names(self) -> tuple[str, ...]:
        """The classes in the order of their numbers.

        Raises:
            ImageDataError: there are none, one comes twice, or their numbers are not 0, 1, 2, …
        """
        names, count = self.content.get("names"), self.content.get("nc")
        if isinstance(names, dict):
            numbers = [str(number) for number in range(len(names))]
            if set(names) != set(numbers):
                raise ImageDataError(
                    f"{self.file}: the numbers of `names` have to be 0 to {len(names) - 1}, each once."
                )
            names = [names[number] for number in numbers]
        if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
            raise ImageDataError(f"{self.file} does not name the classes. {_EXAMPLE}")
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise ImageDataError(
                f"{self.file} names several classes alike: {listed(twice)}. Give each a name of its own."
            )
        if isinstance(count, str) and count != str(len(names)):
            raise ImageDataError(f"{self.file} has {len(names)} names, and says nc: {count[:20]}. Correct one of them.")
        return tuple(names)

    def photos(self) -> tuple[Path, ...]:
        """Those to validate on, each once.

        Raises:
            ImageDataError: there are none.
        """
        return tuple({photo.resolve(): photo for photo in self._photos()}.values())

    def _photos(self) -> Iterator[Path]:
        places = next(filter(None, map(self.content.get, _PARTS)), None)
        places = [places] if isinstance(places, str) else places
        root = self.content.get("path") or ""
        if not isinstance(places, list) or not all(isinstance(place, str) for place in (*places, root)):
            raise ImageDataError(f"{self.file} names no photos to validate on. {_EXAMPLE}")
        folder = self.file.parent
        for place in places:
            # Roboflow writes ../valid/images for what is beside the file.
            tried = [folder / root / place, folder / place, folder / place.removeprefix("../")]
            found = next(filter(_is_there, tried), None)
            if found is None:
                hint = " Write / in paths." if "\\" in place else ""
                raise ImageDataError(
                    f"{self.file}: {place[:200]} is no folder, and no list of photos, at {str(tried[0])[:400]}.{hint} "
                    "Correct `path` and `val`, which are relative to the file."
                )
            yield from images_below(found).paths if found.is_dir() else _listed(found)


def yolo_dataset(file: Path) -> YoloDataset:
    """
    Raises:
        ImageDataError: the file is no description.
    """
    content = _parsed(file)
    if not isinstance(content, dict):
        raise ImageDataError(f"{file} does not describe a dataset. {_EXAMPLE}")
    return YoloDataset(file, content)


def dataset_in(folder: Path) -> YoloDataset | None:
    """The one that a file in a folder describes, whatever its name: YAML with ``names`` and photos.

    Raises:
        ImageDataError: there are several, or a ``data.yaml`` is malformed.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.stat().st_size <= _MOST_BYTES:
            try:
                content = _parsed(path)
            except ImageDataError:
                if path.stem == "data":
                    raise
                continue  # some other YAML
            if isinstance(content, dict) and "names" in content and any(part in content for part in ("train", *_PARTS)):
                found.append(YoloDataset(path, content))
    if len(found) > 1:
        names = listed([one.file.name for one in found])
        raise ImageDataError(f"Folder {folder} has several descriptions of a dataset: {names}. Pass the one to use.")
    return found[0] if found else None


def _parsed(file: Path) -> Any:
    import yaml

    try:
        # Strings alone: a class may be called no, 01 or 1:30.
        return yaml.load(file.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise ImageDataError(f"{file} cannot be read as YAML ({first_line(error)}). {_EXAMPLE}") from error


def _is_there(path: Path) -> bool:
    try:
        return path.is_dir() or path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a NUL
        return False


def _listed(file: Path) -> Iterator[Path]:
    """The photos in a text file, one per line, relative to it."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ImageDataError(f"{file} is not a list of photos ({first_line(error)}). Name a folder or list.") from error
    if not lines:
        raise ImageDataError(f"{file} lists no photos. Write the path of one on each line, or name a folder.")
    for line in lines:
        path = file.parent / line
        if not _is_there(path) or path.suffix.lower() not in image_suffixes():
            raise ImageDataError(
                f"{file} lists {line[:200]!r}, and that is no photo at {str(path)[:400]}. Paths are relative to the "
                "list."
            )
        yield path
