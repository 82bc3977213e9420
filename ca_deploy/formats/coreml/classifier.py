"""Make a program a classifier: the ``classify`` operation, and its entries in the specification.

coremltools can only add it during conversion, and its ``optimize`` functions cannot rewrite a program that has both
``classify`` and another output (coremltools 9 requires ``classify`` to be the last operation, but appends others). So
it is added to the finished specification, as coremltools would write it.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import ParseDict

LABEL, LABEL_PROBABILITIES = "classLabel", "classLabel_probs"

_TEXT = {"tensorType": {"dataType": "STRING"}}
_DICTIONARY = {"keyType": _TEXT, "valueType": {"tensorType": {"dataType": "FLOAT64"}}}


def add_classifier(spec: Any, probabilities: str, labels: Sequence[str]) -> None:
    """Replace the output ``probabilities (1, classes)`` by a class and a dictionary label -> probability, in place."""
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    classes = {
        "type": {"listType": {"type": _TEXT, "length": {"constant": {"size": len(labels)}}}},
        "immediateValue": {"list": {"values": [_text(label) for label in labels]}},
    }
    operation = {
        "type": "classify",
        "inputs": {
            "probabilities": {"arguments": [{"name": probabilities}]},
            "classes": {"arguments": [{"value": classes}]},
        },
        "outputs": [
            {"name": LABEL, "type": _TEXT},
            {"name": LABEL_PROBABILITIES, "type": {"dictionaryType": _DICTIONARY}},
        ],
        "attributes": {"name": _text("classify_0")},
    }
    ParseDict(operation, block.operations.add())
    block.outputs[:] = [LABEL, LABEL_PROBABILITIES, *(name for name in block.outputs if name != probabilities)]

    description = spec.description
    others = [output for output in description.output if output.name != probabilities]
    del description.output[:]
    ParseDict({"name": LABEL, "type": {"stringType": {}}}, description.output.add())
    dictionary: dict[str, Any] = {"dictionaryType": {"stringKeyType": {}}}
    ParseDict({"name": LABEL_PROBABILITIES, "type": dictionary}, description.output.add())
    description.output.extend(others)
    description.predictedFeatureName = LABEL
    description.predictedProbabilitiesName = LABEL_PROBABILITIES


def _text(value: str) -> dict[str, Any]:
    return {"type": _TEXT, "immediateValue": {"tensor": {"strings": {"values": [value]}}}}
