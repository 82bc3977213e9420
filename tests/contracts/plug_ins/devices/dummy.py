"""This machine, by another name."""

from ca_deploy.devices import Device, DeviceKind
from ca_deploy.devices import local as this_machine
from ca_deploy.records.devices import DeviceSummary


def _open(rest: str, keep: bool) -> Device:
    return this_machine.Local(f"dummy:{rest}", keep)


KIND = DeviceKind(
    "dummy", "dummy:NAME", "a device that a folder was given", _open, lambda: [DeviceSummary("dummy:one", "ready", "")]
)
