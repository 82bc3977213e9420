"""Every kind of file that ca-deploy reads: good ones, and how they are read."""

import random
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.fuzz import good_files, good_models, lines, structures, sweeps
from tests.fuzz.good_files import Files
from tests.fuzz.printed import printed

if TYPE_CHECKING:
    from ca_deploy.devices._marks import Heard

# Without this, models are opened without the trial in a process of its own, which takes longer than all else.
careful = False


@dataclass(frozen=True, slots=True)
class Subject:
    """``good`` makes sets of files by name; what ends in ``target`` is damaged; ``read`` reads it, and returns what a
    user sees of it, if anything.

    ``gates`` are the functions or modules that refuse what is not such a file at all; what gets past them is inside.
    ``own`` damages a set in the terms of its kind. ``opened`` is the file to read, where another one may be damaged.
    """

    good: Callable[[], list[Files]]
    target: str
    read: Callable[[Path], Iterable[str] | None]
    gates: tuple[str, ...]
    own: Callable[[Files, random.Random], None] | None = None
    opened: str = ""


def _session(path: Path) -> None:
    from ca_deploy.errors import CaDeployError
    from ca_deploy.runtimes import open_session

    session = open_session(path, known=not careful)
    feeds = {}
    for spec in session.inputs:
        shape = tuple(max(1, side) for side in spec.shape)
        if np.prod(shape, dtype=float) > 1e7:
            raise CaDeployError("larger than what is fed here")
        feeds[spec.name] = np.zeros(shape, spec.dtype)
    session.run(feeds)


def _check(path: Path) -> list[str]:
    """On every target, in this process unless it is done carefully; the report as text."""
    from ca_deploy.compat import check
    from ca_deploy.graphs import read
    from ca_deploy.records.codec import to_json
    from ca_deploy.render import compat
    from ca_deploy.targets import Request, find_target, targets_for

    if careful:
        reports = check.check(path)
    else:
        graph, reports = read(path), []
        for name in targets_for(path):
            target, level = find_target(name)
            request = Request(name, path, graph, level, lambda _: None, lambda _: "")
            reports.append(check._unless_refused(target, path, request.risk, target.load_checker()(request)))
    to_json([report.record(all_nodes=True) for report in reports])
    return [printed(compat.page(reports, all_nodes=True))]


def _program(path: Path) -> None:
    from ca_deploy import programs

    programs.load(path)


def _weights(path: Path) -> None:
    from ca_deploy.networks.checkpoint import load_weights, read_checkpoint

    load_weights(good_files.network(), read_checkpoint(path))


def _described(path: Path) -> None:
    from ca_deploy.evaluation.predictor import open_predictor
    from ca_deploy.records.samples import Samples

    predictor = open_predictor(path.with_suffix(".onnx"))
    shapes = {taken.name: taken.pixels_shape or taken.shape[1:] for taken in predictor.signature.inputs}
    if sum(float(np.prod(shape, dtype=float)) for shape in shapes.values()) < 1e6:
        arrays = {name: np.zeros((2, *shape), np.uint8) for name, shape in shapes.items()}
        predictor.run(Samples(arrays, ("a", "b")))


def _recipe(path: Path) -> None:
    from ca_deploy.recipes import load_recipe

    load_recipe(str(path))


def _calibration(path: Path) -> None:
    from ca_deploy.data.calibration import load_calibration, load_spec
    from ca_deploy.records.preprocessing import Preprocessing
    from tests.samples import signature_of

    load_calibration(load_spec(str(path)), signature_of(Preprocessing(8, 8)))


def _report(path: Path) -> None:
    from ca_deploy.latency.regression import compare_reports
    from ca_deploy.records.latency import read_report

    found = read_report(path)
    compare_reports(found, found, 5.0)


def _array(path: Path) -> None:
    from ca_deploy.data import arrays
    from ca_deploy.data.array_file import values_of
    from ca_deploy.records.preprocessing import Preprocessing
    from tests.samples import signature_of

    arrays.wishes_of(path)
    values_of(path, list(arrays.described(path, ["image"]).values()))
    arrays.load(path, signature_of(Preprocessing(8, 8)))


