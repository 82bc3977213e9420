"""Parity notices that a file is damaged, at the weakest damage that changes one answer in a hundred.

Ten of the damages of ``benchmarks/damages.py``, which also measures the others, on other networks and photos.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ca_deploy.evaluation.predictor import file_predictor
from ca_deploy.formats import find_format
from ca_deploy.networks.source import Network, load
from ca_deploy.pipeline.verify import reference_answers
from ca_deploy.pipeline.worker import Worker
from ca_deploy.progress import no_step
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import LayerOverride
from ca_deploy.records.samples import Samples
from ca_deploy.runtimes import open_session
from tests.evaluation.damages.catalogue import DAMAGES
from tests.evaluation.damages.networks import SIDE
from tests.evaluation.damages.setting import Kind
from tests.evaluation.damages.subject import Subject
from tests.evaluation.damages.trial import judge, weakest
from tests.zoo.images import samples

FORMATS: dict[Kind, str] = {"classifier": "tflite", "detector": "onnx", "regressor": "onnx"}
NAMES = (
    "an output channel zeroed",
    "the last layer's bias lost",
    "an inner layer's scale doubled",
    "a kernel mirrored",
    "a residual connection dropped",
    "an inner zero point shifted",
    "the attention's gates swapped",
    "the mean not subtracted",
    "BGR for RGB",
    "half the resolution",
)


def held_out(network: Network) -> Samples:
    """128 images that a classifier is sure of, as one is that was trained."""
    found = samples(256, network.signature, seed=1)
    (answers,) = reference_answers(network, found).answers.values()
    if answers.ndim > 2 or answers.shape[1] == 1:
        return found.first(128)
    best = np.sort(answers, axis=1)
    surest = np.sort(np.argsort(best[:, -2] - best[:, -1])[:128])
    return Samples(
        {name: values[surest] for name, values in found.arrays.items()}, tuple(found.sha256[one] for one in surest)
    )


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kind, Subject]]:
    folder = tmp_path_factory.mktemp("damages")
    found: dict[Kind, Subject] = {}
    with ExitStack() as ending:
        workers = {
            name: ending.enter_context(Worker(find_format(name), folder / f"{name}.log", folder))
            for name in sorted({*FORMATS.values()})
        }
        for kind, format_name in FORMATS.items():
            source = ModelSource(model=f"tests.evaluation.damages.networks:{kind}", input_size=SIDE)
            network = load(source)
            reference = reference_answers(network, held_out(network))
            recipe = replace(load_recipe(f"{format_name}_static_wi8_ai8"), layer=(LayerOverride("head", "float"),))
            path = folder / f"{kind}{find_format(format_name).suffix}"
            calibration = samples(64, network.signature, seed=0)
            conversion = Conversion(source, recipe, calibration, path, path.with_suffix(".log"), lowering="reference")
            converted = workers[format_name].convert(conversion, no_step)
            predictor = file_predictor(
                path.name,
                open_session(path, known=True),
                converted.inputs,
                converted.outputs,
                network.signature,
                network.task,
                network.labels,
            )
            found[kind] = Subject.of(kind, path, predictor, recipe.tolerances, reference)
    yield found


def test_the_undamaged_files_pass(subjects: dict[Kind, Subject]) -> None:
    assert {kind: subject.parity().reason for kind, subject in subjects.items()} == dict.fromkeys(subjects, "")


@pytest.mark.parametrize("name", NAMES)
def test_a_damage_is_noticed_and_named(name: str, subjects: dict[Kind, Subject], tmp_path: Path) -> None:
    (damage,) = [damage for damage in DAMAGES if damage.name == name]
    found = {kind: judge(weakest(damage, subject, tmp_path), subject, tmp_path) for kind, subject in subjects.items()}
    applying = {kind: verdict for kind, verdict in found.items() if verdict.report is not None}
    assert applying
    assert {kind: verdict.caught for kind, verdict in applying.items()} == dict.fromkeys(applying, True)


def test_an_edit_that_is_no_damage_changes_nothing(subjects: dict[Kind, Subject], tmp_path: Path) -> None:
    for subject in subjects.values():
        file = subject.editable()
        outputs = [layer.output for layer in file.layers]
        places = (file.input, *outputs, *file.gates.values(), file.squeezed[1], file.skip[0], file.output)
        for place in {place.handle: place for place in places}.values():
            file.change(place, lambda on, x: on.blend(x, on.apply("mul", x, 2.0), 0.0))
        for layer in file.layers:
            file.set_layer(layer, layer.weight, layer.bias)
        edited = replace(
            subject.predictor, session=open_session(file.write(tmp_path / f"edited{file.suffix}"), known=True)
        )
        (answers,) = edited.run(subject.reference.samples).values()
        np.testing.assert_array_equal(answers, subject.answers)
