"""Paths in a manifest: relative to its folder, so that they say nothing of the exporting machine and move with it."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ca_deploy.records.model import ModelSource


def place_beside(path: Path, folder: Path) -> Path:
    """``path`` as seen from ``folder``; where no relative path leads there (another drive of Windows), its name."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve()))
    except ValueError:
        return Path(path.name)


def place_from(place: Path, folder: Path) -> Path:
    """What :func:`place_beside` described; absolute paths of earlier manifests stay as they are."""
    return Path(os.path.normpath(folder.resolve() / place))


def source_beside(source: ModelSource, folder: Path) -> ModelSource:
    """The source with all its paths as seen from ``folder``."""
    return _with_paths(source, lambda path: place_beside(path, folder))


def source_from(source: ModelSource, folder: Path) -> ModelSource:
    """What :func:`source_beside` described."""
    return _with_paths(source, lambda path: place_from(path, folder))


def _with_paths(source: ModelSource, change: Callable[[Path], Path]) -> ModelSource:
    return replace(
        source,
        model=change(Path(source.model)).as_posix() if source.is_program else source.model,
        weights=change(source.weights) if source.weights is not None else None,
        backbone_weights=change(source.backbone_weights) if source.backbone_weights is not None else None,
        labels=change(source.labels) if source.labels is not None else None,
    )
