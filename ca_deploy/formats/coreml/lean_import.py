"""coremltools, imported without TensorFlow: it is to be imported before any other module of coremltools.

coremltools imports TensorFlow wherever that is installed, for the conversion of TensorFlow's own networks, which is not
used here. That is 4 of the 10 processor seconds in which a converter starts. Whoever imports TensorFlow later, such as
a user's factory, finds it.
"""

import importlib
import sys

if "tensorflow" not in sys.modules:
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # so that its import raises ImportError
    try:
        importlib.import_module("coremltools")
    finally:
        del sys.modules["tensorflow"]
