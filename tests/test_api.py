"""Parity measured again on exported files, with and without what their manifests say."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.errors import ArtifactError, CaDeployError, UsageError
from ca_deploy.pipeline.export import Export
from tests.pipeline.kit import TINY
from tests.zoo.tiny import tiny_ca


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    names = ["onnx_float32", "onnx_static_wi8_ai8", "tflite_float32"]
    done = ca_deploy.export(TINY, recipes=names, output=tmp_path_factory.mktemp("tiny"))
    return {export.manifest.recipe.name: export for export in done}


@pytest.mark.parametrize("saturates", [True, False])
def test_parity_measures_the_default_settings_where_they_matter(
    exports: dict[str, Export], monkeypatch: pytest.MonkeyPatch, saturates: bool
) -> None:
    monkeypatch.setattr("ca_deploy.runtimes._exact_sums.default_saturates", lambda: saturates)
    found = ca_deploy.compare(exports["onnx_static_wi8_ai8"].path, TINY.model)
    assert (found.default_settings is not None) == saturates
    if found.default_settings is not None:
        assert found.default_settings.needed == {"session.qdqisint8allowed": "1"}
        assert found.default_settings.runtime.endswith("default settings")


def test_parity_again_with_saved_inputs(exports: dict[str, Export], tmp_path: Path) -> None:
    path = exports["onnx_static_wi8_ai8"].path
    first = ca_deploy.compare(path, TINY, save_inputs=tmp_path / "inputs.npz")
    second = ca_deploy.compare(path, TINY.model, load_inputs=tmp_path / "inputs.npz")
    assert (first.image_set, second.image_set) == ("held-out images of scikit_image", "samples in inputs.npz")
    assert replace(first, image_set="") == replace(second, image_set="")
    files = ca_deploy.compare(exports["tflite_float32"].path, exports["onnx_float32"].path)
    assert files.status == "pass"


def test_a_manifest_that_names_what_is_not_a_file_is_refused(exports: dict[str, Export], tmp_path: Path) -> None:
    """Reading weights from a FIFO or a device would not end. Labels are in the manifest, and their file is not read."""
    path = tmp_path / exports["onnx_float32"].path.name
    shutil.copy(exports["onnx_float32"].path, path)
    os.mkfifo(tmp_path / "fifo")
    other = "was made from other weights"
    for key, name, said in (
        ("labels", tmp_path / "fifo", other),
        ("labels", "/dev/zero", other),
        ("weights", tmp_path / "fifo", str(tmp_path / "fifo")),
    ):
        manifest = json.loads(exports["onnx_float32"].path.with_suffix(".json").read_text())
        manifest["model"]["source"] = {"model": "mobilenet_v2_ca", key: str(name)}
        path.with_suffix(".json").write_text(json.dumps(manifest))
        with pytest.raises(CaDeployError, match=said):
            ca_deploy.compare(path)
    manifest["model"]["source"] = {"model": 5}
    path.with_suffix(".json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="is damaged"):
        ca_deploy.compare(path)


def test_what_is_not_given_for_the_manifests_model_is_taken_from_the_manifest(tmp_path: Path) -> None:
    weights = [tmp_path / "a.pth", tmp_path / "b.pth"]
    for number, place in enumerate(weights):
        torch.manual_seed(number)
        torch.save(tiny_ca().state_dict(), place)
    source = replace(TINY, model="tests.zoo.tiny:tiny_ca", weights=weights[0])
    (export,) = ca_deploy.export(source, formats=["onnx"], output=tmp_path)
    same = ca_deploy.compare(export.path, source.model)
    other = ca_deploy.compare(export.path, ModelSource(source.model, weights=weights[1]))
    assert (same.status, other.status) == ("pass", "fail")


class Uncopied(torch.nn.Linear):
    """It cannot be copied, because a generator cannot."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.numbers = (number for number in range(3))


@pytest.mark.parametrize(
    ("network", "source", "said"),
    [
        (Uncopied(), ModelSource(input_size=32), "cannot be copied .*generator"),
        (torch.jit.script(torch.nn.Linear(2, 2)), ModelSource(input_size=32), "is a TorchScript module"),
        (torch.nn.Linear(2, 2), ModelSource("nonsense"), "drop model and random_weights"),
        (torch.nn.Linear(2, 2), ModelSource(weights=Path("a.pth")), "drop weights"),
    ],
)
def test_what_a_network_in_memory_cannot_be_is_said(
    network: torch.nn.Module, source: ModelSource, said: str, tmp_path: Path
) -> None:
    with pytest.raises(CaDeployError, match=said):
        ca_deploy.export(network, source=source, formats="onnx", output=tmp_path)


@pytest.mark.parametrize(
    "call",
    [
        lambda network: ca_deploy.check(before=network),
        lambda network: ca_deploy.compare(network),
        lambda network: ca_deploy.evaluate(network, "photos"),
        lambda network: ca_deploy.predict(network, "photos"),
    ],
)
def test_verbs_of_files_refuse_an_object(call: Callable[[torch.nn.Module], object]) -> None:
    with pytest.raises(UsageError, match="A model"):
        call(torch.nn.Linear(2, 2))
