"""Lasting load, on a model of a phone whose truth is known, and briefly on this machine."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ca_deploy.devices import Device
from ca_deploy.errors import UsageError
from ca_deploy.latency import jobs, protocol, session
from ca_deploy.latency.heat import heat_of, thinned
from ca_deploy.latency.profile import profile
from ca_deploy.records.codec import decode, parse_json, to_json
from ca_deploy.records.latency import LatencyReport
from ca_deploy.records.statistics import Heat, Trust
from ca_deploy.render import latency as render
from ca_deploy.render.blocks import Line, Table
from tests.latency.model_phone import ModelPhone, ModelWatch
from tests.latency.models import onnx_file

# Computes, and needs much power: faster when cold, slower when hot. Waits for memory, and needs less.
WORKS = {"computes": (48.0, 1.0, 6.0), "waits": (64.0, 0.0, 4.0)}


def _profile(phone: ModelPhone, folder: Path, monkeypatch: pytest.MonkeyPatch, minutes: int = 30) -> LatencyReport:
    monkeypatch.setattr(jobs, "Watch", ModelWatch)
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: phone.now_s))
    files = [onnx_file(folder / f"{name}.onnx", side=8) for name in WORKS]
    wishes = session.wishes(protocol="sustained", minutes=minutes, runner="python")
    return profile(files, cast(Device, phone), wishes)


def _heat(report: LatencyReport) -> Heat:
    assert report.heat is not None
    return report.heat


def test_half_an_hour_of_a_phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = ModelPhone(WORKS)
    report = _profile(phone, tmp_path, monkeypatch)
    found = _heat(report)
    assert found.minutes == pytest.approx(30, abs=0.1)
    assert [len(one.starts) for one in report.measurements] == [30, 30]
    computes, waits = found.files
    assert computes.first_ms == pytest.approx(48, rel=0.02) and computes.last_ms > 64 and computes.ratio.low > 1.3
    assert computes.slowest_ms >= computes.last_ms
    assert (waits.first_ms, waits.last_ms, waits.ratio.ratio) == (64, 64, 1)
    assert [rank.measurement for rank in found.ranking_first] == ["computes.onnx, 1 thread", "waits.onnx, 1 thread"]
    assert found.overtaken == (("computes.onnx, 1 thread", "waits.onnx, 1 thread"),)
    assert computes.hottest_c is not None and 60 < computes.hottest_c < 80
    assert computes.lowest_clock_percent == 50
    for one, name in zip(found.files, WORKS, strict=True):  # what the model's battery really lost
        assert one.energy_mj == pytest.approx(1000 * phone.used_j[name] / phone.inferences[name], rel=0.01)
    assert not found.no_energy
    assert all(one.validity is not None and one.validity.verdict is Trust.VALID for one in report.measurements)
    _is_shown(report)
    few = replace(report, measurements=())
    assert decode(LatencyReport, parse_json(to_json(few))) == few


def _is_shown(report: LatencyReport) -> None:
    blocks = render.page(report).blocks
    table = next(block for block in blocks if isinstance(block, Table) and "minute" in block.caption)
    assert len(table.columns) == len(table.rows[0]) == 9
    assert table.rows[0][:3] == ("computes.onnx, 1 thread", "48", f"{_heat(report).files[0].last_ms:.3g}")
    assert str(table.rows[0][-1]).endswith(" mJ")
    lines = [block.text for block in blocks if isinstance(block, Line)]
    assert any("computes.onnx, 1 thread is faster than waits.onnx, 1 thread cold" in str(text) for text in lines)


def test_a_phone_that_stays_cool_keeps_its_ranking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = ModelPhone({name: (ms, share, 0.5) for name, (ms, share, _) in WORKS.items()})
    found = _heat(_profile(phone, tmp_path, monkeypatch, minutes=5))
    assert not found.overtaken and found.files[0].ratio.ratio == 1


def test_a_charger_hides_the_energy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _heat(_profile(ModelPhone(WORKS, charging=True), tmp_path, monkeypatch, minutes=2))
    assert [one.energy_mj for one in found.files] == [None, None]
    assert "on its charger" in found.no_energy


def test_a_battery_that_is_silent_once_gives_no_energy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = _profile(ModelPhone(WORKS), tmp_path, monkeypatch, minutes=2)
    first, *others = report.measurements
    start = first.starts[1]
    silent = (*start.conditions[:-1], replace(start.conditions[-1], current_ua=None))
    broken = replace(first, starts=(first.starts[0], replace(start, conditions=silent)))
    found = heat_of([broken, *others], 0)
    assert found is not None and found.files[0].energy_mj is None and found.files[1].energy_mj is not None


def test_rounds_are_minutes_that_files_share() -> None:
    assert protocol.sustained(30).min_seconds == 60 and protocol.sustained(30, jobs=4).min_seconds == 15
    assert protocol.sustained(7, jobs=2).starts == 7


def test_this_machine_briefly(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes, in rounds of a second; two cores that are busy otherwise may do anything but fail."""
    monkeypatch.setattr(protocol, "_ROUND_S", 1.0)
    wishes = session.wishes(protocol="sustained", minutes=2)
    report = session.profile_on("local", list(files), wishes)
    found = _heat(report)
    assert len(found.files) == 2 and all(one.first_ms > 0 and one.last_ms > 0 for one in found.files)
    assert found.no_energy and [len(one.starts) for one in report.measurements] == [2, 2]


def test_what_is_drawn_is_limited_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (one, _) = _profile(ModelPhone(WORKS), tmp_path, monkeypatch, minutes=2).measurements
    long = replace(one, starts=(replace(one.starts[0], invoke_ns=tuple(range(1, 9001))),))
    short = replace(one, starts=(replace(one.starts[0], invoke_ns=tuple(range(1, 2001))),))
    assert len(thinned(long).starts[0].invoke_ns) == 1800 and thinned(short) == short


def test_an_emulated_device_does_not_become_hot(files: tuple[Path, Path]) -> None:
    class Emulated(ModelPhone):
        counts_instructions = True

    wishes = session.wishes(protocol="sustained", runner="python")
    with pytest.raises(UsageError, match="does not become hot"):
        profile(list(files), cast(Device, Emulated(WORKS)), wishes)
