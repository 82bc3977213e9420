"""Nothing phones home, and nothing is written outside of results, temporary files and our cache.

The libraries that ca-deploy uses read these settings when they are imported, so they are made before; who set one
already is obeyed.
"""

import os

from ca_deploy.cache import cache_folder

_SETTINGS = {
    # onnxruntime 1.32 writes a device id and looks up its maker's event server when a model is optimised.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",  # comes with litert-torch, by transformers
    "DO_NOT_TRACK": "1",  # https://consoledonottrack.com
}
_FOLDERS = {
    "MPLCONFIGDIR": "matplotlib",  # else ~/.config/matplotlib and ~/.cache/matplotlib
    "KERAS_HOME": "keras",  # else ~/.keras; comes with tensorflow
}


def be_discreet() -> None:
    """Make the settings, in the environment that processes started from here inherit."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name, folder in _FOLDERS.items():
        os.environ.setdefault(name, str(cache_folder() / folder))
