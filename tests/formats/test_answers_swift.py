"""Compiled Swift reads from a network's outputs the boxes and classes that ca-deploy's own tasks read."""

import numpy as np
import pytest

from ca_deploy.formats import _quoting as quoting
from tests import swift
from tests.formats.answers import DETECTORS, SEGMENTERS, Answered, answered, as_boxes, example
from tests.formats.test_snippets_swift import unicode_scalars
from tests.hostile import snippet

_START = f"""
import CoreGraphics
import Foundation

func values(_ name: String) throws -> [Float] {{
    let data = try Data(contentsOf: URL(fileURLWithPath: "{swift.SEEN_AS}/" + name))
    return data.withUnsafeBytes {{ Array($0.bindMemory(to: Float.self)) }}
}}
func photo(_ width: Int, _ height: Int) -> CGImage {{
    let pixels = [UInt32](repeating: 0xFF10_2030, count: width * height)
    return CGImage(width: width, height: height, colorSpace: nil, pixels: pixels)
}}
func hexadecimal(_ text: String) -> String {{ text.utf8.map {{ String(format: "%02x", $0) }}.joined() }}
"""
_EXAMPLE = """@testable import {case}
import CoreGraphics
import Foundation

public func {name}(_ url: URL, _ photo: CGImage) throws {{
{code}}}
"""
_BOX = r'"\($0.left),\($0.top),\($0.right),\($0.bottom),\($0.score),\(hexadecimal($0.label))"'


def gives(case: Answered) -> str:
    """A line of Swift that makes all networks give the case's outputs."""
    outputs = ", ".join(
        f'{quoting.swift(one.name)}: try values("{case.name}.{place}")'
        for place, one in enumerate(case.stored.values())
    )
    return f"CoreML.given = [{outputs}]"


def call(case: Answered) -> str:
    """Lines of Swift that print what the outputs say."""
    photo = f"photo({case.size[0]}, {case.size[1]})"
    read = f'{case.name}.Segmenter().segment({photo}).map(String.init).joined(separator: ",")'
    if case.task == "detection":
        read = f'{case.name}.Detector().detect({photo}).map {{ {_BOX} }}.joined(separator: " ")'
    return f'{gives(case)}\nprint("gave", "{case.name}", try {read})'


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("swift")
    (folder / "net.mlmodelc").mkdir()
    cases = [case for case in answered().values() if not case.is_integer]  # Core ML's outputs are real
    for case in cases:
        for place, name in enumerate(case.values):
            (folder / f"{case.name}.{place}").write_bytes(case.in_file(name).astype(np.float32).tobytes())
    sources = {case.name: snippet(case.manifest("coreml"), ".swift") for case in cases}
    shown = []
    for name, case_name in {"detection": "trained", "segmentation": "map_logits"}.items():
        case = answered()[case_name]
        sources[name] = _EXAMPLE.format(case=case_name, name=name, code=example(f"{name}.md", "swift"))
        grey = np.full(case.size[0] * case.size[1], 0xFF808080)
        (folder / name).write_bytes(np.concatenate([[1, *case.size], grey]).astype(">u4").tobytes())
        opened = f'try {name}(URL(fileURLWithPath: "{swift.SEEN_AS}/{name}"), photo({case.size[0]}, {case.size[1]}))'
        shown += [gives(case), opened]
    imports = "\n".join(f"@testable import {name}" for name in ("CoreML", *sources))
    lines = swift.compile_and_run(sources, "\n".join((imports, _START, *map(call, cases), *shown, "")), folder)
    return {"example": lines[-2], **dict(line.split(" ", 2)[1:] for line in lines if line.startswith("gave "))}


@pytest.mark.parametrize("name", [name for name in DETECTORS if name != "trained_int8"])
def test_the_boxes_are_those_of_the_task(printed: dict[str, str], name: str) -> None:
    numbers, labels = as_boxes(printed[name], "utf-8")
    case = answered()[name]
    wanted = case.boxes
    assert labels == [unicode_scalars(label if case.labels else f"class {label}") for *_, label in wanted]
    assert numbers == pytest.approx(np.array([box for *box, _ in wanted]), abs=1e-3)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_the_classes_are_those_of_the_task(printed: dict[str, str], name: str) -> None:
    assert [int(one) for one in printed[name].split(",")] == answered()[name].classes.ravel().tolist()


def test_the_example_of_the_documentation_prints_them(printed: dict[str, str]) -> None:
    *sides, score, label = answered()["trained"].boxes[-1]
    shown, *numbers = printed["example"].split(" ")
    assert shown == label
    assert [float(number) for number in numbers] == pytest.approx([score, *sides], abs=1e-3)
