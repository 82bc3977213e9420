"""A file without a manifest: its inputs are what its runtime says, its images what the user says."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.evaluation.bare_file import signature_of_file
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.records.model import ModelSource
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.records.tensors import TensorSpec
from tests.latency.models import onnx_file
from tests.samples import samples_of

STATED = ModelSource(mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))
LOGITS = TensorSpec("logits", (1, 5), "float32", "NC")


def signature(
    *inputs: TensorSpec, source: ModelSource = STATED, outputs: tuple[TensorSpec, ...] = (LOGITS,)
) -> Signature:
    session: Any = SimpleNamespace(inputs=inputs, outputs=outputs)
    return signature_of_file(Path("net.onnx"), source, session)


@pytest.mark.parametrize(("layout", "shape"), [("NCHW", (1, 3, 24, 40)), ("NHWC", (1, 24, 40, 3))])
def test_an_only_input_of_four_dimensions_is_an_image(layout: Any, shape: tuple[int, ...]) -> None:
    found = signature(TensorSpec("x", shape, "float32", layout))
    (taken,) = found.inputs
    assert (taken.name, taken.shape, taken.dtype) == ("x", (1, 3, 24, 40), "float32")
    assert taken.preprocessing is not None
    assert (taken.preprocessing.crop, taken.preprocessing.resize, taken.preprocessing.mean) == (
        (24, 40),
        24,
        (0.5, 0.4, 0.3),
    )
    assert found.outputs == (NetworkOutput("logits", (1, 5)),)


def test_its_channels_are_counted() -> None:
    (taken,) = signature(TensorSpec("x", (1, 1, 24, 24), "float32", "NCHW")).inputs
    assert taken.preprocessing is not None
    assert (taken.preprocessing.channels, len(taken.preprocessing.mean), taken.preprocessing.crop) == ("grey", 1, 24)


def test_how_it_is_prepared_has_to_be_said() -> None:
    image = TensorSpec("x", (1, 3, 24, 24), "float32", "NCHW")
    with pytest.raises(UsageError, match=r"net\.onnx has no manifest \(net\.json\).*--mean and --std"):
        signature(image, source=ModelSource())
    free = TensorSpec("x", (1, 3, -1, -1), "float32", "NCHW")
    with pytest.raises(UsageError, match=r"net\.onnx takes images of any size: say which with --input-size"):
        signature(free)
    (taken,) = signature(free, source=ModelSource(mean=STATED.mean, std=STATED.std, input_size=(8, 16))).inputs
    assert (taken.shape, taken.preprocessing and taken.preprocessing.resize) == ((1, 3, 8, 16), 8)
    grey = TensorSpec("x", (1, -1, -1, 1), "float32", "NHWC")
    (taken,) = signature(grey, source=ModelSource(mean=STATED.mean, std=STATED.std, input_size=8)).inputs
    assert taken.shape == (1, 1, 8, 8)  # the channels are not free


def test_any_other_input_is_a_plain_tensor() -> None:
    plain = (
        TensorSpec("ids", (-1, 16), "int64", "other"),
        TensorSpec("state", (1, 8), "int8", "other", 0.1, 3),
        TensorSpec("image", (1, 3, 8, 8), "float32", "NCHW"),
    )
    assert signature(*plain, source=ModelSource()).inputs == (
        NetworkInput("ids", (1, 16), "int64"),
        NetworkInput("state", (1, 8), "float32"),
        NetworkInput("image", (1, 3, 8, 8)),
    )
    (taken,) = signature(TensorSpec("maps", (1, 7, 8, 8), "float32", "NCHW"), source=ModelSource()).inputs
    assert taken == NetworkInput("maps", (1, 7, 8, 8))


def test_outputs_have_one_sample_and_real_numbers() -> None:
    outputs = (
        TensorSpec("boxes", (-1, 8, 4), "float32", "other"),
        TensorSpec("count", (1,), "int64", "other"),
        TensorSpec("scores", (1, 8), "int8", "NC", 0.1, 3),
    )
    assert signature(TensorSpec("x", (1, 2), "float32", "NC"), outputs=outputs).outputs == (
        NetworkOutput("boxes", (1, 8, 4)),
        NetworkOutput("count", (1,), "int64"),
        NetworkOutput("scores", (1, 8)),
    )


def test_a_file_without_inputs_or_outputs_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"net\.onnx has 0 inputs and 1 outputs"):
        signature()
    with pytest.raises(ArtifactError, match=r"net\.onnx has 1 inputs and 0 outputs"):
        signature(LOGITS, outputs=())


def test_such_a_file_runs(tmp_path: Path) -> None:
    predictor = open_predictor(onnx_file(tmp_path / "net.onnx"), source=STATED)
    assert predictor.task.name == "classification"
    assert predictor.run(samples_of(np.zeros((2, 32, 32, 3), np.uint8)))["logits"].shape == (2, 8)