def _picture(path: Path) -> None:
    from ca_deploy.data.bit_depth import bit_depth
    from ca_deploy.data.images import open_rgb
    from ca_deploy.records.preprocessing import Preprocessing

    bit_depth([path])
    Preprocessing(8, 8).to_pixels(open_rgb(path))


def _labels(path: Path) -> None:
    from ca_deploy.networks.labels import labels_of
    from ca_deploy.records.model import ModelSource

    labels_of(ModelSource(labels=path), {})


def _boxes(path: Path) -> None:
    from ca_deploy.data.labelled_boxes import labelled_boxes

    for truth in labelled_boxes(path, ["cat", "dog"]).truth:
        truth.in_pixels((80, 40))


def _masks(path: Path) -> None:
    from ca_deploy.data.masks import labelled_masks

    for truth in labelled_masks(path, ["cat", "dog"], None).truth:
        truth.read((4, 3))


def _colours(path: Path) -> None:
    from ca_deploy.data.colour_table import read_colours

    read_colours(path)


def _bundle(path: Path) -> None:
    from pytest import MonkeyPatch

    from ca_deploy.files import sha256_of_bytes
    from ca_deploy.native import bundle, libraries

    with MonkeyPatch.context() as patch:
        for runtime, content in good_files.library_files().items():
            small = replace(libraries.LIBRARIES[runtime], sha256=sha256_of_bytes(content), size_bytes=len(content))
            patch.setitem(libraries.LIBRARIES, runtime, small)
        patch.setenv("CA_DEPLOY_CACHE", str(path.parent / "cache"))
        for runtime in good_files.library_files():
            bundle._from_bundle(path, runtime)


def _answer(path: Path) -> None:
    from ca_deploy.latency import runner_output
    from ca_deploy.records.devices import Completed

    content = path.read_bytes()
    parse = runner_output.parse if b"invoke_ns" in content else runner_output.parse_operators
    parse(Completed(0, content, b""), "x.onnx", "a phone")


class _Told:
    """A link whose device answers a script with a file, whole, cut off, or between other lines."""

    name, base = "a phone", "/nowhere"
    python: str | None = None

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, script: str) -> "subprocess.Popen[bytes]":
        (nonce,) = re.findall(r"^m=(\w+)$", script, re.MULTILINE)
        content = self.path.read_bytes()
        chance = random.Random(content)
        begin, end = f"ca-deploy-begin-{nonce}\n".encode(), f"ca-deploy-end-{nonce}\n".encode()
        said = chance.choice((b"", b"", b"motd\r\n", begin[:-3], b"\xff" * 99)) + begin + content + end
        said = chance.choice(
            (said, said, said, said, said[: chance.randrange(len(said))], said.replace(b"\n", b"\r\n"))
        )
        self.path.with_name("said").write_bytes(said)
        pipe = subprocess.PIPE
        return subprocess.Popen(["cat", str(self.path.with_name("said"))], stdin=pipe, stdout=pipe, stderr=pipe)

    watch = start

    def send(self, files: Sequence[Path], folder: str, timeout_s: float) -> None: ...
    def fetch(self, remote: str, local: Path, timeout_s: float) -> None: ...
    def close(self) -> None: ...

    def explain(self, heard: "Heard") -> str:
        return f"{self.name} did not answer. It printed: {heard.printed}"


def _probe(path: Path) -> list[str]:
    from ca_deploy.devices._link import ask
    from ca_deploy.devices._shell import read_conditions, read_probe
    from ca_deploy.records.codec import to_json

    answer = ask(_Told(path), "echo", 20).decode(errors="replace")
    info, now = read_probe("adb:1", answer), read_conditions(answer)
    to_json([info, now])
    return [info.model, info.os, info.architecture, *info.cpu_features[:9], *(now.governors or ())[:9]]


