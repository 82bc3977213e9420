"""What a network takes and gives, by name: samples become its tensors, and what needs a photo says so."""

import numpy as np
import pytest

from ca_deploy.errors import UsageError
from ca_deploy.records.codec import decode, parse_json, to_json
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature

PREPROCESSING = Preprocessing(6, (4, 5), mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))
IMAGE = NetworkInput("image", (1, 3, 4, 5), preprocessing=PREPROCESSING)
STATE = NetworkInput("state", (1, 7), "int64")
BOTH = Signature((IMAGE, STATE), (NetworkOutput("boxes", (1, 8, 4)), NetworkOutput("count", (1,), "int64")))


def test_it_reads_back_equal() -> None:
    assert decode(Signature, parse_json(to_json(BOTH).encode())) == BOTH


def test_pixels_are_normalised_and_what_is_normalised_only_gets_its_type() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    planes = IMAGE.to_network(pixels)
    assert (planes.shape, planes.dtype.name) == ((2, 3, 4, 5), "float32")
    assert np.array_equal(planes, PREPROCESSING.normalise(pixels))
    assert np.array_equal(IMAGE.to_network(planes.astype(np.float64)), planes)
    assert STATE.to_network(np.ones((2, 7), np.int8)).dtype == np.int64


def test_samples_of_all_inputs_become_tensors() -> None:
    samples = Samples({"state": np.ones((2, 7), np.int32), "image": np.zeros((2, 4, 5, 3), np.uint8)}, ("a", "b"))
    fed = BOTH.to_network(samples)
    assert [(name, array.shape, array.dtype.name) for name, array in fed.arrays.items()] == [
        ("image", (2, 3, 4, 5), "float32"),
        ("state", (2, 7), "int64"),
    ]
    assert fed.sha256 == ("a", "b")


def test_the_shape_of_pixels() -> None:
    grey = NetworkInput("x", (1, 1, 4, 5), preprocessing=Preprocessing(6, (4, 5), (0.5,), (0.2,), channels="grey"))
    assert (IMAGE.pixels_shape, grey.pixels_shape, STATE.pixels_shape) == ((4, 5, 3), (4, 5, 1), (7,))


def test_what_it_takes_is_told_in_a_few_words() -> None:
    assert BOTH.inputs_text == ("image (an image of 4x5 px (height x width), RGB), state (a tensor of int64 (1, 7))")
    assert BOTH.images == (IMAGE,)


def test_an_only_photo_is_found_and_its_absence_explained() -> None:
    one = Signature((IMAGE,), BOTH.outputs)
    assert one.photo == one.photo_or_refuse("net.onnx") == PREPROCESSING
    for other in (BOTH, Signature((STATE,), BOTH.outputs), Signature((), ())):
        assert other.photo is None
        with pytest.raises(UsageError, match=r"^net\.onnx needs a network that takes one photo, and this one takes"):
            other.photo_or_refuse("net.onnx")


def test_an_only_output_gets_the_name_of_its_task_and_none_that_an_input_has() -> None:
    def names(*outputs: str) -> list[str]:
        signature = Signature((IMAGE, STATE), tuple(NetworkOutput(name, (1, 2)) for name in outputs))
        return [output.name for output in signature.named("logits").outputs]

    assert names("") == ["logits"]
    assert names("scores") == ["scores"]
    assert names("state", "other") == ["state_out", "other"]


def test_outputs_that_are_called_as_an_input_get_names_of_their_own() -> None:
    given = tuple(NetworkOutput(name, (1, 3)) for name in ("x", "x_out", "y"))
    named = Signature((NetworkInput("x", (1, 4)),), given).named("output")
    assert [output.name for output in named.outputs] == ["x_out_2", "x_out", "y"]
