"""The class folders of an ImageFolder tree, ``root/<class>/<photo>``."""

from collections.abc import Sequence
from pathlib import Path

from ca_deploy.data.folders import images_below
from ca_deploy.data.labelled import LabelledPhotos
from ca_deploy.errors import ImageDataError, listed
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


def labelled_by_class(root: Path, labels: Sequence[str] | None) -> LabelledPhotos[int]:
    """Read an ImageFolder tree; the truth of a photo is the index of its class.

    ``labels`` are the model's, in the order of its outputs; without them, the classes are the folders in sorted order,
    as in torchvision's ImageFolder.

    Raises:
        ImageDataError: ``root`` has no class folders, or a folder that is not one of the model's classes.
    """
    folders = class_folders(root)
    order = tuple(labels or folders)
    strangers = sorted(set(folders) - set(order))
    if strangers:
        raise ImageDataError(
            f"Data folder {root} has classes that the model does not know: {listed(strangers)}. "
            f"The model knows {listed(order, 12)}. Rename the folders, or pass --labels."
        )
    pairs = [(path, order.index(folder)) for folder in folders for path in images_below(root / folder).paths]
    return LabelledPhotos(root, tuple(path for path, _ in pairs), [target for _, target in pairs], order)
