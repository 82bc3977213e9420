"""A package of a network with labels names the class."""

from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest

from ca_deploy.mil.executor import Executor
from ca_deploy.networks.source import Network
from ca_deploy.records.conversion import Converted
from tests.formats.coreml.kit import LABELS, specification
from tests.formats.kit import photos
from tests.samples import normalised


@pytest.mark.parametrize("name", ["coreml_float32", "coreml_static_wi8_ai8_uint8rgb_io"])
def test_it_names_the_class(name: str, network: Network, exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported[name]
    rgb = photos(1, seed=7)
    found = Executor(path).run({"image": normalised(network, rgb) if converted.inputs[0].normalised else rgb})
    logits = found["logits"][0]
    assert found["classLabel"] == LABELS[logits.argmax()]
    softmax = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert list(found["classLabel_probs"]) == list(LABELS)
    np.testing.assert_allclose(list(found["classLabel_probs"].values()), softmax, atol=2e-3)
    description = specification(path).description
    assert description.predictedFeatureName == "classLabel"
    assert [output.name for output in description.output] == ["classLabel", "classLabel_probs", "logits"]


def test_the_classifier_is_spelt_as_coremltools_spells_it(
    exported: dict[str, tuple[Path, Converted]], tmp_path: Path
) -> None:
    """A probabilities-only classifier, which coremltools can make itself."""
    from coremltools.converters.mil.mil import Builder as mb

    def softmax(x: Any) -> Any:
        return mb.softmax(x=x, axis=1, name="probabilities")

    program = mb.program(input_specs=[mb.TensorSpec(shape=(1, 5))], opset_version=ct.target.iOS16)(softmax)
    arguments = {"convert_to": "mlprogram", "minimum_deployment_target": ct.target.iOS16, "skip_model_load": True}
    arguments["compute_precision"] = ct.precision.FLOAT32
    theirs = ct.convert(program, classifier_config=ct.ClassifierConfig(list(LABELS)), **arguments).get_spec()
    operation = _main(theirs).operations[-1]
    ours = _main(specification(exported["coreml_float32"][0])).operations[-1]
    assert operation.type == ours.type == "classify"
    assert operation.inputs["classes"] == ours.inputs["classes"]
    assert list(operation.outputs) == list(ours.outputs)
    features = [f for f in specification(exported["coreml_float32"][0]).description.output if f.name != "logits"]
    assert [f.type for f in features] == [f.type for f in theirs.description.output]


def _main(spec: Any) -> Any:
    function = spec.mlProgram.functions["main"]
    return function.block_specializations[function.opset]
