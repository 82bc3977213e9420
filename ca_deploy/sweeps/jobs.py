"""The jobs of a sweep: what a worker gets, and what it gives back. Files travel as bytes, in both directions.

A job reads the user's own files (weights, photos, code) where the client does, and refuses them if their content is
another than the client's.
"""

import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ca_deploy.errors import CaDeployError, ExportFailed, UsageError
from ca_deploy.latency.jobs import Wishes
from ca_deploy.pipeline.request import ExportRequest
from ca_deploy.progress import NamedStep
from ca_deploy.records.codec import to_json
from ca_deploy.records.devices import DeviceInfo
from ca_deploy.records.latency import LatencyReport
from ca_deploy.records.manifest import Manifest, manifest_path
from ca_deploy.records.parity import Status
from ca_deploy.sweeps import identity

Contents = Mapping[str, bytes]  # by path from the folder, "/" between its parts


@dataclass(frozen=True, slots=True)
class Made:
    """What a job made for one cell, or why not. ``reason`` may name files in ``folder``, which is gone by now.

    ``manifest`` is that of an exported file, whose paths are still those from ``folder``; ``log`` is kept in any case.
    ``value`` is what is no file.
    """

    status: Status
    reason: str = ""
    contents: Contents = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    log: Contents = field(default_factory=dict)
    manifest: Manifest | None = None
    folder: str = ""
    seconds: float = 0.0
    value: Any = None


class Job(Protocol):
    """What a worker carries out, in a temporary ``folder``; the result has one entry per cell.

    A ``CaDeployError`` is the result of all cells.
    """

    def run(self, folder: Path, step: NamedStep) -> list[Made]: ...


@dataclass(frozen=True, slots=True)
class ExportJob:
    """Convert with all recipes of one format, which share the conversion. ``inputs`` are those of the whole job."""

    request: ExportRequest
    inputs: Mapping[str, str]

    def run(self, folder: Path, step: NamedStep) -> list[Made]:
        from ca_deploy.pipeline.export import Export, export

        made: dict[str, Export] = {}
        failures: Mapping[str, CaDeployError] = {}
        try:
            refuse_others(self.inputs, inputs_of_export(self.request))
            made = {done.manifest.recipe.name: done for done in export(replace(self.request, output=folder), step)}
        except ExportFailed as error:
            made, failures = {done.manifest.recipe.name: done for done in error.exports}, error.failures
        except CaDeployError as error:
            failures = {recipe.name: error for recipe in self.request.recipes}
        return [
            self._exported(made[recipe.name].manifest, folder)
            if recipe.name in made
            else Made(
                Status.FAIL,
                str(failures[recipe.name]),
                log=read(folder, [self.request.log(recipe).name]),
                folder=str(folder),
            )
            for recipe in self.request.recipes
        ]

    def _exported(self, manifest: Manifest, folder: Path) -> Made:
        file = folder / manifest.file
        names = [path.name for path in folder.iterdir() if path.with_suffix("") == file.with_suffix("")]
        names.remove(manifest_path(file).name)  # it is written again, with paths as seen from where it will be
        parity = manifest.parity
        status, reason = parity.status, parity.reason or ""
        if manifest.lowering.not_proved:
            status, reason = Status.FAIL, "A rewrite of attention was not proved."
        figures = {
            "size_bytes": manifest.size_bytes,
            "float32_size_bytes": manifest.float32_size_bytes,
            "sqnr_db": parity.sqnr_db,
            "max_abs_error": parity.max_abs_error,
            "agreement": parity.agreement,
        }
        known = {name: float(value) for name, value in figures.items() if value is not None and math.isfinite(value)}
        return Made(status, reason, read(folder, names), known, manifest=manifest, folder=str(folder))


def inputs_of_export(request: ExportRequest) -> dict[str, str]:
    """What a conversion depends on, beside its recipe."""
    lowering = Path(request.lowering)
    options = [request.calibration_count, request.held_out, request.batch]
    return {
        **identity.of_network(request.source),
        "calibration": identity.of_calibration(request.calibration, request.source),
        "export": identity.of_text(to_json(options)),
        **({"check": ", ".join(request.targets)} if request.targets else {}),
        "lowering": identity.of_path(lowering) if lowering.suffix == ".toml" else request.lowering,
    }


