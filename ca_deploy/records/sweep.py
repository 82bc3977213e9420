"""A sweep: the file that asks for it, and the record of what came of it."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ca_deploy.errors import UsageError
from ca_deploy.records.model import ModelSource
from ca_deploy.records.parity import Status
from ca_deploy.records.record import record

SCHEMA_VERSION = 1
RECORD_FILE = "sweep.json"

_Count = Annotated[int, Field(ge=1)]
_Threads = Annotated[int, Field(ge=1, le=1024)]  # no device has more cores
_Names = Annotated[tuple[str, ...], Field(min_length=1)]


@record
class ExportOptions:
    """``[export]``: options of ``ca-deploy export`` that apply to every model; ``check``: to files of its format."""

    calibration_count: _Count | None = None
    held_out: _Count | None = None
    batch: _Count = 1
    lowering: str = "default"
    check: tuple[str, ...] = ()


@record
class ProfileOptions:
    """``[profile]``: how every device measures; ``minutes`` of lasting load, with the protocol ``sustained``."""

    protocol: str | None = None
    minutes: _Count | None = None
    threads: Annotated[tuple[_Threads, ...], Field(min_length=1)] = (1,)
    operators: bool = False


@record
class EvaluateOptions:
    """``[evaluate]``: the labelled photos that every file is evaluated on."""

    data: Path


@record
class SweepSpec:
    """SWEEP.toml: every model with every recipe and every calibration set, measured on every device.

    ``calibration`` are names of sets, or paths; without any, each model's own set. Paths are relative to the file.
    """

    model: Annotated[tuple[ModelSource, ...], Field(min_length=1)]
    recipes: _Names
    calibration: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    export: ExportOptions = field(default_factory=ExportOptions)
    profile: ProfileOptions = field(default_factory=ProfileOptions)
    evaluate: EvaluateOptions | None = None


@record
class Cell:
    """One result: a file exported, measured on a device, or evaluated on photos.

    ``file`` is the exported file, ``on`` the device or the photos. ``reason`` says why it failed or was skipped; a
    failed export with ``files`` missed its tolerances, one without could not be made, and the next sweep tries again.
    ``inputs`` is what the result depends on, each by its hash or version, and ``key`` the hash of all of them.
    ``files`` are those of the result, with their sha256; ``seconds`` the time that it took, shared by the recipes of a
    conversion. ``figures`` are the main ones: ``size_bytes``, ``sqnr_db``, ``median_ms``, ``instructions``, ``top1``, …
    """

    file: str
    what: Literal["export", "latency", "accuracy"]
    status: Status
    on: str = ""
    reason: str = ""
    model: str = ""
    recipe: str = ""
    calibration: str = ""
    key: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """They are removed with the result, so that none may lie elsewhere."""
        if elsewhere := [name for name in self.files if name in ("", "..") or Path(name).name != name]:
            raise UsageError(f"files: {', '.join(map(repr, elsewhere[:4]))} is not the name of a file in the folder.")

    @property
    def is_finished(self) -> bool:
        """Whether it has the result of its inputs: it is neither only planned, nor failed before it had a file."""
        return bool(self.key and self.files)

    @property
    def place(self) -> tuple[str, str, str]:
        """What no two cells of a sweep have in common."""
        return self.file, self.what, self.on


@record
class SweepRecord:
    """``sweep.json``: all results in a folder. Those of this sweep come first; others are of earlier ones.

    ``command_line`` is the last command, as it was typed.
    """

    schema_version: int
    ca_deploy_version: str
    cells: tuple[Cell, ...]
    command_line: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return all(cell.status is not Status.FAIL for cell in self.cells)
