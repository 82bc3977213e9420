"""What devices say about themselves, read from text that such devices print."""

import pytest

from ca_deploy.devices import discover, kind_names, open_device
from ca_deploy.devices._shell import read_conditions, read_probe
from ca_deploy.errors import UsageError
from ca_deploy.latency.cores import affinity_mask, check_threads, cores_of
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


def cpuinfo(*lines: str) -> str:
    return "".join(f"cpuinfo={line}\n" for line in lines)


def test_cores_have_the_numbers_that_the_system_gives_them() -> None:
    """Others are offline: masks, clocks and verdicts are about the cores 0, 4 and 5."""
    parts = {0: "0xd03", 4: "0xd09", 5: "0xd09"}
    listed = cpuinfo(*(line for n, part in parts.items() for line in (f"processor\t: {n}", f"CPU part\t: {part}")))
    info = read_probe("adb:1", listed + "max_khz=4 2400000\nmax_khz=0 1800000\nmax_khz=7 2400000\n")
    assert info.cores == (Core(0, "0xd03", 1800000), Core(4, "0xd09", 2400000), Core(5, "0xd09", None))
    assert affinity_mask("big", info) == "0x30"
    assert affinity_mask("little", info) == "0x1"
    assert affinity_mask("0x30", info) == "0x30"
    assert cores_of("0x30") == (4, 5)
    with pytest.raises(UsageError, match=r"has the cores 0, 4 to 5, mask 0x31"):
        affinity_mask("0x6", info)
    check_threads(2, "0x30", info)
    with pytest.raises(UsageError, match="more than the 2 cores"):
        check_threads(3, "0x30", info)


def test_old_kernels_name_one_part_for_all_cores() -> None:
    """It is that of the core which was asked: where clocks differ, they are what tells big from little."""
    listed = cpuinfo(*(f"processor\t: {n}" for n in range(4)), "Features\t: fp", "CPU part\t: 0xd03")
    alike = read_probe("ssh://pi", listed + "".join(f"max_khz={n} 1200000\n" for n in range(4)))
    assert {core.part for core in alike.cores} == {"0xd03"}
    mixed = read_probe("adb:1", listed + "".join(f"max_khz={n} {khz}\n" for n, khz in enumerate((1, 1, 2, 2))))
    assert {core.part for core in mixed.cores} == {None}
    assert affinity_mask("big", mixed) == "0xc"


def test_a_device_that_hides_cpuinfo() -> None:
    info = read_probe("adb:1", "max_khz=2 5\nmax_khz=0 4\n")
    assert info.cores == (Core(0, None, 4), Core(2, None, 5))


def test_conditions_of_a_raspberry_pi() -> None:
    seen = read_conditions(
        "khz=0 1500000\ngovernor=0 ondemand\nkhz=10 1600000\nkhz=2 1700000\nzone=48200 cpu-thermal\nzone=61000 rp1\n"
        "memory=MemAvailable:    7654321 kB\nload=0.52 0.58 0.59 1/597 12345\nthrottled=0x50005\n"
    )
    assert seen.clocks_khz == {0: 1500000, 2: 1700000, 10: 1600000}
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


def test_the_battery_of_a_phone() -> None:
    """The keys of ``dumpsys battery`` are those that AOSP's BatteryService.dumpInternal prints; the two files are in
    µA and µV (the kernel's include/linux/power_supply.h), negative while a battery is discharged on many phones."""
    seen = read_conditions(
        "current_now=-412345\nvoltage_now=3987654\nbattery=Current Battery Service state:\nbattery=AC powered: false\n"
        "battery=USB powered: false\nbattery=Wireless powered: false\nbattery=Dock powered: false\n"
        "battery=Max charging current: 0\nbattery=Charge counter: 2873000\nbattery=status: 3\nbattery=level: 71\n"
        "battery=scale: 100\nbattery=voltage: 3987\nbattery=temperature: 312\nbattery=technology: Li-ion\n"
    )
    assert (seen.current_ua, seen.voltage_uv, seen.on_battery, seen.battery_percent) == (-412345, 3987654, True, 71)
    assert read_conditions("current_now=\nvoltage_now=x\n").current_ua is None


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