@dataclass(frozen=True, slots=True)
class LatencyJob:
    """Measure an exported file, which is to be called ``shown`` in the report, on a device, which is to be ``info``."""

    file: str
    shown: str
    contents: Contents
    device: str
    info: DeviceInfo
    wishes: Wishes
    report_name: str

    def run(self, folder: Path, step: NamedStep) -> list[Made]:
        from ca_deploy.latency.session import profile_on

        write(folder, self.contents)
        report = profile_on(self.device, [folder / self.file], self.wishes, step=partial(step, ""))
        if report.failures:
            return [Made(Status.FAIL, " ".join(report.failures.values()), folder=str(folder))]
        if report.device != self.info:
            reason = f"{self.device} is another device here than at the start of the sweep. One worker has to offer it."
            return [Made(Status.FAIL, reason)]
        found = replace(report, measurements=tuple(replace(one, file=self.shown) for one in report.measurements))
        return [Made(Status.PASS, "", {self.report_name: to_json(found).encode()}, _latencies(found))]


def _latencies(report: LatencyReport) -> dict[str, float]:
    figures = {}
    for one in report.measurements:
        threads = f", {one.threads} threads" if one.threads > 1 else ""
        if one.instructions is not None:
            figures[f"instructions{threads}"] = float(one.instructions.total)
        if one.statistics is not None:
            headline = f"{report.protocol.headline}_ms"
            figures[f"{headline}{threads}"] = float(getattr(one.statistics, headline))
    return figures


@dataclass(frozen=True, slots=True)
class AccuracyJob:
    """Evaluate an exported file on labelled photos, whose content is ``inputs``, as ``command_line`` would."""

    file: str
    contents: Contents
    data: Path
    inputs: Mapping[str, str]
    command_line: tuple[str, ...]
    report_name: str

    def run(self, folder: Path, step: NamedStep) -> list[Made]:
        from ca_deploy.evaluation.accuracy import evaluate_predictor, scoring_of
        from ca_deploy.evaluation.predictor import open_predictor

        write(folder, self.contents)
        refuse_others(self.inputs, {"data": identity.of_data(self.data)})
        predictor = open_predictor(folder / self.file, None, 1, None)
        step("", f"evaluating on {self.data.name}")
        report = evaluate_predictor(predictor, scoring_of(predictor).read(self.data, predictor.labels))
        report = replace(report, command_line=self.command_line)
        return [Made(Status.PASS, "", {self.report_name: to_json(report).encode()}, dict(report.figures))]


@dataclass(frozen=True, slots=True)
class DeviceJob:
    """Ask a device what it is; ``Made.value`` is the answer, a :class:`~ca_deploy.records.devices.DeviceInfo`."""

    device: str

    def run(self, folder: Path, step: NamedStep) -> list[Made]:
        from ca_deploy.devices import open_device

        step("", "looking for it")
        with open_device(self.device) as opened:
            return [Made(Status.PASS, value=opened.probe())]


def write(folder: Path, contents: Contents) -> None:
    """Write files into a folder."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read(folder: Path, names: Iterable[str]) -> Contents:
    """The content of the files of these names, and of all files in folders of these names."""
    found: dict[str, bytes] = {}
    for top in (folder / name for name in sorted(names)):
        inner = sorted(path for path in top.rglob("*") if path.is_file()) if top.is_dir() else [top]
        found |= {path.relative_to(folder).as_posix(): path.read_bytes() for path in inner if path.is_file()}
    return found


def refuse_others(expected: Mapping[str, str], found: Mapping[str, str]) -> None:
    """
    Raises:
        UsageError: the worker sees other inputs than the client.
    """
    if other := [name for name in expected if found.get(name) != expected[name]]:
        raise UsageError(
            f"The worker on {platform.node()} in {Path.cwd()} sees another {', '.join(other)} than the client, or it "
            "was changed during the sweep. Give all machines the same files at the same paths. Where the network is "
            "your own code, start the workers in the folder in which you start the sweep, or put that of the code on "
            "their PYTHONPATH. Then run the sweep again."
        )
