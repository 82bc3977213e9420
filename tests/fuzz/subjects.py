"""Every kind of file that ca-deploy reads: good ones, and how they are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.fuzz import good_files
from tests.fuzz.good_files import Files

# Without this, models are opened without the trial in a process of its own, which takes longer than all else.
careful = False


@dataclass(frozen=True, slots=True)
class Subject:
    """``good`` makes sets of files by name; what ends in ``target`` is damaged; ``read`` reads it."""

    good: Callable[[], list[Files]]
    target: str
    read: Callable[[Path], object]


def _graph_and_session(path: Path) -> None:
    from ca_deploy.errors import CaDeployError
    from ca_deploy.graphs import read
    from ca_deploy.runtimes import open_session

    refusal = None
    try:
        read(path)
    except CaDeployError as error:
        refusal = error
    session = open_session(path, known=not careful)
    feeds = {}
    for spec in session.inputs:
        shape = tuple(max(1, side) for side in spec.shape)
        if np.prod(shape, dtype=float) > 1e7:
            raise refusal or CaDeployError("larger than what is fed here")
        feeds[spec.name] = np.zeros(shape, spec.dtype)
    session.run(feeds)
    if refusal:
        raise refusal


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
    from ca_deploy.data.calibration import load_spec

    load_spec(str(path))


def _report(path: Path) -> None:
    from ca_deploy.latency.regression import compare_reports
    from ca_deploy.records.latency import read_report

    found = read_report(path)
    compare_reports(found, found, 5.0)


def _array(path: Path) -> None:
    from ca_deploy.data import arrays
    from ca_deploy.records.preprocessing import Preprocessing
    from tests.samples import signature_of

    arrays.wishes_of(path)
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


def _bundle(path: Path) -> None:
    from pytest import MonkeyPatch

    from ca_deploy.native import bundle

    with MonkeyPatch.context() as environment:
        environment.setenv("CA_DEPLOY_CACHE", str(path.parent / "cache"))
        bundle._from_bundle(path, "litert")


def _answer(path: Path) -> None:
    from ca_deploy.latency import runner_output
    from ca_deploy.records.devices import Completed

    content = path.read_bytes()
    parse = runner_output.parse if b"invoke_ns" in content else runner_output.parse_operators
    parse(Completed(0, content, b""), "x.onnx", "a phone")


SUBJECTS = {
    "ONNX": Subject(good_files.models_onnx, ".onnx", _graph_and_session),
    "TFLite": Subject(good_files.models_tflite, ".tflite", _graph_and_session),
    "Core ML": Subject(good_files.packages, "", _graph_and_session),
    "program": Subject(good_files.programs, ".pt2", _program),
    "checkpoint": Subject(good_files.checkpoints, ".pth", _weights),
    "safetensors": Subject(good_files.safetensors, ".safetensors", _weights),
    "index of shards": Subject(good_files.shards, ".json", _weights),
    "manifest": Subject(good_files.manifests, ".json", _described),
    "recipe": Subject(good_files.recipes, ".toml", _recipe),
    "calibration set": Subject(good_files.calibrations, ".toml", _calibration),
    "latency report": Subject(good_files.reports, ".json", _report),
    "samples": Subject(good_files.samples, ".npz", _array),
    "array": Subject(good_files.one_array, ".npy", _array),
    "image": Subject(good_files.pictures, "", _picture),
    "labels": Subject(good_files.label_files, ".txt", _labels),
    "bundle": Subject(good_files.bundles, ".zip", _bundle),
    "device's answer": Subject(good_files.answers, ".json", _answer),
}
