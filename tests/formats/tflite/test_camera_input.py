"""A float model that takes a camera's bytes."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from ca_deploy.formats.tflite.camera_input import take_uint8
from ca_deploy.formats.tflite.convert import convert
from ca_deploy.graphs import flatbuffer
from ca_deploy.networks.source import Network
from tests.formats.kit import photos
from tests.samples import answers


def test_camera_input_before_a_float_model(network: Network, tmp_path: Path) -> None:
    model = convert(network, normalise=True).flatbuffer
    take_uint8(model)
    flatbuffer.name_inputs_and_outputs(model, ["image"], ["logits"])
    (tmp_path / "camera.tflite").write_bytes(flatbuffer.write(model))
    runner = Interpreter(model_path=str(tmp_path / "camera.tflite")).get_signature_runner()
    rgb = photos(4, seed=4)
    found = np.concatenate([runner(image=image[None])["logits"] for image in rgb])
    assert np.abs(found - answers(network, rgb)).max() <= 1e-4
