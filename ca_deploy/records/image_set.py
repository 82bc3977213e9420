"""Which images a file was calibrated and compared on, so that they can be found again."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from ca_deploy.records.calibration import Domain, Source
from ca_deploy.records.record import record


@record
class ImageSet:
    """The images of both parts: their sha256 by name. It is the last key of a manifest, because it is long.

    A name is the path in the folder, or the number of a sample or of a generated image. ``place`` is the folder or file
    of a user's set, relative to the manifest; None is a set that ships with ca-deploy, or is made anew from ``seed``.
    ``calibration`` is empty where none was needed. ``white_of_integers`` and ``white_of_floats`` are the values of
    white in photos of more than 8 bits, where there are some. Manifests before schema version 4 know no ``source``, and
    images by their sha256 only.
    """

    name: str
    source: Source | None
    domain: Domain | None = None
    place: Path | None = None
    seed: int = 0
    white_of_integers: float | None = None
    white_of_floats: float | None = None
    calibration: Mapping[str, str] = dataclasses.field(default_factory=dict)
    held_out: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def label(self) -> str:
        """What a report calls it: ``photos/``, ``samples.npz``, or the name of a shipped set."""
        if self.place is None:
            return self.name
        name = self.place.name if self.place.name not in ("", "..") else self.name
        return f"{name}/" if self.source == "folder" else name
