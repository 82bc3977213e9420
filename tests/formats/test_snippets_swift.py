"""Generated Swift, by its grammar: whatever packages, tensors and labels are called, names are strings in it."""

import re

import pytest

from tests.hostile import CANARY, LONG, READABLE, TEXTS, giving_map, manifest, payloads, snippet
from tests.syntax_trees import take_apart

RECIPES = ["coreml_float32", "coreml_static_wi8_ai8_uint8rgb_io"]
PAYLOADS = payloads(f'try! "".write(toFile: "{CANARY}", atomically: true, encoding: .utf8)')
NAMES = [*PAYLOADS, "|".join(TEXTS), LONG]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_the_grammar_finds_names_in_strings_and_the_same_code_around_them(recipe: str, name: str) -> None:
    given = manifest(recipe, name, [*TEXTS, *PAYLOADS, LONG])
    names = [given.file.removesuffix(".mlpackage"), given.inputs[0].name, given.outputs[0].name]
    held = [unicode_scalars(text) for text in (*(given.labels or ()), *names)]
    strings, code = take_apart("swift", snippet(given, ".swift"))
    assert [text for text in strings if text != "mlmodelc"] == held
    plain = manifest(recipe, "net", ["daisy"] * len(given.labels or ()))
    assert code == take_apart("swift", snippet(plain, ".swift"))[1]


def test_ordinary_names_stay_readable() -> None:
    source = snippet(manifest("coreml_float32", "Gänseblümchen_netz", READABLE), ".swift")
    for text in (*READABLE, "Gänseblümchen_netz"):
        assert f'"{text}"' in source


def test_a_map_is_not_called_logits() -> None:
    source = snippet(giving_map(manifest("coreml_float32", "net", None)), ".swift")
    assert source.startswith("// Run the network on a photo with ")
    assert "/// The network's output. Flat: the last axis of (2, 4, 6) changes fastest. The photo" in source
    assert "final class Network {" in source
    assert not re.search("logits|classif|per class", source, re.I)


def unicode_scalars(text: str) -> str:
    """What a Swift string can hold of it: no lone surrogates."""
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
