"""The modules of a network are called alike in all formats that have names for them."""

from ca_deploy.graphs import read
from ca_deploy.pipeline.export import Export


def test_layers_with_weights_have_the_same_modules_in_onnx_and_tflite(reference_exports: dict[str, Export]) -> None:
    """The last one too, whose result is called as the network's output is; attention has a form of each runtime's."""
    modules = {
        recipe: {
            node.module for node in read(export.path).nodes if node.multiply_adds and "attention" not in node.module
        }
        for recipe, export in reference_exports.items()
    }
    assert {"features.0.0", "classifier.1"} <= modules["onnx_float32"]
    assert set(map(frozenset, modules.values())) == {frozenset(modules["onnx_float32"])}
