"""The reference executor as a runtime, and Core ML itself where it is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.runtimes import find_runtime, open_session, runtimes_for
from tests.mil.test_package import write_package


def test_it_opens_packages_and_never_calls_itself_core_ml(tmp_path: Path) -> None:
    path = write_package(tmp_path / "a.mlpackage")
    session = open_session(path, "mil")
    assert session.runtime == "reference executor"
    assert (session.inputs[0].name, session.inputs[0].shape, session.inputs[0].dtype) == ("x", (1, 4), "float32")
    assert find_runtime("mil")[0].reference


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML is there")
def test_core_ml_needs_a_mac(tmp_path: Path) -> None:
    path = write_package(tmp_path / "a.mlpackage")
    with pytest.raises(RuntimeUnavailable, match="macOS only"):
        open_session(path, "coreml")
    assert [runtime.name for runtime in runtimes_for(path)] == ["mil", "coreml"]
    assert open_session(path).run({"x": np.zeros((1, 4), np.float32)})


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match=r"opens \.mlpackage files, not a\.onnx"):
        open_session(tmp_path / "a.onnx", "mil")
