"""Scripts that probe a device, in the shell that all of them have: POSIX sh (Android's mksh, dash, busybox).

They print ``key=value`` lines and leave out what the device does not report. They use shell builtins where possible,
because starting a program is slow on small devices.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence

from ca_deploy.errors import shown
from ca_deploy.records.devices import Conditions, Core, DeviceInfo

# A device may print anything: longer names are cut, and further cores and features are left out.
_LONGEST, _MOST = 200, 1024

PROBE = r"""
echo "arch=$(uname -m)"
echo "kernel=$(uname -sr)"
for f in /proc/device-tree/model /sys/firmware/devicetree/base/model; do
  [ -r $f ] && echo "model=$(tr -d '\000' < $f)" && break
done
if [ -r /etc/os-release ]; then
  while read -r l; do case $l in PRETTY_NAME=*) echo "os=${l#*=}";; esac; done < /etc/os-release
fi
if command -v getprop > /dev/null 2>&1; then
  echo "android=$(getprop ro.build.version.release)"
  echo "android_model=$(getprop ro.product.manufacturer) $(getprop ro.product.model)"
  echo "abis=$(getprop ro.product.cpu.abilist)"
fi
while read -r l; do case $l in
  processor*|'CPU part'*|Features*|flags*|'model name'*) echo "cpuinfo=$l";;
esac; done < /proc/cpuinfo
for c in /sys/devices/system/cpu/cpu[0-9]*; do
  [ -r $c/cpufreq/cpuinfo_max_freq ] && read -r f < $c/cpufreq/cpuinfo_max_freq && echo "max_khz=${c##*/cpu} $f"
done
l=/lib/ld-linux-aarch64.so.1
for s in /usr/lib/aarch64-linux-gnu /usr/lib64 /usr/lib /lib64; do
  if [ -x $l ] && [ -e $s/libstdc++.so.6 ]; then
    $l --version 2> /dev/null | while read -r v; do echo "ld=$v"; break; done
    break
  fi
done
:
"""

CONDITIONS = r"""
for c in /sys/devices/system/cpu/cpu[0-9]*; do
  n=${c##*/cpu}
  [ -r $c/cpufreq/scaling_cur_freq ] && read -r f < $c/cpufreq/scaling_cur_freq && echo "khz=$n $f"
  [ -r $c/cpufreq/scaling_governor ] && read -r g < $c/cpufreq/scaling_governor && echo "governor=$n $g"
done
for z in /sys/class/thermal/thermal_zone*; do
  [ -r $z/temp ] && t= && read -r k < $z/type && read -r t < $z/temp 2> /dev/null && echo "zone=$t $k"
done
for f in current_now voltage_now; do
  b=/sys/class/power_supply/battery/$f
  [ -r $b ] && read -r v < $b 2> /dev/null && echo "$f=$v"
done
while read -r l; do case $l in MemAvailable*) echo "memory=$l";; esac; done < /proc/meminfo
read -r l < /proc/loadavg && echo "load=$l"
command -v vcgencmd > /dev/null 2>&1 && vcgencmd get_throttled
if command -v dumpsys > /dev/null 2>&1; then
  dumpsys battery | while read -r l; do echo "battery=$l"; done
  dumpsys power | while read -r l; do case $l in mWakefulness=*) echo "power=$l";; esac; done
  dumpsys thermalservice | while read -r l; do case $l in 'Thermal Status:'*) echo "thermal=$l"; break;; esac; done
