"""The class folders of an ImageFolder tree, ``root/<class>/<photo>``."""

from pathlib import Path

from ca_deploy.errors import ImageDataError
from ca_deploy.files import other_kind


def class_folders(root: Path) -> list[str]:
    """Their names in sorted order, as in torchvision's ImageFolder. Hidden ones are passed over.

    Raises:
        ImageDataError: ``root`` is missing, or has none.
    """
    if not root.is_dir():
        what = other_kind(root) or "is a file"
        raise ImageDataError(f"Data folder {root} {what}. Pass a folder with one folder of photos per class.")
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not folders:
        raise ImageDataError(f"Data folder {root} has no class folders. Arrange it as {root.name}/<class>/<photo>.jpg.")
    return folders
