"""The float counterpart of an integer file: what is left of the error is that of the weights."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.predictor import file_predictor
from ca_deploy.formats import find_format
from ca_deploy.networks.source import load as load_network
from ca_deploy.pipeline.verify import reference_answers
from ca_deploy.plugins import load
from ca_deploy.progress import no_step
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion
from ca_deploy.records.counterpart import Counterpart
from ca_deploy.records.model import ModelSource
from ca_deploy.runtimes import open_session
from tests.evaluation.damages.networks import SIDE
from tests.warm import Idle
from tests.zoo.images import samples

SOURCE = ModelSource(model="tests.evaluation.damages.networks:classifier", input_size=SIDE)
RECIPES = (
    "onnx_static_wi8_ai8",
    "onnx_static_wi8_ai8_int8_io",
    "onnx_static_wi8_ai8_uint8rgb_io",
    "tflite_static_wi8_ai8",
    "tflite_static_wi8_ai8_int8_io",
    "tflite_static_wi8_ai8_uint8rgb_io",
    "tflite_static_wi8_ai16",
    "tflite_dynamic_wi8_afp32",
    "coreml_static_wi8_ai8",
    "coreml_weight_only_wi8_afp16",
)


class Files:
    """Exports by recipe, and what their counterparts answer."""

    def __init__(self, folder: Path, idle: Idle) -> None:
        self.folder, self._idle = folder, idle
        self.network = load_network(SOURCE)
        self.reference = reference_answers(self.network, samples(16, self.network.signature, seed=1))

    def answers(self, recipe_name: str, *wanted: Counterpart) -> list[NDArray[np.float32] | None]:
        """Those of the file itself, and of each counterpart; None where it has none."""
        recipe = load_recipe(recipe_name)
        format = find_format(recipe.format)
        path = self.folder / f"{recipe_name}{format.suffix}"
        calibration = samples(32, self.network.signature, seed=0) if recipe.needs_calibration else None
        conversion = Conversion(SOURCE, recipe, calibration, path, path.with_suffix(".log"))
        with self._idle.lend(format, conversion.printed, self.folder) as worker:
            made = worker.convert(conversion, no_step)
        in_float = tuple(spec.in_float for spec in made.outputs)
        opened = [(open_session(path, known=True), made.outputs)]
        opened += [(load(format.unrounded)(path, self.folder, one), in_float) for one in wanted]
        network, found = self.network, []
        for session, outputs in opened:
            predictor = session and file_predictor(
                path.name, session, made.inputs, outputs, network.signature, network.task, network.labels
            )
            found.append(next(iter(predictor.run(self.reference.samples).values())) if predictor else None)
        return found

    def sqnr_db(self, found: NDArray[np.float32] | None) -> float:
        assert found is not None
        (expected,) = self.reference.answers.values()
        return metrics.sqnr_db(expected, found)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    folder = tmp_path_factory.mktemp("unrounded")
    with Idle(folder) as idle:
        yield Files(folder, idle)


@pytest.mark.parametrize("recipe", RECIPES)
def test_only_the_error_of_weights_is_left(recipe: str, files: Files) -> None:
    moved = [Counterpart(random=np.random.default_rng(seed)) for seed in (0, 0, 1)]
    own, wide, narrow, first, again, second = files.answers(recipe, Counterpart(), Counterpart(wide=False), *moved)
    assert files.sqnr_db(wide) > 30
    assert files.sqnr_db(wide) > files.sqnr_db(own) - 1
    assert files.sqnr_db(narrow) > files.sqnr_db(own) - 1
    np.testing.assert_array_equal(first, again)
    if recipe != "coreml_static_wi8_ai8":  # coremltools leaves so few weights float
        assert not np.array_equal(np.asarray(first), np.asarray(second))
        assert files.sqnr_db(first) > 20


# ONNX Runtime's dynamic files find their scales at run time.
@pytest.mark.parametrize("recipe", ["onnx_float32", "onnx_dynamic_wi8_afp32", "tflite_float32", "coreml_float16"])
def test_a_file_without_scales_has_none(recipe: str, files: Files) -> None:
    assert files.answers(recipe, Counterpart())[1] is None
