"""Files that take a camera's bytes."""

from dataclasses import replace

import numpy as np

from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe
from tests.formats.onnx.kit import SIZE, Export, photos, run
from tests.samples import answers


def test_camera_image_is_normalised_inside_exactly(exported: Export, network: Network) -> None:
    """In float, where nothing else differs: the padded border has to be right, too."""
    recipe = replace(load_recipe("onnx_float32"), name="camera", io="uint8rgb")
    converted, path = exported(recipe)
    spec = converted.inputs[0]
    assert (spec.shape, spec.dtype, spec.layout, spec.normalised) == ((1, SIZE, SIZE, 3), "uint8", "NHWC", False)
    rgb = photos(4, seed=3)
    assert np.abs(run(converted, path, rgb) - answers(network, rgb)).max() <= 1e-4
