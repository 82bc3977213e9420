"""Why a figure should not be trusted."""

from dataclasses import replace

from ca_deploy.latency.validity import judge
from ca_deploy.records.devices import Conditions
from ca_deploy.records.statistics import Trust, Validity

CALM = Conditions(
    0, frequencies_khz=(1_800_000,) * 4, governors=("performance",) * 4, temperature_c=50, throttled=0, load_1min=0.1
)
RUNS = [[10_000_000] * 50] * 3


def verdict(during: list[Conditions], before: Conditions = CALM, runs: list[list[int]] = RUNS) -> tuple[str, str]:
    found = judge(before, during, during[-1], runs)
    return found.verdict, "; ".join(found.reasons)


def test_a_calm_device_is_valid() -> None:
    assert verdict([CALM] * 5) == ("valid", "")


def test_throttling_is_invalid_now_but_not_long_ago() -> None:
    assert verdict([CALM, replace(CALM, throttled=0x4)]) == ("invalid", "the device throttled itself (status 0x4)")
    once = replace(CALM, throttled=0x50000)
    assert verdict([once] * 2, before=once)[0] == "valid"
    assert verdict([CALM, once])[0] == "invalid"  # it happened between two readings


def test_a_clock_that_fell_is_invalid_but_a_moment_between_two_processes_is_not() -> None:
    slow = replace(CALM, frequencies_khz=(1_400_000,) * 4)
    assert verdict([CALM, CALM, slow, slow]) == ("invalid", "the clock fell by 22%")
    assert verdict([CALM, slow, CALM])[0] == "valid"


def test_under_lasting_load_heat_is_what_is_measured() -> None:
    hot = replace(CALM, throttled=0x4, temperature_c=95, frequencies_khz=(900_000,) * 4)
    runs = [[10_000_000] * 50, [20_000_000] * 50]
    assert judge(CALM, [CALM, hot, hot], hot, runs, is_sustained=True) == Validity(Trust.VALID, ())
    assert judge(CALM, [CALM, hot, hot], hot, runs).verdict is Trust.INVALID
    mute = replace(CALM, temperature_c=None)
    assert judge(mute, [mute], mute, runs, is_sustained=True).reasons == ("the device does not report its temperature",)


def test_only_the_cores_in_use_count() -> None:
    sleepy = replace(CALM, frequencies_khz=(1_800_000, 600_000))
    assert judge(CALM, [sleepy] * 3, CALM, RUNS, cores=[0]).verdict == "valid"
    waking = [replace(CALM, frequencies_khz=(1_800_000, khz)) for khz in (600_000, 600_000, 1_800_000)]
    assert judge(CALM, waking, CALM, RUNS, cores=[1]).verdict == "invalid"
    # Cores 1 to 3 are offline: the second clock is that of core 4.
    numbered = [replace(moment, clocked_cores=(0, 4)) for moment in waking]
    assert judge(CALM, numbered, CALM, RUNS, cores=[4]).verdict == "invalid"
    assert judge(CALM, numbered, CALM, RUNS, cores=[0]).verdict == "valid"


def test_what_makes_a_figure_doubtful() -> None:
    said = {
        "schedutil": verdict([replace(CALM, governors=("schedutil",) * 4)] * 2),
        "other programs": verdict([CALM] * 2, before=replace(CALM, load_1min=2.5)),
        "does not report its clock": verdict([replace(CALM, frequencies_khz=None)] * 2),
        "process starts differ": verdict([CALM] * 2, runs=[[10_000_000] * 50, [12_000_000] * 50]),
        "battery": verdict([CALM] * 2, before=replace(CALM, on_battery=True, battery_percent=9)),
        "95 °C": verdict([replace(CALM, temperature_c=95)] * 2),
    }
    for text, (found, reasons) in said.items():
        assert found == "doubtful", text
        assert text in reasons


def test_too_few_runs_and_nothing_known() -> None:
    found, reasons = verdict([Conditions(0)], before=Conditions(0), runs=[[10_000_000] * 49])
    assert found == "invalid"
    assert "too few runs: 49" in reasons
    assert "does not report its clock" in reasons
