"""Looks at the device while it works: clock, temperature and throttling once a second."""

import contextlib
import threading
from types import TracebackType
from typing import Self

from ca_deploy.devices import Device
from ca_deploy.errors import DeviceError
from ca_deploy.records.devices import Conditions

# Looking costs the device a moment itself; once a second is enough to see a clock fall.
_EVERY_S = 1.0
_FIRST_AFTER_S = 0.4


class Watch:
    """A context manager; ``seen`` holds what was seen while it was open."""

    def __init__(self, device: Device) -> None:
        self._device = device
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
        self._thread.join(timeout=None if kind is None else 2)  # a device that vanished may not answer for long

    def _look(self) -> None:
        wait = _FIRST_AFTER_S
        with contextlib.suppress(DeviceError):  # the run itself will meet and report it
            while not self._over.wait(wait):
                self.seen.append(self._device.conditions())
                wait = _EVERY_S
