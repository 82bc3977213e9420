"""Exporters that fail, for injecting faults into a converter process."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ca_deploy.errors import ModelError
from ca_deploy.records.conversion import Converted


def _begin(*arguments: Any) -> None:
    arguments[-1]("converting")
    print("last words", flush=True)


_networks = set[int]()


def works(*arguments: Any) -> Converted:
    """The one that does not fail; it counts the networks that it was given."""
    _begin(*arguments)
    _networks.add(id(arguments[0]))
    return Converted((), (), {"loaded networks": len(_networks)}, {})


def segfault(*arguments: Any) -> None:
    _begin(*arguments)
    ctypes.string_at(0)


def killed(*arguments: Any) -> None:
    _begin(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)


def exits(*arguments: Any) -> None:
    _begin(*arguments)
    sys.exit(7)


def raises(*arguments: Any) -> None:
    _begin(*arguments)
    raise ZeroDivisionError("ZeroDivisionError is what the log shows")


def refuses(*arguments: Any) -> None:
    _begin(*arguments)
    raise ModelError("cannot take this network")


def fills_the_disk(*arguments: Any) -> None:
    _begin(*arguments)
    Path("/dev/full").write_text("more than fits")


def hangs(*arguments: Any) -> None:
    arguments[-1]("hanging")
    time.sleep(600)
