"""The Core ML exporter, on a tiny Coordinate-Attention network and on networks that it has never seen."""

import dataclasses
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ca_deploy.compat.check import check
from ca_deploy.errors import ModelError, RecipeError, UsageError
from ca_deploy.files import sha256_of, size_of
from ca_deploy.formats import find_format
from ca_deploy.formats.coreml import statistics
from ca_deploy.mil.executor import Executor
from ca_deploy.mil.operations import constant_operations, operations
from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe, recipe_names
from ca_deploy.records.conversion import Converted
from ca_deploy.records.recipe import ExportRecipe
from tests.formats.test_tflite import Branching, Expanding, Tiny, answers, network_of, photos, seeded, sqnr_db

RECIPES = [name for name in recipe_names() if name.startswith("coreml_")]
LABELS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
# What the tiny network reaches at least; the shipped recipes' own tolerances are for the bundled one.
LEAST_DB = {"float32": 100, "float16": 50, "weight_only": 30, "palettized": 12, "static": 20}


class Small(nn.Module):
    """Coordinate Attention between layers that are just large enough to be compressed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())
        self.attention = CoordAttention(32)
        self.project = nn.Sequential(nn.Conv2d(32, 48, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU6())
        self.classifier = nn.Linear(48, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.project(self.attention(self.stem(x))).mean((2, 3)))
        return logits


@pytest.fixture(scope="module")
def network() -> Network:
    """A classifier with labels, and deviations that ImageType cannot express."""
    return dataclasses.replace(network_of(seeded(Small)), labels=LABELS, licence="MIT")


def export(network: Network, recipe: ExportRecipe, path: Path) -> Converted:
    calibration = photos(16, seed=1) if recipe.needs_calibration else None
    return find_format("coreml").load_exporter()(network, recipe, calibration, path, False, lambda _: None)


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Converted]]:
    """The network by every Core ML recipe."""
    folder = tmp_path_factory.mktemp("coreml")
    files = {}
    for name in RECIPES:
        path = folder / f"{name}.mlpackage"
        files[name] = path, export(network, load_recipe(name), path)
    return files


def run(path: Path, converted: Converted, network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Feed the package by nothing but what ``converted`` says of it."""
    executor = Executor(path)
    (source,), (target,) = converted.inputs, converted.outputs
    feed = network.preprocessing.normalise(rgb) if source.normalised else rgb
    return np.concatenate([executor.run({source.name: image[None]})[target.name] for image in feed])


def specification(path: Path) -> Any:
    """As coremltools reads it."""
    return ct.models.utils.load_spec(str(path))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_and_is_accurate(
    name: str, network: Network, exported: dict[str, tuple[Path, Converted]]
) -> None:
    rgb = photos(16, seed=3)
    found, expected = run(*exported[name], network, rgb), answers(network, rgb)
    assert sqnr_db(found, expected) > LEAST_DB[load_recipe(name).mode]
    if name == "coreml_float32":
        assert np.abs(found - expected).max() <= 1e-4


