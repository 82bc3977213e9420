"""Where fetched and built parts are kept: the user's cache folder, or ``CA_DEPLOY_CACHE``."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ca_deploy.errors import DeviceError


def cache_folder() -> Path:
    if named := os.environ.get("CA_DEPLOY_CACHE"):
        return Path(named).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ca-deploy"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "ca-deploy" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ca-deploy"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache; made whole by ``make(folder)`` when it is not there yet.

    Raises:
        DeviceError: the cache cannot be written; and whatever ``make`` raises.
    """
    place = cache_folder() / name
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    except OSError as error:
        raise DeviceError(
            f"The cache {place.parent} cannot be written ({error.strerror}). Name another by CA_DEPLOY_CACHE."
        ) from error
    try:
        make(scratch)
        scratch.chmod(0o755)
        try:
            scratch.rename(place)
        except OSError:  # another process was faster
            if not place.is_dir():
                raise
        return place
    except OSError as error:
        raise DeviceError(f"The cache {place} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
