"""The image files below a folder, links followed, and what else lies there."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ca_deploy.delivery import settle
from ca_deploy.errors import ImageDataError
from ca_deploy.files import other_kind
from ca_deploy.plugins import not_installed

_SUFFIXES = (".avif", ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_HEIF = (".heic", ".heif")  # Pillow opens them by a package of its own


@cache
def _systems_own() -> frozenset[int]:
    """The devices of Linux's /proc, /sys and /dev."""
    return frozenset(Path(place).stat().st_dev for place in ("/proc", "/sys", "/dev") if Path(place).is_mount())


@dataclass(frozen=True, slots=True)
class FolderOfImages:
    """Image files in the order of their paths, and how many files of each other suffix were left out."""

    paths: tuple[Path, ...]
    ignored: Mapping[str, int]

    @property
    def note(self) -> str:
        """What was left out, in a sentence, or ""."""
        if not self.ignored:
            return ""
        listed = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in sorted(self.ignored.items()))
        hint = ""
        if set(self.ignored) & set(_HEIF):
            hint = " For HEIC photos: pip install pillow-heif."
        return f"Left out, because they are no images that Pillow opens: {listed}.{hint}"


def image_suffixes() -> tuple[str, ...]:
    """The suffixes of the files that are taken for images."""
    return _SUFFIXES if not_installed(["pillow_heif"]) else (*_SUFFIXES, *_HEIF)


def images_below(folder: Path) -> FolderOfImages:
    """Links are followed, but no folder is entered twice. Hidden files and folders are passed over.

    Raises:
        ImageDataError: there is no such folder, or no image in it.
    """
    settle(folder)  # finishes what an interrupted `distill` left
    suffixes = image_suffixes()
    if not folder.is_dir():
        what = other_kind(folder) or "is a file"
        raise ImageDataError(f"Image folder {folder} {what}. Pass a folder of {', '.join(suffixes)} files.")
    entered: set[tuple[int, int]] = set()
    _is_new(folder, entered)
    found: list[Path] = []
    ignored: Counter[str] = Counter()
    for place, folders, names in os.walk(folder, followlinks=True):
        seen = (name for name in sorted(folders) if not name.startswith("."))
        folders[:] = [name for name in seen if _is_new(Path(place, name), entered)]
        for name in names:
            path = Path(place, name)
            if name.startswith(".") or not path.is_file():
                continue
            if path.suffix.lower() in suffixes:
                found.append(path)
            else:
                ignored[path.suffix.lower()] += 1
    if not found:
        others = f" It has {sum(ignored.values())} other files." if ignored else ""
        raise ImageDataError(f"Image folder {folder} has no images.{others} Put {', '.join(suffixes)} files into it.")
    return FolderOfImages(tuple(sorted(found)), ignored)


def _is_new(folder: Path, entered: set[tuple[int, int]]) -> bool:
    """Whether the folder exists, was not entered, and is not one of the system's own, whose files are no files."""
    try:
        status = folder.stat()
    except OSError:  # it was removed meanwhile, or may not be read
        return False
    if status.st_dev in _systems_own():
        return False
    key = (status.st_dev, status.st_ino)
    if key in entered:
        return False
    entered.add(key)
    return True
