"""``--sizes``: Core ML packages whose image has one of several sizes, verified at each; what cannot is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.errors import ArtifactError, ModelError, UsageError
from ca_deploy.mil.executor import Executor
from ca_deploy.pipeline.export import Export
from ca_deploy.pipeline.request import requested
from ca_deploy.records.image_sizes import ImageSizes, Size2d
from ca_deploy.records.input_wish import InputWish

pytestmark = pytest.mark.usefixtures("warm_converters")

TINY = ModelSource("tests.zoo.tiny:tiny_trained", input_size=32)
OTHERS = ((64, 32), (40, 56))


def wide(name: str) -> ModelSource:
    return ModelSource(f"tests.zoo.sizes:{name}", input_size=(32, 48))


def exported(source: ModelSource, folder: Path, *recipes: str, sizes: tuple[Size2d, ...] = OTHERS) -> dict[str, Export]:
    done = ca_deploy.export(source, recipes=recipes, calibration="random", output=folder, sizes=sizes)
    return {export.manifest.recipe.name: export for export in done}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    """Coordinate Attention, whose branches follow the sides of the image, as an array and as a camera's picture."""
    recipes = ("coreml_float32", "coreml_palettized_wi6_afp16", "coreml_static_wi8_ai8_uint8rgb_io")
    return exported(TINY, tmp_path_factory.mktemp("tiny"), *recipes)


def test_every_file_is_verified_at_each_size(tiny: dict[str, Export]) -> None:
    for export in tiny.values():
        found = export.manifest.parity
        assert found.status == "pass", f"{export.path}: {found.reason}"
        assert tuple((one.height, one.width) for one in found.sizes) == OTHERS
        assert all(one.status == "pass" for one in found.sizes)


def test_the_package_takes_these_sizes_and_no_other(tiny: dict[str, Export]) -> None:
    executor, network = Executor(tiny["coreml_float32"].path), ca_deploy.load(TINY)
    assert executor.program.shapes == {"image": tuple((1, 3, *size) for size in ((32, 32), *OTHERS))}
    image = torch.randn(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = network.module(image).numpy()
    np.testing.assert_allclose(executor.run({"image": image.numpy()})["logits"], wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(ArtifactError, match=r"takes \(1, 3, 32, 32\) or \(1, 3, 64, 32\) or \(1, 3, 40, 56\), not"):
        executor.run({"image": image.numpy()[..., :48]})


def test_a_camera_package_takes_pictures_of_these_sizes(tiny: dict[str, Export]) -> None:
    export = tiny["coreml_static_wi8_ai8_uint8rgb_io"]
    assert export.manifest.inputs[0].shape == (1, -1, -1, 3)
    assert set(Executor(export.path).program.shapes) == {"image"}


def test_attention_still_has_no_split(tiny: dict[str, Export]) -> None:
    assert not set(tiny["coreml_float32"].manifest.operators) & {"split", "concat", "transpose", "slice_by_index"}


def test_the_manifest_lists_the_sizes(tiny: dict[str, Export]) -> None:
    manifest = tiny["coreml_float32"].manifest
    assert manifest.image_sizes == ImageSizes((32, 32), ((32, 32), *OTHERS), verified=OTHERS)
    assert any("images of 32x32 or 64x32 or 40x56 px" in warning for warning in manifest.warnings)


@pytest.mark.parametrize("name", ["resized", "upper"])
def test_what_follows_the_size_of_the_image_is_right_at_each(name: str, tmp_path: Path) -> None:
    """Enlarging to another tensor's size, halves of it, positions."""
    for export in exported(wide(name), tmp_path, "coreml_float32", "coreml_static_wi8_ai8").values():
        assert export.passed, f"{export.path}: {export.manifest.parity.reason}"
        integers = {"range_1d", "gather", "shape", "floor_div"}
        assert not integers & {item.operator for item in export.manifest.float_operators}


def test_a_network_in_memory_in_batches_of_two(tmp_path: Path) -> None:
    from tests.zoo.sizes import two_heads

    described = ModelSource(input_size=(32, 48))
    (export,) = ca_deploy.export(
        two_heads(), source=described, formats=["coreml"], output=tmp_path, sizes=[(64, 64)], batch=2
    )
    assert export.passed
    assert Executor(export.path).program.shapes == {"image": ((2, 3, 32, 48), (2, 3, 64, 64))}


@pytest.mark.parametrize(
    ("source", "sizes", "said"),
    [
        (
            wide("resized"),
            ((33, 48),),
            r"enlarges .* by 2 x 2 at 32x48 px, but by 1.941 x 2 at 33x48 px.* multiples of 2",
        ),
        (
            wide("position_embedding"),
            ((64, 48),),
            r"works at 32x48 px, and not at 64x48 \(torch.export: .*out of --sizes",
        ),
        (wide("integer_height"), ((64, 48),), r"takes images of 32x48 px only: .*or drop --sizes"),
    ],
)
def test_a_size_that_the_network_does_not_take_is_refused(
    source: ModelSource, sizes: tuple[Size2d, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said):
        exported(source, tmp_path, "coreml_float32", sizes=sizes)
    assert not list(tmp_path.glob("*.mlpackage"))


def test_the_own_size_alone_is_no_choice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--sizes 32x32 is the only size of tiny_trained already"):
        exported(TINY, tmp_path, "coreml_float32", sizes=((32, 32),))


def test_several_images_are_refused(tmp_path: Path) -> None:
    images = (InputWish("left"), InputWish("right"))
    source = ModelSource("tests.zoo.sizes:two_images", input_size=32, inputs=images, random_weights=True)
    with pytest.raises(UsageError, match=r"--sizes needs a network with one image, and this one takes left \("):
        exported(source, tmp_path, "coreml_float32")


def test_a_format_that_cannot_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--sizes is not possible with --format onnx, whose.*export to coreml"):
        requested(TINY, ["onnx_float32", "coreml_float32"], tmp_path, sizes=[(64, 64)])
    with pytest.raises(UsageError, match="--sizes 0x64 is not possible"):
        requested(TINY, ["coreml_float32"], tmp_path, sizes=[(0, 64)])
