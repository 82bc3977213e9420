"""Programs whose input has several sizes: they run at each, and refuse any other."""

from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ca_deploy.errors import ArtifactError
from ca_deploy.formats.coreml.package import save
from ca_deploy.mil.executor import Executor

SIZES = ((24, 32), (32, 24), (48, 40))


class Pyramid(nn.Module):
    """Crops, grids and reshapes whose sizes follow from the image's; RGB 0..255 -> ``(N, 8, positions)``."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(3, 8, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x / 255)
        y = y + torch.arange(y.shape[3], dtype=torch.float32)
        y = functional.group_norm(y, 2)
        return y.view(1, 2, 4, y.shape[2], y.shape[3]).transpose(1, 2).flatten(3).flatten(1, 2)


@pytest.fixture(scope="module", params=["array", "image"])
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Executor, nn.Module]:
    network = Pyramid().eval()
    dynamic = ({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},)
    program = torch.export.export(network, (torch.zeros(1, 3, *SIZES[0]),), dynamic_shapes=dynamic)
    shapes = ct.EnumeratedShapes([(1, 3, *size) for size in SIZES], default=(1, 3, *SIZES[0]))
    source: Any = ct.TensorType("x", shapes, np.float32)
    if request.param == "image":
        source = ct.ImageType("x", shapes, color_layout=ct.colorlayout.RGB)
    model = ct.convert(
        program.run_decompositions({}),
        inputs=[source],
        outputs=[ct.TensorType("y", dtype=np.float32)],
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=ct.target.iOS17,
        skip_model_load=True,
    )
    path = tmp_path_factory.mktemp("sizes") / "several.mlpackage"
    save(model.get_spec(), Path(model.weights_dir), path)
    return request.param, Executor(path), network


def _pixels(size: tuple[int, int]) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    return np.random.default_rng(0).integers(0, 256, (1, *size, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_a_program_runs_at_each_of_its_sizes(packed: tuple[str, Executor, nn.Module], size: tuple[int, int]) -> None:
    kind, executor, network = packed
    planes = _pixels(size).transpose(0, 3, 1, 2).astype(np.float32)
    found = executor.run({"x": planes if kind == "array" else _pixels(size)})["y"]
    with torch.inference_mode():
        wanted = network(torch.from_numpy(planes)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_any_other_size_is_refused(packed: tuple[str, Executor, nn.Module]) -> None:
    kind, executor, _ = packed
    pixels = _pixels((24, 24))
    with pytest.raises(ArtifactError, match=r"takes \(1, 3, 24, 32\) or \(1, 3, 32, 24\) or \(1, 3, 48, 40\), not"):
        executor.run({"x": pixels if kind == "image" else pixels.transpose(0, 3, 1, 2).astype(np.float32)})


def test_the_sizes_are_read_from_the_package(packed: tuple[str, Executor, nn.Module]) -> None:
    _, executor, _ = packed
    assert executor.program.inputs[0].shape == (1, 3, -1, -1)
    assert executor.program.shapes == {"x": tuple((1, 3, *size) for size in SIZES)}
