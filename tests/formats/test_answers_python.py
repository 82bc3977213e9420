"""Written Python reads from a segmenter's outputs the classes that ca-deploy's own task reads."""

import re
from typing import Any

import numpy as np
import pytest

from tests.formats.answers import SEGMENTERS, answered
from tests.hostile import snippet


@pytest.mark.parametrize("format", ["onnx", "tflite", "coreml"])
@pytest.mark.parametrize("name", SEGMENTERS)
def test_the_classes_are_those_of_the_task(name: str, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = answered()[name]
    source = snippet(case.manifest(format), ".py")
    script, _, main = source.partition('if __name__ == "__main__":\n')
    found: dict[str, Any] = {"__name__": "script", "__file__": "net.py"}
    exec(script, found)
    outputs = case.values if "-> dict[str, np.ndarray]:" in script else case.values["out"][0]
    found |= {"run": lambda tensor: outputs, "preprocess": lambda photo: None, "open_rgb": lambda photo: case}
    lines = [line.removeprefix("    ") for line in main.splitlines()]
    exec("\n".join(lines[2 if "len(sys.argv)" in main else 0 :]).replace("sys.argv[1]", '""'), found)
    assert found["classes"].tolist() == case.classes.tolist()
    seen = case.classes[case.classes >= 0]
    printed = re.findall(r"^ *([0-9.]+)%  ([0-9]+)$", capsys.readouterr().out, re.M)
    assert printed == [(f"{(seen == one).mean():.1%}"[:-1], str(one)) for one in np.unique(seen)]