def _phones(path: Path) -> list[str]:
    from pytest import MonkeyPatch

    from ca_deploy.devices import adb
    from ca_deploy.render import devices

    program = path.with_name("adb")
    program.write_text(f"#!/bin/sh\nexec cat '{path}'\n")
    program.chmod(0o755)
    with MonkeyPatch.context() as environment:
        environment.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
        found = adb._discover()
        if found:
            adb._open(found[0].name.partition(":")[2], False)
    return [printed(devices.page(found))]


_JSON, _TOML = ("ca_deploy.records.codec.parse_json",), ("ca_deploy.records.codec.parse_toml",)
_PT2, _MIL = ("ca_deploy.programs.archive.",), ("ca_deploy.mil.package.read_package",)
_PICKLE = ("ca_deploy.networks.checkpoint._read_torch",)
_SAFE = ("ca_deploy.networks.checkpoint._read_safetensors",)
SUBJECTS = {
    "ONNX": Subject(good_models.models_onnx, ".onnx", _session, ("ca_deploy.runtimes.onnxruntime.open_file",)),
    "TFLite": Subject(good_models.models_tflite, ".tflite", _session, ("ca_deploy.runtimes._tflite_interpreter.",)),
    "Core ML": Subject(good_models.packages, "", _session, _MIL),
    "check ONNX": Subject(good_models.models_onnx, ".onnx", _check, ("ca_deploy.graphs.onnx.load",)),
    "check TFLite": Subject(good_models.models_to_check, ".tflite", _check, ("ca_deploy.graphs.tflite.load",)),
    "check Core ML": Subject(good_models.packages, "", _check, _MIL),
    "check program": Subject(good_models.programs, ".pt2", _check, _PT2, structures.program),
    "program": Subject(good_models.programs, ".pt2", _program, _PT2, structures.program),
    "checkpoint": Subject(good_files.checkpoints, ".pth", _weights, _PICKLE, structures.checkpoint),
    "safetensors": Subject(good_files.safetensors, ".safetensors", _weights, _SAFE, structures.header),
    "index of shards": Subject(
        *(good_files.shards, "", _weights, ("json.", *_SAFE), structures.shards), opened="x.safetensors.index.json"
    ),
    "manifest": Subject(good_files.manifests, ".json", _described, _JSON),
    "recipe": Subject(good_files.recipes, ".toml", _recipe, _TOML, lines.toml),
    "calibration set": Subject(good_files.calibrations, ".toml", _calibration, _TOML, lines.toml),
    "sweep": Subject(good_files.sweeps, ".toml", sweeps.asked, _TOML, lines.toml),
    "record of a sweep": Subject(good_files.sweep_records, "sweep.json", sweeps.recorded, _JSON),
    "latency report": Subject(good_files.reports, ".json", _report, _JSON),
    "samples": Subject(good_files.samples, ".npz", _array, ("zipfile.", "zlib."), structures.arrays),
    "array": Subject(good_files.one_array, ".npy", _array, ("numpy.lib.format.",), structures.arrays),
    "image": Subject(good_files.pictures, "", _picture, ("PIL.Image.open",), structures.pictures),
    "labels": Subject(good_files.label_files, ".txt", _labels, ("codecs.", "encodings.")),
    "boxes": Subject(good_files.boxes, ".json", _boxes, _JSON),
    "masks": Subject(good_files.masks, ".toml", _masks, _TOML, lines.toml),
    "colours": Subject(good_files.colour_tables, ".colours", _colours, ("codecs.", "encodings.")),
    "bundle": Subject(good_files.bundles, ".zip", _bundle, ("zipfile.",), structures.bundle),
    "runner's answer": Subject(good_files.answers, ".json", _answer, _JSON),
    "device's answer": Subject(good_files.probes, ".probe", _probe, ("tests.fuzz.subjects._Told",), lines.of_a_device),
    "list of phones": Subject(good_files.lists_of_phones, ".list", _phones, ()),
}
