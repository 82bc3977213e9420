"""Where calibration images come from; :mod:`ca_deploy.data.calibration` reads it from TOML."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ca_deploy.errors import UsageError
from ca_deploy.records.record import record

Source = Literal["folder", "arrays", "scikit-image", "random"]
Domain = Literal["own photos", "own samples", "distilled", "elsewhere", "random"]
_AtLeastOne = Annotated[int, Field(ge=1, le=1_000_000)]


@record
class CalibrationSpec:
    """One calibration TOML: the source of its images, and the number of images in each part.

    ``folder`` and ``file`` (an ``.npz`` or ``.npy`` of samples) are relative to the TOML, and required where ``source``
    is ``"folder"`` or ``"arrays"``.
    """

    name: str
    description: Annotated[str, Field(min_length=1)]
    source: Source
    domain: Domain
    count: _AtLeastOne
    held_out: _AtLeastOne
    folder: Path | None = None
    file: Path | None = None
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0

    def __post_init__(self) -> None:
        if self.source == "folder" and self.folder is None:
            raise UsageError("folder: missing; source = 'folder' needs it (relative to this file).")
        if self.source == "arrays" and self.file is None:
            raise UsageError("file: missing; source = 'arrays' needs it, an .npz or .npy (relative to this file).")
