"""A Core ML converter starts without TensorFlow, which coremltools would import and which others may."""

import subprocess
import sys

_CODE = """
import importlib.util
import sys
import ca_deploy.formats.coreml.export
assert "coremltools" in sys.modules
assert "tensorflow" not in sys.modules
assert importlib.util.find_spec("tensorflow") is not None
"""


def test_the_converter_imports_no_tensorflow() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
