"""What parity says of an integer file beyond the figures of its outputs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ca_deploy.formats import find_format
from ca_deploy.networks.source import load
from ca_deploy.pipeline.verify import Verified, reference_answers, verify
from ca_deploy.pipeline.worker import Worker
from ca_deploy.progress import no_step
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion
from ca_deploy.records.model import ModelSource
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.recipe import Tolerances
from tests.evaluation.damages.networks import SIDE
from tests.zoo.images import samples

SOURCE = ModelSource(model="tests.evaluation.damages.networks:detector", input_size=SIDE)
BY = Tolerances(sqnr_db=10).with_floors


@pytest.fixture(scope="module")
def parity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ParityReport]]:
    """Exports the detector to ONNX with a recipe changed so, and verifies it."""
    folder = tmp_path_factory.mktemp("unrounded")
    network = load(SOURCE)
    reference = reference_answers(network, samples(64, network.signature, seed=1))
    calibration = samples(64, network.signature, seed=0)
    with Worker(find_format("onnx"), folder / "onnx.log", folder) as worker:

        def exported(**changes: Any) -> ParityReport:
            recipe = replace(load_recipe("onnx_static_wi8_ai8"), **{"tolerances": BY, **changes})
            path = folder / "detector.onnx"
            conversion = Conversion(SOURCE, recipe, calibration, path, path.with_suffix(".log"))
            found: Verified = verify(conversion, worker.convert(conversion, no_step), reference)
            return found.parity

        yield exported


def test_a_good_file_says_what_it_has_without_rounding(parity: Callable[..., ParityReport]) -> None:
    report = parity()
    assert (report.status, report.reason) == (Status.PASS, "")
    (output,) = report.outputs
    assert output.unrounded is not None
    assert output.unrounded.least_db == 18
    assert output.unrounded.sqnr_db is not None
    assert output.unrounded.sqnr_db > 25
    assert output.unrounded.expected_db is not None
    assert output.unrounded.expected_db > 25


def test_ranges_that_cut_off_too_much_are_the_cause(parity: Callable[..., ParityReport]) -> None:
    report = parity(calibration="percentile", percentile=98.0)
    assert report.status == Status.FAIL
    assert "its ranges cut off values: not rounded, it has " in report.reason
    assert 'calibration = "min_max"' in report.reason


def test_rounding_is_the_cause(parity: Callable[..., ParityReport]) -> None:
    report = parity(calibration="min_max", tolerances=replace(BY, channel_sqnr_db=24))
    assert report.status == Status.FAIL
    assert "; rounding of activations costs it: not rounded, it has " in report.reason
