"""Generated Swift for several inputs and outputs, by its grammar, whatever these are called."""

import re

import pytest

from tests.formats.several import PLAIN, SWIFT, several
from tests.hostile import CANARY, LONG, TEXTS, payloads, snippet
from tests.syntax_trees import take_apart

PAYLOADS = payloads(f'try! "".write(toFile: "{CANARY}", atomically: true, encoding: .utf8)')
KEYWORDS = ["class", "self", "feature", "Type", "init", "map"]
NAMES = [
    KEYWORDS,
    PAYLOADS[:6],
    PAYLOADS[2:],
    ["", "_", "雏菊", "9lives", "a b", "a-b"],
    [LONG, f"{LONG}.", "x", "X", "y", "Y"],
    *([f"{text}{place}" for place in range(6)] for text in TEXTS),
]


@pytest.mark.parametrize("case", SWIFT)
@pytest.mark.parametrize("names", NAMES, ids=range(len(NAMES)))
def test_names_are_strings_and_what_they_become_is_legal(case: str, names: list[str]) -> None:
    given = several(SWIFT[case], names)
    strings, code = take_apart("swift", snippet(given, ".swift"))
    files = [spec.name for spec in (*given.inputs, *given.outputs)]
    wanted = [given.file.removesuffix(".mlpackage"), "mlmodelc", *files]
    assert strings == [text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") for text in wanted]
    plain = take_apart("swift", snippet(several(SWIFT[case], PLAIN), ".swift"))[1]
    assert shape_of(code) == shape_of(plain)
    parameters, properties = declared(code)
    for found, count in ((parameters, 4), (properties, 2)):
        assert len({name.lower() for name in found} - {"class", "self", "init", "type"}) == count
        assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in found)


def declared(code: str) -> tuple[list[str], list[str]]:
    """The parameters of ``run``, and the properties of ``Outputs``."""
    run = code.partition("func run(")[2].partition(") throws")[0]
    outputs = code.partition("struct Outputs {")[2].partition("}")[0]
    return re.findall(r"^\s+(\w+): ", run, re.M), re.findall(r"^\s+let (\w+): ", outputs, re.M)


def shape_of(code: str) -> str:
    """The code without its words."""
    return re.sub(r"\w+", "w", code)


def test_what_is_written_is_readable() -> None:
    source = snippet(several(SWIFT["coreml"]), ".swift")
    for text in (
        '        image: CGImage,  // "image": a photo\n        state: [Float],  // "state": (1, 5)\n',
        '        mask: CGImage,  // "mask": a photo\n        tokens: [Int32]  // "tokens": (1, 2, 3)\n    ) throws',
        '    let logits: [Float]  // "logits": (1, 5), probabilities that sum to 1\n    let classes: [Int32]  // "cl',
        '            "image.": feature(tensor_image(image), [1, 3, 6, 8]),\n            "state.": feature(state, ',
        '            "mask.": feature(tensor_mask(mask), [1, 1, 5, 4]),\n            "tokens.": feature(tokens, ',
        '            logits: array(outputs, "logits."),\n            classes: array(outputs, "classes.")\n',
        "    let pixels = try fitted_mask(photo)\n",
    ):
        assert text in source
    assert source.count("private func grey(") == 1


def test_a_batch_is_as_many_photos() -> None:
    source = snippet(several(SWIFT["coreml_batch"]), ".swift")
    assert '        image: [CGImage],  // "image": 3 photos\n' in source
    assert '"image.": feature(image.flatMap { try tensor_image($0) }, [3, 3, 6, 8]),\n' in source
    assert "guard values.count == shape.reduce(1, *) else" in source
