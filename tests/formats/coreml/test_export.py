"""The Core ML exporter, on a tiny Coordinate-Attention network: packages that are right, and can be opened."""

import dataclasses
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch

from ca_deploy.compat.check import check
from ca_deploy.errors import RecipeError
from ca_deploy.files import sha256_of
from ca_deploy.formats.coreml import statistics
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Converted
from tests.formats import kit
from tests.formats.coreml.kit import LABELS, RECIPES, run, specification
from tests.formats.kit import export_on_photos as export
from tests.formats.kit import photos, sqnr_db
from tests.samples import answers, network_of

# The least that the tiny network reaches; the shipped recipes' own tolerances are for the bundled one.
LEAST_DB = {"float32": 100, "float16": 50, "weight_only": 30, "palettized": 12, "static": 20}


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
    assert f"iOS{spec.specificationVersion + 9}" == recipe.options["deployment_target"]
    (image,) = spec.description.input
    assert image.type.WhichOneof("Type") == ("multiArrayType" if recipe.io == "float32" else "imageType")
    assert converted.inputs[0].dtype == ("float32" if recipe.io == "float32" else "uint8")
    assert (converted.inputs[0].name, converted.outputs[0].name) == ("image", "logits")


def test_opening_a_package_does_not_change_it(exported: dict[str, tuple[Path, Converted]]) -> None:
    path, _ = exported["coreml_float32"]
    before = sha256_of(path)
    ct.models.MLModel(str(path), skip_model_load=True)
    assert sha256_of(path) == before


def test_two_exports_are_byte_identical(
    network: Network, exported: dict[str, tuple[Path, Converted]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for larger networks, by any number of threads: PyTorch's kernels round differently with each."""
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
    assert not [p for p in path.rglob("*") if p.is_file() and str(Path(__file__).parents[3]).encode() in p.read_bytes()]


@pytest.mark.parametrize("recipe", ["coreml_float16", "coreml_static_wi8_ai8"])
def test_own_packages_leave_nothing_to_complain_of(exported: dict[str, tuple[Path, Converted]], recipe: str) -> None:
    (report,) = check(exported[recipe][0], ["coreml"])
    assert report.findings == ()


def test_requests_that_make_no_sense_are_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="calibration"):
        kit.export(network, load_recipe("coreml_static_wi8_ai8"), tmp_path / "b.mlpackage")


def test_labels_of_values_that_are_no_logits_make_no_classifier(network: Network, tmp_path: Path) -> None:
    """Core ML's classifier has one class: a softmax after a sigmoid would be wrong."""
    module = torch.nn.Sequential(network.original, torch.nn.Sigmoid())
    chances = dataclasses.replace(network_of(module, network.signature.photo_or_refuse("a test")), labels=LABELS)
    assert chances.task.name == "classification:sigmoid"
    converted = export(chances, load_recipe("coreml_float32"), tmp_path / "c.mlpackage")
    assert "classify" not in converted.operators
    assert [(spec.name, spec.shape) for spec in converted.outputs] == [("logits", (1, 5))]
    rgb = photos(2, seed=3)
    assert np.abs(run(tmp_path / "c.mlpackage", converted, chances, rgb) - answers(chances, rgb)).max() <= 1e-4
