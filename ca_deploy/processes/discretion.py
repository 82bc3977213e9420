"""No telemetry, and no files outside the results, the temporary files and the cache of ca-deploy.

The libraries that ca-deploy uses read these settings when they are imported, so they are made before; a setting that
the user made is kept.
"""

import os

from ca_deploy.cache import cache_folder

_SETTINGS = {
    # onnxruntime 1.32 writes a device id and looks up its vendor's event server when a model is optimised.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",  # for transformers, a dependency of litert-torch
    "DO_NOT_TRACK": "1",  # https://consoledonottrack.com
}
_FOLDERS = {
    "MPLCONFIGDIR": "matplotlib",  # else ~/.config/matplotlib and ~/.cache/matplotlib
    "TORCHINDUCTOR_CACHE_DIR": "torchinductor",  # else among the temporary files, for ever
    "KERAS_HOME": "keras",  # else ~/.keras; a dependency of tensorflow
}


def be_discreet() -> None:
    """Make the settings in the environment, which child processes inherit."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name, folder in _FOLDERS.items():
        os.environ.setdefault(name, str(cache_folder() / folder))
