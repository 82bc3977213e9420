"""A predictor feeds a file by name, in its own layout, type and batch, and reads its outputs back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.evaluation.parity import measure
from ca_deploy.evaluation.predictor import Predictor, file_predictor
from ca_deploy.records.parity import Status
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.records.tensors import TensorSpec
from ca_deploy.tasks import find_task
from tests.samples import image_input, samples_of

IMAGE, STATE = image_input(Preprocessing(4, (4, 5))), NetworkInput("state", (1, 2))
SUM, COUNT = NetworkOutput("sum", (1, 2)), NetworkOutput("count", (1,), "int64")
BOTH = Signature((IMAGE, STATE), (SUM, COUNT))
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), np.uint8)
STATES = np.arange(6, dtype=np.float32).reshape(3, 2)
SAMPLES = Samples({"image": PIXELS, "state": STATES}, ("a", "b", "c"))


class Session:
    """Keeps what it is fed; its outputs are the state plus the image's sum, and the number of bright pixels."""

    runtime = "Fake 1.0"
    settings: Mapping[str, str] = {}

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.fed: list[Mapping[str, NDArray[Any]]] = []

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self.fed.append(feeds)
        image, state = (feeds[spec.name].astype(np.float64) for spec in self.inputs)
        given = (state + image.sum((1, 2, 3))[:, None], (image > 0).sum((1, 2, 3)))
        return {spec.name: value.astype(spec.dtype) for spec, value in zip(self.outputs, given, strict=True)}


def predictor(batch: int = 1, layout: Any = "NCHW") -> Predictor:
    shape = (batch, 3, 4, 5) if layout == "NCHW" else (batch, 4, 5, 3)
    inputs = (TensorSpec("image_1", shape, "float32", layout), TensorSpec("state_1", (batch, 2), "float32", "other"))
    outputs = (TensorSpec("sum_1", (batch, 2), "float32", "NC"), TensorSpec("count_1", (batch,), "int64", "other"))
    session: Any = Session(inputs, outputs)
    return file_predictor("net.x", session, inputs, outputs, BOTH, find_task("tensors"), None)


def test_outputs_have_the_networks_names_whatever_the_files() -> None:
    found = predictor().run(SAMPLES)
    image = Preprocessing(4, (4, 5)).normalise(PIXELS)
    assert list(found) == ["sum", "count"]
    assert found["sum"].shape == (3, 2)
    np.testing.assert_allclose(found["sum"], STATES + image.sum((1, 2, 3))[:, None], rtol=1e-5)
    assert found["count"].tolist() == (image > 0).sum((1, 2, 3)).tolist()


@pytest.mark.parametrize("batch", [2, 3, 5])
def test_a_batch_gives_what_single_samples_give(batch: int) -> None:
    seen: list[tuple[int, int]] = []
    found = predictor(batch).run(SAMPLES, lambda done, total: seen.append((done, total)))
    for name, values in predictor().run(SAMPLES).items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6)
    assert seen[-1] == (3, 3)


def test_a_file_gets_its_layout() -> None:
    given = predictor(layout="NHWC").feeds({"image": PIXELS[:1], "state": STATES[:1]})
    assert {name: array.shape for name, array in given.items()} == {"image_1": (1, 4, 5, 3), "state_1": (1, 2)}
    found, wanted = predictor(layout="NHWC").run(SAMPLES), predictor().run(SAMPLES)
    np.testing.assert_allclose(found["sum"], wanted["sum"], rtol=1e-5)


def test_samples_of_another_network_are_refused() -> None:
    with pytest.raises(UsageError, match=r"net\.x takes state, and the samples have image"):
        predictor().run(samples_of(PIXELS))
    with pytest.raises(UsageError, match=r"takes a tensor of float32 \(1, 2\), but the samples of state are \(9,\)"):
        predictor().run(Samples({"image": PIXELS, "state": np.zeros((3, 9))}, SAMPLES.sha256))
    with pytest.raises(UsageError, match=r"takes an image of 4x5 px.*but the samples of image are \(8, 8, 3\)"):
        predictor().run(Samples({"image": np.zeros((3, 8, 8, 3), np.uint8), "state": STATES}, SAMPLES.sha256))


def test_a_file_of_another_network_is_refused() -> None:
    one = predictor()
    inputs, outputs = tuple(one.inputs.values()), tuple(one.outputs.values())
    with pytest.raises(ArtifactError, match=r"has image_1, sum_1, count_1, and its network image, state, sum, count"):
        file_predictor("net.x", one.session, inputs[:1], outputs, BOTH, find_task("tensors"), None)


def many(count: int = 32) -> Samples:
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (count, 4, 5, 3), np.uint8)
    state = random.normal(size=(count, 2)).astype(np.float32)
    return Samples({"image": pixels, "state": state}, tuple(map(str, range(count))))


def test_every_output_is_judged_and_the_report_has_the_worst() -> None:
    samples, strict = many(), Tolerances(max_abs_error=1e-4, sqnr_db=60)
    reference = predictor().run(samples)
    report = measure(predictor(), "PyTorch net", reference, samples, strict)
    assert (report.status, report.reason, report.agreement) == (Status.PASS, "", None)
    assert [(one.name, one.equal_percent, one.missed) for one in report.outputs] == [
        ("sum", None, ()),
        ("count", 100, ()),
    ]
    wrong = {"sum": reference["sum"] + 0.5, "count": reference["count"] + (np.arange(32) < 8)}
    report = measure(predictor(), "PyTorch net", wrong, samples, strict)
    assert report.status is Status.FAIL
    assert report.max_abs_error == pytest.approx(0.5, abs=1e-4)
    assert report.reason.startswith("sum: max abs error 0.5 is above 0.0")
    assert "count: 75.0 % of the values are equal, below 99.9 %" in report.reason


def test_another_set_of_outputs_cannot_be_compared() -> None:
    samples = many(2)
    reference = predictor().run(samples)
    with pytest.raises(UsageError, match=r"net\.x gives sum, count, and other sum, number"):
        measure(predictor(), "other", {"sum": reference["sum"], "number": reference["count"]}, samples, Tolerances())
    with pytest.raises(UsageError, match=r"net\.x returns sum \(2,\), other returns \(1,\)"):
        measure(predictor(), "other", {**reference, "sum": reference["sum"][:, :1]}, samples, Tolerances())