@pytest.mark.parametrize("name", RECIPES)
def test_coremltools_reads_the_package_and_its_target(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported[name]
    recipe = load_recipe(name)
    spec = specification(path)
    assert f"iOS{spec.specificationVersion + 9}" == recipe.deployment_target
    (image,) = spec.description.input
    assert image.type.WhichOneof("Type") == ("multiArrayType" if recipe.io == "float32" else "imageType")
    assert converted.inputs[0].dtype == ("float32" if recipe.io == "float32" else "uint8")
    assert (converted.inputs[0].name, converted.outputs[0].name) == ("image", "logits")


def test_opening_a_package_does_not_change_it(exported: dict[str, tuple[Path, Converted]]) -> None:
    path, _ = exported["coreml_float32"]
    before = sha256_of(path)
    ct.models.MLModel(str(path), skip_model_load=True)
    assert sha256_of(path) == before


@pytest.mark.parametrize("name", RECIPES)
def test_it_is_described(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    description = specification(exported[name][0]).description
    metadata = description.metadata
    assert metadata.license == "MIT"
    assert metadata.author == "not stated"
    assert name in metadata.shortDescription
    assert metadata.versionString
    assert all(feature.shortDescription for feature in (*description.input, *description.output))


@pytest.mark.parametrize("name", ["coreml_float32", "coreml_static_wi8_ai8_uint8rgb_io"])
def test_it_names_the_class(name: str, network: Network, exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported[name]
    rgb = photos(1, seed=7)
    found = Executor(path).run(
        {"image": network.preprocessing.normalise(rgb) if converted.inputs[0].normalised else rgb}
    )
    logits = found["logits"][0]
    assert found["classLabel"] == LABELS[logits.argmax()]
    softmax = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert list(found["classLabel_probs"]) == list(LABELS)
    np.testing.assert_allclose(list(found["classLabel_probs"].values()), softmax, atol=2e-3)
    description = specification(path).description
    assert description.predictedFeatureName == "classLabel"
    assert [output.name for output in description.output] == ["classLabel", "classLabel_probs", "logits"]


def test_the_classifier_is_spelt_as_coremltools_spells_it(
    exported: dict[str, tuple[Path, Converted]], tmp_path: Path
) -> None:
    """A probabilities-only classifier, which coremltools can make itself."""
    from coremltools.converters.mil.mil import Builder as mb

    def softmax(x: Any) -> Any:
        return mb.softmax(x=x, axis=1, name="probabilities")

    program = mb.program(input_specs=[mb.TensorSpec(shape=(1, 5))], opset_version=ct.target.iOS16)(softmax)
    arguments = {"convert_to": "mlprogram", "minimum_deployment_target": ct.target.iOS16, "skip_model_load": True}
    arguments["compute_precision"] = ct.precision.FLOAT32
    theirs = ct.convert(program, classifier_config=ct.ClassifierConfig(list(LABELS)), **arguments).get_spec()
    operation = _main(theirs).operations[-1]
    ours = _main(specification(exported["coreml_float32"][0])).operations[-1]
    assert operation.type == ours.type == "classify"
    assert operation.inputs["classes"] == ours.inputs["classes"]
    assert list(operation.outputs) == list(ours.outputs)
    features = [f for f in specification(exported["coreml_float32"][0]).description.output if f.name != "logits"]
    assert [f.type for f in features] == [f.type for f in theirs.description.output]


def _main(spec: Any) -> Any:
    function = spec.mlProgram.functions["main"]
    return function.block_specializations[function.opset]


@pytest.mark.parametrize("name", RECIPES)
def test_attention_is_lowered_and_every_operation_is_known(
    name: str, exported: dict[str, tuple[Path, Converted]]
) -> None:
    _, converted = exported[name]
    kinds = set(converted.operators)
    assert not kinds & {"transpose", "concat", "split", "thresholded_relu", "clip"}
    assert kinds <= {*operations(), *constant_operations()}
    assert converted.operators["sigmoid_hard"] == 2


def test_weights_are_compressed(exported: dict[str, tuple[Path, Converted]]) -> None:
    for name, kind in {
        "coreml_weight_only_wi8_afp16": "constexpr_affine_dequantize",
        "coreml_static_wi8_ai8": "constexpr_affine_dequantize",
        "coreml_palettized_wi6_afp16": "constexpr_lut_to_dense",
    }.items():
        path, converted = exported[name]
        assert converted.operators[kind] > 0
        assert converted.float32_path is not None
        assert size_of(converted.float32_path) > 0
        assert sha256_of(converted.float32_path) != sha256_of(path)


def test_activations_are_quantised_without_zero_points(exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported["coreml_static_wi8_ai8"]
    executor = Executor(path)
    kinds: dict[str, int] = {}
    for operation in executor.program.operations:
        if operation.kind == "quantize":
            kind = executor.constant(operation.inputs["output_dtype"])
            kinds[kind] = kinds.get(kind, 0) + 1
            zero_point = operation.inputs.get("zero_point")
            assert zero_point is None or executor.constant(zero_point) == 0
    assert kinds["uint8"] > 3  # what a ReLU6 or a sigmoid gives
    assert kinds["int8"] >= 1  # the normalised image
    assert {found.operator for found in converted.float_operators} == {"mul", "reduce_mean", "sigmoid_hard"}
    quantizes = [operation for operation in executor.program.operations if operation.kind == "quantize"]
    gates = [o for o in quantizes if executor.program.producer(o.inputs["input"].name).kind == "sigmoid"]
    scales = [float(executor.constant(gate.inputs["scale"])) for gate in gates]
    assert scales == pytest.approx([1 / 256] * len(scales), rel=1e-3)


def test_two_exports_are_byte_identical(
    network: Network, exported: dict[str, tuple[Path, Converted]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of larger networks by any number of threads too: PyTorch's kernels round differently with each."""
    path, _ = exported["coreml_static_wi8_ai8"]
    threads, seen = torch.get_num_threads(), []

    def observe(*arguments: Any) -> Any:
        seen.append(torch.get_num_threads())
        return statistics.observe(*arguments)

    monkeypatch.setattr("ca_deploy.formats.coreml.export.observe", observe)
    torch.set_num_threads(2)
    try:
        export(network, load_recipe("coreml_static_wi8_ai8"), tmp_path / "again.mlpackage")
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(threads)
    again = tmp_path / "again.mlpackage"
    files = [file.relative_to(path) for file in sorted(path.rglob("*")) if file.is_file()]
    assert [file for file in files if (path / file).read_bytes() != (again / file).read_bytes()] == []
    assert sha256_of(again) == sha256_of(path)
    assert {p.name for p in path.rglob("*") if p.is_file()} == {"Manifest.json", "model.mlmodel", "weight.bin"}
    assert not [p for p in path.rglob("*") if p.is_file() and str(Path(__file__).parents[2]).encode() in p.read_bytes()]


@pytest.mark.parametrize("recipe", ["coreml_float16", "coreml_static_wi8_ai8"])
def test_own_packages_leave_nothing_to_complain_of(exported: dict[str, tuple[Path, Converted]], recipe: str) -> None:
    (report,) = check(exported[recipe][0], ["coreml"])
    assert report.findings == ()


@pytest.mark.parametrize(("std", "operation"), [((0.5, 0.5, 0.5), "add"), ((0.2, 0.25, 0.3), "batch_norm")])
def test_a_picture_is_normalised_inside(
    std: tuple[float, float, float], operation: str, network: Network, tmp_path: Path
) -> None:
    """One scale for all channels is ImageType's own; three are part of the graph."""
    preprocessing = dataclasses.replace(network.preprocessing, mean=(0.4, 0.5, 0.6), std=std)
    other = dataclasses.replace(network, preprocessing=preprocessing, labels=None)
    recipe = dataclasses.replace(load_recipe("coreml_float32"), io="uint8rgb")
    converted = export(other, recipe, tmp_path / "camera.mlpackage")
    assert converted.operators[operation] == 1
    assert converted.operators.get("mul", 0) - 4 == (operation == "add")  # 4 are the attention's
    assert (converted.inputs[0].layout, converted.inputs[0].normalised) == ("NHWC", False)
    rgb = photos(4, seed=4)
    found = run(tmp_path / "camera.mlpackage", converted, other, rgb)
    assert np.abs(found - answers(other, rgb)).max() <= 1e-4


def test_channels_of_zeros_are_compressed_soundly(tmp_path: Path) -> None:
    """coremltools divides by their largest value."""
    wide = seeded(Wide)
    with torch.no_grad():
        wide.expand.weight[::2] = 0
    dead = network_of(wide)
    converted = export(dead, load_recipe("coreml_static_wi8_ai8"), tmp_path / "dead.mlpackage")
    executor = Executor(tmp_path / "dead.mlpackage")
    scales = [
        executor.constant(o.inputs["scale"])
        for o in executor.program.operations
        if o.kind == "constexpr_affine_dequantize"
    ]
    assert scales and all(np.all(np.isfinite(scale) & (scale > 0)) for scale in scales)
    rgb = photos(16, seed=6)
    assert sqnr_db(run(tmp_path / "dead.mlpackage", converted, dead, rgb), answers(dead, rgb)) > 20


class Wide(nn.Module):
    """One layer is large enough to be compressed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU6())
        self.expand = nn.Conv2d(16, 64, 1)
        self.classifier = nn.Linear(64, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.expand(self.stem(x)).relu().mean((2, 3)))
        return logits


class InItsBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = Bessel()

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.block(x).mean((2, 3))
        return pooled


class Bessel(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        bent: Tensor = torch.special.bessel_j0(x)
        return bent


def test_an_operation_without_a_form_is_named_with_its_module(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no form for aten\.special_bessel_j0.*in its module '[\w.]*block'"):
        export(network_of(InItsBlock()), load_recipe("coreml_float32"), tmp_path / "refused.mlpackage")


def test_a_network_that_branches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"torch\.export"):
        export(network_of(Branching()), load_recipe("coreml_float32"), tmp_path / "refused.mlpackage")


def test_expanded_gates_export(tmp_path: Path) -> None:
    foreign = network_of(seeded(lambda: Tiny(Expanding(16))))
    converted = export(foreign, load_recipe("coreml_float32"), tmp_path / "tiny.mlpackage")
    rgb = photos(1, seed=5)
    assert np.abs(run(tmp_path / "tiny.mlpackage", converted, foreign, rgb) - answers(foreign, rgb)).max() <= 1e-4
    assert "classify" not in converted.operators


def test_requests_that_make_no_sense_are_refused(network: Network, tmp_path: Path) -> None:
    exporter = find_format("coreml").load_exporter()
    with pytest.raises(UsageError, match="dynamic-batch"):
        exporter(network, load_recipe("coreml_float32"), None, tmp_path / "a.mlpackage", True, lambda _: None)
    with pytest.raises(RecipeError, match="calibration"):
        exporter(network, load_recipe("coreml_static_wi8_ai8"), None, tmp_path / "b.mlpackage", False, lambda _: None)
    two = dataclasses.replace(network, labels=("yes", "no"))
    with pytest.raises(ModelError, match=r"gives 5 values, but there are 2 labels.*--labels"):
        export(two, load_recipe("coreml_float32"), tmp_path / "c.mlpackage")
