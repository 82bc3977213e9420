"""Generated Swift for photos, by its grammar: a file has what it uses, and keeps no pointer."""

import re
from itertools import product

import pytest

from ca_deploy.records.preprocessing import Channels, Fit
from tests.formats.inputs import CHANNELS, FITS, manifest_of, preprocessing, spec
from tests.hostile import snippet
from tests.syntax_trees import take_apart

KINDS = list(product(FITS, CHANNELS, (False, True)))


def swift(fit: Fit, channels: Channels, picture: bool) -> str:
    """Without comments and strings; a picture is raw, and a tensor normalised."""
    given = preprocessing(fit, channels, 1, (24, 41), 27)
    taken = spec(given, "uint8", "NHWC") if picture else spec(given, "float32", "NCHW")
    return take_apart("swift", snippet(manifest_of("coreml_float32", given, taken), ".swift"))[1]


@pytest.mark.parametrize(("fit", "channels", "picture"), KINDS)
def test_a_file_has_what_it_uses_and_nothing_else(fit: Fit, channels: Channels, picture: bool) -> None:
    code = swift(fit, channels, picture)
    assert ("import CoreVideo" in code, "CVPixelBuffer" in code) == (picture, picture)
    names = set(re.findall(r"^private (?:func|struct) (\w+)", code, re.M))
    used = {
        "tensor": not picture,
        "feature": not picture,
        "picture": picture,
        "fitted": True,
        "pixels": True,
        "array": True,
        "Filter": fit != "none",
        "scaled": fit != "none",
        "grey": channels == "grey",
    }
    assert names == {name for name, is_used in used.items() if is_used}
    assert all(len(re.findall(rf"\b{name}\b", code)) > 1 for name in names)
    assert "$" not in re.sub(r"\$0", "", code)


@pytest.mark.parametrize(("fit", "channels", "picture"), KINDS)
def test_no_pointer_outlives_its_call_and_nothing_is_copied_number_by_number(
    fit: Fit, channels: Channels, picture: bool
) -> None:
    code = swift(fit, channels, picture)
    drawing = code.partition("withUnsafeMutableBytes { memory in")[2].partition("\n    }\n")[0]
    assert "data: memory.baseAddress" in drawing
    assert code.count("baseAddress") == 1
    assert set(re.findall(r"&(\w+)", code)) <= {"made", "narrow", "pixels"}  # for Core Video, and Swift's own inout
    assert re.findall(r"into: &\w+", code) == ([] if fit == "none" else ["into: &narrow", "into: &pixels"])
    assert "NSNumber" not in code
    assert "MLMultiArray" not in code
