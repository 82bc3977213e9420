"""``--dynamic-size``: ONNX files that take images of any size, verified at several; what cannot is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.errors import ModelError, UsageError
from ca_deploy.evaluation.worst import with_sizes
from ca_deploy.pipeline.export import Export
from ca_deploy.pipeline.request import requested
from ca_deploy.records.image_sizes import ImageSizes
from ca_deploy.records.manifest import manifest_of
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.recipe import Tolerances

pytestmark = pytest.mark.usefixtures("warm_converters")

UNET = ModelSource("tests.zoo.shapes:grey_unet", input_size=(48, 80), channels="grey")
TINY = ModelSource("tests.zoo.tiny:tiny_trained", input_size=32)


def wide(name: str) -> ModelSource:
    return ModelSource(f"tests.zoo.sizes:{name}", input_size=(32, 48))


def exported(source: ModelSource, folder: Path, *recipes: str, dynamic_batch: bool = False) -> dict[str, Export]:
    done = ca_deploy.export(
        source, recipes=recipes, calibration="random", output=folder, dynamic_size=True, dynamic_batch=dynamic_batch
    )
    return {export.manifest.recipe.name: export for export in done}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    """Coordinate Attention, whose branches follow the sides of the image."""
    recipes = ("onnx_float32", "onnx_static_wi8_ai8", "onnx_static_wi8_ai8_uint8rgb_io")
    return exported(TINY, tmp_path_factory.mktemp("tiny"), *recipes)


@pytest.fixture(scope="module")
def unet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    recipes = ("onnx_float32", "onnx_float16", "onnx_static_wi8_ai8")
    return exported(UNET, tmp_path_factory.mktemp("unet"), *recipes, dynamic_batch=True)


def test_coordinate_attention_takes_images_of_any_size(tiny: dict[str, Export]) -> None:
    export = tiny["onnx_float32"]
    session, network = ort.InferenceSession(export.path), ca_deploy.load(TINY)
    for size in ((32, 32), (47, 96), (128, 60)):
        image = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            wanted = network.module(image).numpy()
        np.testing.assert_allclose(session.run(None, {"image": image.numpy()})[0], wanted, rtol=1e-4, atol=1e-5)


def test_every_file_is_verified_at_two_other_sizes(tiny: dict[str, Export], unet: dict[str, Export]) -> None:
    for export in (*tiny.values(), *unet.values()):
        found = export.manifest.parity
        assert found.status == "pass", f"{export.path}: {found.reason}"
        assert len(found.sizes) == 2
        assert all(one.status == "pass" for one in found.sizes)
        assert found.sqnr_db is not None
        assert found.sqnr_db <= min(one.sqnr_db for one in found.sizes if one.sqnr_db is not None)


def test_the_manifest_says_which_sizes(tiny: dict[str, Export], unet: dict[str, Export]) -> None:
    export = tiny["onnx_static_wi8_ai8_uint8rgb_io"]
    manifest = manifest_of(export.path)
    assert manifest is not None
    assert manifest.inputs[0].shape == (1, -1, -1, 3)
    assert manifest.image_sizes == ImageSizes((32, 32), step=1, verified=((64, 32), (128, 96)))
    note = "It takes images of any height and width; parity was also measured at 64x32 and 128x96 px."
    assert note in manifest.warnings
    grey = unet["onnx_float32"].manifest
    assert grey.inputs[0].shape == (-1, 1, -1, -1)
    assert "It takes images whose height and width are multiples of 4" in " ".join(grey.warnings)


def test_sizes_are_no_float_operators_and_nodes_have_their_modules_names(tiny: dict[str, Export]) -> None:
    operators = {item.operator for item in tiny["onnx_static_wi8_ai8"].manifest.float_operators}
    assert not operators & {"Shape", "Squeeze", "Concat", "Gather", "Cast", "Range"}
    names = [node.name for node in onnx.load(tiny["onnx_float32"].path).graph.node]
    assert not [name for name in names if "metadata_hook" in name]


def test_the_code_beside_it_feeds_the_networks_own_size(tiny: dict[str, Export]) -> None:
    kotlin = tiny["onnx_float32"].path.with_suffix(".kt").read_text()
    assert "longArrayOf(1, 3, 32, 32)" in kotlin


def test_a_file_of_any_size_is_not_measured_at_one_pixel(tiny: dict[str, Export]) -> None:
    export = tiny["onnx_float32"]
    with pytest.raises(UsageError, match=r"leaves sizes of its inputs open: image \(1, 3, \w+, \w+\).*--input-shape"):
        ca_deploy.profile([export.path], protocol="quick")
    report = ca_deploy.profile(
        [export.path], runs=2, min_seconds=0, starts=1, verify=True, input_shape="image=1x3x48x40"
    )
    (found,) = report.measurements
    assert [tensor.shape for tensor in found.inputs] == [(1, 3, 48, 40)]
    assert found.verification is not None and found.verification.status == "pass"


def test_a_network_in_memory_with_several_inputs_and_outputs(tmp_path: Path) -> None:
    from tests.zoo.sizes import two_heads

    (export,) = ca_deploy.export(
        two_heads(), source=ModelSource(input_size=(32, 48)), formats=["onnx"], output=tmp_path, dynamic_size=True
    )
    assert export.passed
    assert [spec.shape for spec in export.manifest.outputs] == [(1, 6, -1, -1), (1, 8)]


def test_a_plain_tensor_beside_the_image_keeps_its_shape(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    state = random.normal(size=(40, 3)).astype(np.float32)
    np.savez(tmp_path / "samples.npz", image=random.integers(0, 256, (40, 32, 48, 3), np.uint8), state=state)
    (export,) = ca_deploy.export(
        wide("with_state"),
        formats=["onnx"],
        calibration=str(tmp_path / "samples.npz"),
        output=tmp_path / "out",
        dynamic_size=True,
    )
    assert export.passed
    assert [spec.shape for spec in export.manifest.inputs] == [(1, 3, -1, -1), (1, 3)]


def test_a_miss_at_another_size_fails_and_names_it(tmp_path: Path) -> None:
    """INT8 has no values for positions that calibration did not see."""
    (export,) = exported(wide("grid"), tmp_path, "onnx_static_wi8_ai8").values()
    found = export.manifest.parity
    assert not export.passed
    assert "at 128x112 px: SQNR" in found.reason
    assert [(one.height, one.width) for one in found.sizes] == [(64, 48), (128, 112)]


def test_the_worst_of_all_sizes_counts() -> None:
    def report(status: Status, reason: str, sqnr_db: float) -> ParityReport:
        return ParityReport(status, reason, "file", "PyTorch", "runtime", Tolerances(), sqnr_db=sqnr_db, agreement=99.0)

    good, bad = report(Status.PASS, "", 40.0), report(Status.FAIL, "SQNR 3.0 dB is below 15 dB", 3.0)
    found = with_sizes(good, {(64, 96): good, (96, 64): bad})
    assert (found.status, found.sqnr_db, found.agreement) == (Status.FAIL, 3.0, 99.0)
    assert found.reason == "at 96x64 px: SQNR 3.0 dB is below 15 dB"
    assert with_sizes(good, {(64, 96): good}).status == Status.PASS


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "position_embedding",
            r"works at 32x48 px, and not at \d+x\d+ \(torch.export: .*position embedding.*Drop --dyn",
        ),
        ("branching", "its forward branches on the size. Drop --dynamic-size"),
        (
            "integer_height",
            r"images of 32x48 px only: its forward turns the height and the width into a Python integer",
        ),
        ("four_places", r"pools to 2x2 positions in its module 'pool', which ONNX can only write for one size"),
        ("whole_pool", "cannot be traced .*It probably fixes the size of its image"),
        ("halves", "cannot become ONNX"),
    ],
)
def test_a_network_for_one_size_is_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said):
        exported(wide(name), tmp_path, "onnx_float32")
    assert not list(tmp_path.glob("*.onnx"))


def test_a_program_that_was_saved_for_one_size_is_refused(tmp_path: Path) -> None:
    network = ca_deploy.load(UNET)
    path = tmp_path / "saved.pt2"
    torch.export.save(torch.export.export(network.module, network.examples()), path)
    with pytest.raises(
        ModelError, match=r"the program was saved for one size. Save it with a dynamic height and width"
    ):
        exported(replace(UNET, model=str(path)), tmp_path, "onnx_float32")


@pytest.mark.parametrize("recipe", ["tflite_float32", "coreml_float32"])
def test_a_format_that_cannot_is_refused_before_anything_is_loaded(recipe: str, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--dynamic-size is not possible with --format \w+, .*Drop it, or export to onnx"
    ):
        requested(TINY, ["onnx_float32", recipe], tmp_path, dynamic_size=True)


def test_an_enlarged_map_is_exported_as_float16(tmp_path: Path) -> None:
    """ONNX Runtime's converter records the scales of Resize as float16, and leaves them float32."""
    (export,) = ca_deploy.export(wide("doubled"), recipes=["onnx_float16"], output=tmp_path)
    assert export.passed
