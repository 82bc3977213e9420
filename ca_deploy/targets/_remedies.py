"""What to do about a node that a target rejects, as data in the TOML files of the targets."""

import re
from dataclasses import dataclass, replace

from ca_deploy.graphs import Graph
from ca_deploy.records.compat import Finding

# To export with the recipe would change nothing.
_LEFT_OUT = "The file is of that kind already, only this operator is not: write it with operators that are converted."
_EIGHT_BITS, _SIXTEEN_BITS = {"int8", "uint8"}, {"int16", "uint16"}
_ACTIVATIONS = {"float32", "float16", *_EIGHT_BITS, *_SIXTEEN_BITS}  # others, as int32 of shapes, are so in any export


@dataclass(frozen=True, slots=True)
class Remedy:
    """``text`` says what to do, and ``recipe`` does it where that is the name of one.

    ``introduces`` are the operators that replace the node's, by their names in every format that has such a target.
    """

    text: str = ""
    introduces: tuple[str, ...] = ()
    recipe: str = ""


NO_REMEDY = Remedy()


def read_remedy(entry: object) -> Remedy:
    """A remedy from TOML: its text, or a table of its fields.

    Raises:
        ValueError: neither, or a field of another name or type.
    """
    if isinstance(entry, str):
        return Remedy(entry)
    if not isinstance(entry, dict) or not entry.keys() <= {"text", "introduces", "recipe"} or not entry.get("text"):
        raise ValueError("a remedy is a text, or has text, introduces and recipe")
    introduces, texts = entry.get("introduces", []), (entry["text"], entry.get("recipe", ""))
    if not isinstance(introduces, list) or not all(isinstance(text, str) for text in (*introduces, *texts)):
        raise ValueError("a remedy's text and recipe are texts, and introduces is a list of operators")
    return Remedy(texts[0], tuple(introduces), texts[1])


def with_remedy(finding: Finding, remedy: Remedy, graph: Graph) -> Finding:
    """The finding with what to do about it; a recipe with the command that exports with it, where that changes it."""
    if not remedy.recipe:
        return replace(finding, remedy=remedy.text, introduces=remedy.introduces)
    data = graph.data_inputs(graph.nodes[finding.index])
    if data and data[0].dtype not in _ACTIVATIONS:
        return finding
    if _is_written_by(remedy.recipe, graph):
        return replace(finding, remedy=_LEFT_OUT)
    text = f"{remedy.text} ca-deploy export … --recipe {remedy.recipe}"
    return replace(finding, remedy=text, recipe=remedy.recipe, introduces=remedy.introduces)


def _is_written_by(recipe: str, graph: Graph) -> bool:
    """Whether activations, inputs and outputs of the file have the types that the recipe gives them."""
    found = graph.activation_types
    if bits := re.search(r"_ai(8|16)", recipe):
        wanted = _EIGHT_BITS if bits[1] == "8" else _SIXTEEN_BITS
    else:
        wanted = {"float16"} if recipe.endswith("float16") and not recipe.startswith("tflite") else {"float32"}
    if recipe.endswith("float32") and "float16" in graph.dtypes:
        return False
    if "_int8_io" in recipe and not {graph.tensors[t].dtype for t in (*graph.inputs, *graph.outputs)} <= _EIGHT_BITS:
        return False
    return bool(found & wanted)
