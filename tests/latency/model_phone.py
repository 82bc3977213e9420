"""A phone made of two equations and a clock of its own: half an hour passes at once.

It is heated by its work and cooled by the room, ``C dT/dt = P - (T - 25 °C) / R``, and above 55 °C it lowers its clock.
Work that computes becomes slower with the clock; work that waits for memory does not. What it says of its battery has
the form of AOSP's BatteryService.dumpInternal and of the kernel's power_supply class; the numbers are the model's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ca_deploy.devices._shell import read_conditions
from ca_deploy.records.devices import Completed, Conditions, Core, DeviceInfo

_ROOM_C, _RESISTANCE, _CAPACITY = 25.0, 9.0, 25.0
_THROTTLES_C, _SLOWEST = 55.0, 0.5
_LOOK_EVERY_S = 5.0


class ModelPhone:
    """``works`` has, by a part of a file's name, ms at the full clock, the share that depends on it, and watts."""

    name, counts_instructions, is_this_machine = "adb:model", False, False
    python: str | None = "python"

    def __init__(self, works: Mapping[str, tuple[float, float, float]], charging: bool = False) -> None:
        self._works, self._charging = works, charging
        self.now_s, self._heat_c, self._watts = 1000.0, _ROOM_C, 0.0
        self.seen: list[Conditions] = []
        self.used_j: dict[str, float] = {}
        self.inferences: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def clock(self) -> float:
        """1 is the full clock."""
        return max(_SLOWEST, 1 - max(0.0, self._heat_c - _THROTTLES_C) / 25)

    def probe(self) -> DeviceInfo:
        return DeviceInfo(self.name, "a model", "Android 15", "aarch64", ("asimd",), (Core(0, "0xd0b", 2_400_000),))

    def conditions(self) -> Conditions:
        charger = "true" if self._charging else "false"
        said = (
            f"khz=0 {round(2_400_000 * self.clock)}\ngovernor=0 performance\nzone={round(self._heat_c * 1000)} cpu\n"
            f"current_now={-round(self._watts / 3.9 * 1e6)}\nvoltage_now=3900000\nload=0.10 0.10 0.10 1/1 1\n"
            f"battery=AC powered: false\nbattery=USB powered: {charger}\nbattery=Wireless powered: false\n"
            "battery=Charge counter: 2873000\nbattery=level: 80\nthermal=Thermal Status: 0\n"
        )
        return replace(read_conditions(said), at_s=self.now_s)

    def push(self, files: Sequence[Path]) -> Mapping[Path, str]:
        return {file: str(file) for file in files}

    def run(self, argv: Sequence[str], timeout_s: float) -> Completed:
        lasts_s = float(argv[argv.index("--min-seconds") + 1])
        assert lasts_s < timeout_s
        file = argv[argv.index("--model") + 1]
        name, (full_ms, computes, self._watts) = next(work for work in self._works.items() if work[0] in file)
        began_s = self.now_s
        look_s, invoke_ns, start_ns = began_s, [], []
        while self.now_s - began_s < lasts_s:
            if self.now_s >= look_s:
                self.seen.append(self.conditions())
                look_s += _LOOK_EVERY_S
            ms = full_ms * (1 - computes + computes / self.clock)
            start_ns.append(round(self.now_s * 1e9))
            invoke_ns.append(round(ms * 1e6))
            self._work(ms / 1000)
            self.used_j[name] = self.used_j.get(name, 0) + self._watts * ms / 1000
        self.inferences[name] = self.inferences.get(name, 0) + len(invoke_ns)
        said = {"runtime": "litert", "runtime_version": "1.4.0", "load_ns": 0, "first_ns": 0, "warmup_ns": []}
        said |= {"invoke_ns": invoke_ns, "start_ns": start_ns, "set_input_ns": [0] * len(invoke_ns)}
        said |= {"get_output_ns": [0] * len(invoke_ns), "delegate": None, "inputs": [], "outputs": []}
        return Completed(0, json.dumps({**said, "peak_rss_kb": None}).encode(), b"")

    def _work(self, seconds: float) -> None:
        self.now_s += seconds
        self._heat_c += seconds * (self._watts - (self._heat_c - _ROOM_C) / _RESISTANCE) / _CAPACITY

    def pull(self, remote: str, local: Path) -> None:
        raise NotImplementedError

    def scratch(self) -> str:
        return "/data/local/tmp"


class ModelWatch:
    """In the place of the one that looks by this machine's clock."""

    def __init__(self, device: ModelPhone, every_s: float = 1.0) -> None:
        assert every_s == _LOOK_EVERY_S, "lasting load is looked at seldom"
        self._device = device

    @property
    def seen(self) -> list[Conditions]:
        return self._device.seen

    def __enter__(self) -> Self:
        self._device.seen = []
        return self

    def __exit__(self, *ending: object) -> None: ...
