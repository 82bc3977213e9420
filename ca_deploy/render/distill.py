"""Distilled images -> blocks."""

from pathlib import Path

from ca_deploy.render.blocks import Line, Page


def page(count: int, size_bytes: int, folder: Path) -> Page:
    """The number of images, their total size, and their folder."""
    return Page((Line(f"{count} images, {size_bytes / 1e6:.1f} MB, in {folder}"),))
