"""This machine."""

import platform
import sys

from ca_deploy.devices import DeviceKind
from ca_deploy.devices._here import _ASK_S, Here
from ca_deploy.devices._shell import PROBE, read_probe
from ca_deploy.errors import UsageError
from ca_deploy.records.devices import DeviceInfo, DeviceSummary


class Local(Here):
    """Measures on this machine, with the runtimes that are installed here."""

    counts_instructions = False
    is_this_machine = True
    python: str | None = sys.executable

    def probe(self) -> DeviceInfo:
        return read_probe(self.name, self._run(["sh", "-c", PROBE], _ASK_S).stdout.decode(errors="replace"))


def _open(rest: str, keep: bool) -> Local:
    if rest:
        raise UsageError(f"local is this machine and takes no address: leave {rest!r} out.")
    return Local("local", keep)


def _discover() -> list[DeviceSummary]:
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return [DeviceSummary("local", "ready", f"{platform.machine()}, {platform.system()}, {python}")]


KIND = DeviceKind("local", "local", "this machine", _open, _discover)
