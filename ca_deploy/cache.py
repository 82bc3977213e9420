"""Where fetched and built parts are kept: the user's cache folder, or ``CA_DEPLOY_CACHE``.

``import ca_deploy`` imports this before the command can answer Ctrl-C, so what is needed later is imported later.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    if named := os.environ.get("CA_DEPLOY_CACHE"):
        return Path(named).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ca-deploy"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "ca-deploy" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ca-deploy"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache; if it does not exist, it is created atomically by ``make(folder)``.

    Raises:
        DeviceError: the cache cannot be written. Whatever ``make`` raises is passed on.
    """
    from ca_deploy.delivery import settle
    from ca_deploy.delivery.flush import flush
    from ca_deploy.delivery.scratch import scratch_in
    from ca_deploy.errors import DeviceError

    place = cache_folder() / name
    settle(place.parent)
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with scratch_in(place.parent) as folder:
            make(folder)
            folder.chmod(0o755)
            flush(folder)
            try:
                folder.rename(place)
            except OSError:  # another process was faster
                if not place.is_dir():
                    raise
    except OSError as error:
        raise DeviceError(
            f"The cache {place.parent} cannot be written ({error.strerror or error}). "
            "Choose another with CA_DEPLOY_CACHE."
        ) from error
    return place
