"""What devices say about themselves, read from text that such devices print."""

import pytest

from ca_deploy.devices import discover, kind_names, open_device
from ca_deploy.devices._shell import read_conditions, read_probe
from ca_deploy.errors import UsageError
from ca_deploy.records.devices import Conditions, Core

_CPUINFO = "".join(
    f"cpuinfo=processor\t: {i}\ncpuinfo=Features\t: fp asimd asimddp\ncpuinfo=CPU part\t: {part}\n"
    for i, part in enumerate(["0xd05", "0xd05", "0xd0b"])
)


def test_a_phone() -> None:
    info = read_probe(
        "adb:1",
        "arch=aarch64\nkernel=Linux 4.14\nandroid=12\nandroid_model=samsung SM-G973F\nabis=arm64-v8a,armeabi-v7a\n"
        f"{_CPUINFO}max_khz=0 1950000\nmax_khz=2 2730000\nmax_khz=1 1950000\n",
    )
    assert (info.model, info.os, info.architecture, info.glibc) == ("samsung SM-G973F", "Android 12", "aarch64", None)
    assert info.cpu_features == ("fp", "asimd", "asimddp")
    assert info.cores == (Core(0, "0xd05", 1950000), Core(1, "0xd05", 1950000), Core(2, "0xd0b", 2730000))


def test_a_phone_that_runs_32_bit_programs_only() -> None:
    assert read_probe("adb:1", "arch=aarch64\nandroid=9\nabis=armeabi-v7a,armeabi\n").architecture == "armv8l"


def test_a_raspberry_pi() -> None:
    info = read_probe(
        "ssh://pi",
        'arch=aarch64\nkernel=Linux 6.6\nmodel=Raspberry Pi 5 Model B Rev 1.0\nos="Debian GNU/Linux 12 (bookworm)"\n'
        f"{_CPUINFO}ld=ld.so (Debian GLIBC 2.36-9+rpt2+deb12u4) stable release version 2.36.\n",
    )
    assert (info.model, info.os) == ("Raspberry Pi 5 Model B Rev 1.0", "Debian GNU/Linux 12 (bookworm)")
    assert info.glibc == "2.36"


def test_a_loader_too_old_to_report_its_version() -> None:
    assert read_probe("ssh://pi", "arch=aarch64\nld=Usage: ld.so [OPTION]... EXECUTABLE-FILE\n").glibc is None


def test_conditions_of_a_raspberry_pi() -> None:
    seen = read_conditions(
        "khz=0 1500000\ngovernor=0 ondemand\nkhz=10 1600000\nkhz=2 1700000\nzone=48200 cpu-thermal\nzone=61000 rp1\n"
        "memory=MemAvailable:    7654321 kB\nload=0.52 0.58 0.59 1/597 12345\nthrottled=0x50005\n"
    )
    assert seen.frequencies_khz == (1500000, 1700000, 1600000)
    assert seen.governors == ("ondemand",)
    assert (seen.temperature_c, seen.throttled) == (48.2, 0x50005)
    assert (seen.memory_available_kb, seen.load_1min) == (7654321, 0.52)
    assert (seen.battery_percent, seen.on_battery, seen.screen_on) == (None, None, None)


def test_conditions_of_a_phone() -> None:
    seen = read_conditions(
        "battery=AC powered: false\nbattery=USB powered: true\nbattery=Wireless powered: false\nbattery=level: 83\n"
        "power=mWakefulness=Asleep\nthermal=Thermal Status: 2\nzone=39 battery\nzone=-273000 broken\n"
    )
    assert (seen.battery_percent, seen.on_battery, seen.screen_on, seen.throttled) == (83, False, False, 2)
    assert seen.temperature_c == 39.0


def test_a_device_that_says_nothing() -> None:
    seen = read_conditions("")
    assert seen == Conditions(seen.at_s)
    assert read_probe("local", "").architecture == "unknown"


def test_this_machine() -> None:
    with open_device("local") as device:
        info, seen = device.probe(), device.conditions()
    assert info.architecture != "unknown"
    assert info.cores
    assert seen.load_1min is not None
    assert seen.memory_available_kb is not None


@pytest.mark.parametrize("name", ["phone", "local:1", "ssh://", "ssh:pi", "ssh://pi@host/folder", "emulated"])
def test_names_that_spell_no_device(name: str) -> None:
    with pytest.raises(UsageError):
        open_device(name)


def test_every_kind_is_found_by_its_folder() -> None:
    assert kind_names() == ["adb", "emulated", "local", "ssh"]
    assert {"local", "emulated:cortex-a76"} <= {summary.name for summary in discover()}