fi
:
"""


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = (line.strip().partition("=") for line in text.splitlines())
    return [(key, value.strip()) for key, equals, value in pairs if equals]


def _number(text: str) -> int | None:
    """``0x50005`` and ``1800000`` alike; None for anything else, as numbers of more than 63 bits."""
    try:
        number = int(text[:40], 0)
    except ValueError:
        return None
    return number if abs(number) < 2**63 else None


def read_probe(name: str, text: str) -> DeviceInfo:
    """Parse the output of :data:`PROBE`. Where Android runs 32-bit programs only, the architecture is ``armv8l``."""
    pairs = _pairs(text)
    facts = dict(pairs)
    cpuinfo = [(k.strip(), v.strip()) for k, _, v in (v.partition(":") for key, v in pairs if key == "cpuinfo")]
    features = next((value for key, value in cpuinfo if key in ("Features", "flags")), "")
    architecture = facts.get("arch", "unknown")
    abis = facts.get("abis", "")
    if architecture == "aarch64" and abis and "arm64-v8a" not in abis.split(","):
        architecture = "armv8l"
    android = facts.get("android")
    processor = next((value for key, value in cpuinfo if key == "model name"), "")
    return DeviceInfo(
        name=name,
        model=shown(
            facts.get("android_model", "").strip() or facts.get("model") or processor or architecture, _LONGEST
        ),
        os=shown(
            f"Android {android}" if android else facts.get("os", "").strip("\"'") or facts.get("kernel", "unknown"),
            _LONGEST,
        ),
        architecture=shown(architecture, _LONGEST),
        cpu_features=tuple(shown(word, _LONGEST) for word in features.split()[:_MOST]),
        cores=_cores(cpuinfo, _by_core(value for key, value in pairs if key == "max_khz")),
        glibc=_glibc(facts.get("ld", "")),
    )


def _cores(cpuinfo: Sequence[tuple[str, str]], fastest: Mapping[int, str]) -> tuple[Core, ...]:
    """The cores that are online, by their numbers, which have gaps where others are offline.

    Old kernels name one part for all cores, that of the core which was asked: it is believed where all are as fast.
    """
    numbers: list[int] = []
    parts: dict[int, str] = {}
    for key, value in cpuinfo:
        if key == "processor" and value.isdecimal() and int(value[:9]) < _MOST:
            numbers.append(int(value))
        elif key == "CPU part" and numbers:
            parts[numbers[-1]] = shown(value, _LONGEST)
    numbers = sorted(set(numbers or fastest or [0]))[:_MOST]
    speeds = {number: _number(fastest.get(number, "")) for number in numbers}
    if len(parts) == 1 and len(numbers) > 1:
        parts = dict.fromkeys(numbers, *parts.values()) if len(set(speeds.values())) == 1 else {}
    return tuple(Core(number, parts.get(number), speeds[number]) for number in numbers)


def _glibc(line: str) -> str | None:
    """``ld.so (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.`` -> ``2.36``"""
    version = line.rpartition(" version ")[2].rstrip(".")
    return version if re.fullmatch(r"\d{1,4}(\.\d{1,4}){1,3}", version) else None


def _by_core(lines: Iterable[str]) -> Mapping[int, str]:
    pairs = (line.partition(" ") for line in lines)
    return dict(sorted((int(core), value) for core, _, value in pairs if core.isdecimal() and len(core) < 5))


def read_conditions(text: str) -> Conditions:
    """Parse the output of :data:`CONDITIONS`; the temperature is the hottest zone of the processor, or of all."""
    pairs = _pairs(text)
    facts = dict(pairs)

    def of(wanted: str) -> list[str]:
        return [value for key, value in pairs if key == wanted]

    clocks = {core: _number(value) for core, value in _by_core(of("khz")).items()}
    battery = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in of("battery"))}
    powered = [value == "true" for key, value in battery.items() if key.endswith("powered")]
    thermal = facts.get("thermal", "").rpartition(":")[2].strip()
    awake = facts.get("power", "").rpartition("=")[2]
    memory = facts.get("memory", "").partition(":")[2].split()
    load = facts.get("load", "").split()
    known = {core: khz for core, khz in clocks.items() if khz is not None}
    return Conditions(
        at_s=time.monotonic(),
        frequencies_khz=tuple(known.values()) or None,
        clocked_cores=tuple(known) or None,
        governors=tuple(shown(name, _LONGEST) for name in _by_core(of("governor")).values()) or None,
        temperature_c=_hottest(of("zone")),
        throttled=_number(facts.get("throttled", thermal)),
        battery_percent=_number(battery.get("level", "")),
        on_battery=not any(powered) if powered else None,
        screen_on=awake == "Awake" if awake else None,
        memory_available_kb=_number(memory[0]) if memory else None,
        current_ua=_number(facts.get("current_now", "")),
        voltage_uv=_number(facts.get("voltage_now", "")),
        load_1min=float(load[0]) if load and re.fullmatch(r"\d{1,6}(\.\d{1,6})?", load[0]) else None,
    )


def _hottest(zones: Iterable[str]) -> float | None:
    """``45123 cpu-thermal`` is in thousandths of a degree; a few kernels report degrees."""
    found = []
    for zone in zones:
        value, _, kind = zone.partition(" ")
        number = _number(value)
        if number is not None and number > 0:
            celsius = number / 1000 if number >= 1000 else float(number)
            if celsius < 150:
                found.append(
                    (celsius, any(word in kind.lower() for word in ("cpu", "soc", "x86_pkg", "big", "little")))
                )
    of_processor = [celsius for celsius, processor in found if processor]
    return max(of_processor or [celsius for celsius, _ in found], default=None)
