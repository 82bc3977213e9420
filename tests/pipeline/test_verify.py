"""A file is compared with the network that it was made from: right, wrong, or not comparable here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ca_deploy import plugins
from ca_deploy.formats import find_format
from ca_deploy.networks.source import load
from ca_deploy.pipeline.stages import carry_out
from ca_deploy.pipeline.verify import Reference, reference_answers, verify
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.parity import Status
from ca_deploy.runtimes import Runtime
from tests.formats.kit import photos
from tests.pipeline.kit import TINY
from tests.samples import samples_of

Made = Callable[[str], tuple[Conversion, Converted]]


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_answers(load(TINY), samples_of(photos(32, seed=5)))


@pytest.fixture
def make(tmp_path: Path) -> Made:
    """The tiny network by a recipe."""

    def made(name: str) -> tuple[Conversion, Converted]:
        recipe = load_recipe(name)
        form = find_format(recipe.format)
        images = samples_of(photos(16, seed=1)) if recipe.needs_calibration else None
        conversion = Conversion(TINY, recipe, images, tmp_path / f"tiny{form.suffix}", tmp_path / "log")
        return conversion, carry_out(plugins.load(form.converter)(load(TINY)), conversion, lambda text: None)

    return made


def test_a_good_file_passes_and_is_timed_against_its_float32_twin(make: Made, reference: Reference) -> None:
    found = verify(*make("onnx_static_wi8_ai8"), reference)
    assert (found.parity.status, found.parity.reason) == (Status.PASS, "")
    assert found.parity.images == 32
    assert (found.parity.subject, found.parity.reference) == ("tiny.onnx", "PyTorch tiny_trained")
    assert found.settings == {"session.qdqisint8allowed": "1"}
    assert found.speed is not None
    assert found.speed.ratio is not None
    assert found.speed.ratio.ratio == pytest.approx(found.speed.median_ms / found.speed.float32_median_ms)
    assert found.speed.ratio.low <= found.speed.ratio.ratio <= found.speed.ratio.high


def test_a_float32_file_has_no_twin(make: Made, reference: Reference) -> None:
    found = verify(*make("onnx_float32"), reference)
    assert (found.parity.status, found.speed, found.settings) == (Status.PASS, None, {})


def test_core_ml_is_not_timed_by_its_reference_executor(make: Made, reference: Reference) -> None:
    found = verify(*make("coreml_float16"), reference)
    assert found.parity.status is Status.PASS
    assert (found.speed is None) == (found.parity.runtime == "reference executor")


def test_a_wrong_file_fails_with_every_tolerance_that_it_misses(make: Made, reference: Reference) -> None:
    conversion, converted = make("onnx_float16")
    model = onnx.load(conversion.path)
    for constant in model.graph.initializer:
        if constant.name.startswith("classifier"):
            constant.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(constant), constant.name))
    onnx.save(model, conversion.path)
    found = verify(conversion, converted, reference)
    assert found.parity.status is Status.FAIL
    assert "SQNR" in found.parity.reason
    assert "agreement" in found.parity.reason


def test_too_few_images_are_no_proof(make: Made, reference: Reference) -> None:
    answers = {name: values[:4] for name, values in reference.answers.items()}
    few = replace(reference, samples=reference.samples.first(4), answers=answers)
    found = verify(*make("onnx_float32"), few)
    assert found.parity.status is Status.SKIPPED
    assert found.parity.reason.startswith("4 images are too few: a verdict needs 32")


def test_what_no_runtime_here_can_run_is_skipped_and_says_so(
    make: Made, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversion, converted = make("onnx_float32")
    monkeypatch.setattr(Runtime, "missing", lambda runtime: "it is not installed here")
    found = verify(conversion, converted, reference)
    assert found.parity.status is Status.SKIPPED
    assert "it is not installed here" in found.parity.reason
    assert (found.parity.images, found.parity.max_abs_error, found.speed) == (0, None, None)
    assert found.parity.tolerances == conversion.recipe.tolerances


def test_answers_are_those_of_the_network(reference: Reference) -> None:
    assert reference.network.task.name == "classification"
    ((name, answers),) = reference.answers.items()
    assert (name, answers.shape) == ("logits", (32, 5))
    assert np.isfinite(answers).all()
