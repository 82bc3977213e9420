"""How long one load or one run of a model may take: one that nobody vouches for may never end."""

import os
from pathlib import Path

from ca_deploy.errors import UsageError

_VARIABLE = "CA_DEPLOY_TIME_LIMIT"
_SECONDS, _SECONDS_PER_MIB = 300, 1.0  # a Raspberry Pi loads 25 MiB in less than a second


def time_limit_s(model: Path) -> float:
    """The seconds in ``CA_DEPLOY_TIME_LIMIT``, otherwise 300 and one more per MiB of the file or package.

    Raises:
        UsageError: the variable is not a number of seconds.
    """
    if (given := os.environ.get(_VARIABLE)) is not None:
        try:
            seconds = float(given)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < 1e9:
            raise UsageError(f"{_VARIABLE}={given!r} is not a number of seconds: write {_VARIABLE}=3600.")
        return seconds
    files = [path for path in model.rglob("*") if path.is_file()] if model.is_dir() else [model]
    return _SECONDS + _SECONDS_PER_MIB * sum(path.stat().st_size for path in files) / 2**20


def advice() -> str:
    """What to do about a model that was ended."""
    return f"It may contain a loop that never ends. If it is only slow, allow more seconds: {_VARIABLE}=3600."
