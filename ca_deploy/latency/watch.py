"""Samples the conditions on a device while it works: clock, temperature and throttling, once per second."""

import contextlib
import threading
from types import TracebackType
from typing import Self

from ca_deploy.devices import Device
from ca_deploy.errors import DeviceError
from ca_deploy.records.devices import Conditions

# Each look costs the device some time; once per second is enough to see the clock fall.
_EVERY_S = 1.0
_FIRST_AFTER_S = 0.4


class Watch:
    """A context manager; ``seen`` holds the conditions sampled while it was open."""

    def __init__(self, device: Device, every_s: float = _EVERY_S) -> None:
        self._device, self._every_s = device, every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.seen: list[Conditions] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=None if kind is None else 2)  # a lost device may not answer for a long time

    def _look(self) -> None:
        wait = _FIRST_AFTER_S
        with contextlib.suppress(DeviceError):  # the run itself fails in the same way and reports it
            while not self._over.wait(wait):
                self.seen.append(self._device.conditions())
                wait = self._every_s
