"""Latency on a device -> blocks."""

from __future__ import annotations  # the records are slow to import, and only annotations need them

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ca_deploy.errors import listed
from ca_deploy.render.blocks import Bar, Bars, Block, Column, Line, Page, Phrase, Piece, Role, Table, without_empty
from ca_deploy.render.operator_counts import operator_counts
from ca_deploy.render.roles import STATUSES, TRUST

if TYPE_CHECKING:
    from ca_deploy.records.devices import DeviceInfo
    from ca_deploy.records.latency import LatencyReport, Measurement, OperatorProfile, Verification
    from ca_deploy.records.statistics import Heat

_STATISTICS = ("min", "median", "mean", "p90", "p95", "p99", "max")
_SHARES_SHOWN = 12


def page(found: LatencyReport) -> Page:
    """The device, a table of figures, the ranking, what is true of all files, and the remarks on each of them."""
    blocks: list[Block] = [device_line(found.device), figures(found)]
    if len(found.measurements) > 1:
        blocks += ranking(found)
    if found.heat is not None:
        blocks += heat(found.heat)
    common = common_reasons(found.measurements)
    if common:
        blocks.append(Line((Piece("all files", Role.CAUTION), f": {'; '.join(common)}"), gap=True))
    for measurement in found.measurements:
        blocks += remarks(measurement, common)
    return Page(tuple(blocks), least_width=130)


def device_line(device: DeviceInfo) -> Line:
    parts = ", ".join(dict.fromkeys(core.part for core in device.cores if core.part))
    cores = f"{len(device.cores)} cores{f' ({parts})' if parts else ''}"
    return Line((Piece(device.name, Role.STRONG), f": {device.model}, {device.os}, {device.architecture}, {cores}"))


def figures(found: LatencyReport) -> Table:
    """Milliseconds, or the instructions of an emulated device."""
    return _instructions(found) if found.emulated else _milliseconds(found)


def _milliseconds(found: LatencyReport) -> Table:
    headings = (Piece(name, Role.STRONG) if name == found.protocol.headline else name for name in _STATISTICS)
    rows: list[tuple[Phrase, ...]] = []
    for one in found.measurements:
        statistics = one.statistics
        if statistics is not None and one.validity is not None:
            began = (one.load_ms, one.first_ms) if one.starts else (None, None)
            steady = (getattr(statistics, f"{name}_ms") for name in _STATISTICS)
            rows.append(
                (
                    one.what,
                    _shapes(one),
                    str(one.threads),
                    *map(_ms, began),
                    str(statistics.n),
                    *map(_ms, steady),
                    _word(one.validity.verdict),
                )
            )
    return Table(
        (Column("file"), Column("input"), *_right("threads", "load", "first", "n", *headings), Column("verdict")),
        tuple(rows),
        f"ms; {found.protocol.name} protocol, {found.protocol.starts} process starts, interleaved",
    )


def _instructions(found: LatencyReport) -> Table:
    rows: list[tuple[Phrase, ...]] = []
    for one in found.measurements:
        counts = one.instructions
        if counts is not None:
            classes = (counts.total, counts.simd, counts.dot_product, counts.load_store, counts.branch)
            rows.append((one.what, _shapes(one), *(f"{number / 1e6:.2f} M" for number in classes)))
    return Table(
        (Column("file"), Column("input"), *_right("instructions", "SIMD", "dot product", "load/store", "branch")),
        tuple(rows),
        "instructions per inference, 1 thread, counted; an emulated device has no milliseconds",
    )


def _right(*headings: Phrase) -> Iterator[Column]:
    return (Column(heading, "right") for heading in headings)


def ranking(found: LatencyReport) -> Iterator[Block]:
    """From best to worst; the same rank for those that cannot be told apart, which is said too."""
    rows: list[tuple[Phrase, ...]] = []
    for place, one in enumerate(found.ranking, start=1):
        interval = "exact" if one.low is None else f"{one.low:.3f} to {one.high:.3f}"
        alike = "not distinguishable from the first of this rank" if one.rank < place else ""
        rows.append((str(one.rank), one.measurement, f"{one.ratio:.3f}", "" if one.ratio == 1 else interval, alike))
    if rows:
        columns = (*_right("rank"), Column("file"), *_right("x the best", "95 % interval"), Column(""))
        yield Line("ranking by instructions, which are not time" if found.emulated else "ranking by median", gap=True)
        yield Table(columns, tuple(rows))
    if left := [one.name for one in found.measurements if one.name not in {rank.measurement for rank in found.ranking}]:
        yield Line(f"not ranked, because a benchmark program keeps no samples: {', '.join(left)}")


def heat(found: Heat) -> Iterator[Block]:
    """The first round of lasting load beside the last, who was overtaken, and why no energy is known."""
    headings = ("first", "last", "slowest", "last/first", "95 % interval", "hottest", "lowest clock", "energy")
    rows = tuple(
        (
            one.measurement,
            *map(_ms, (one.first_ms, one.last_ms, one.slowest_ms)),
            f"{one.ratio.ratio:.3f}",
            f"{one.ratio.low:.3f} to {one.ratio.high:.3f}",
            "" if one.hottest_c is None else f"{one.hottest_c:.0f} °C",
            "" if one.lowest_clock_percent is None else f"{one.lowest_clock_percent:.0f} %",
            "" if one.energy_mj is None else f"{one.energy_mj:.3g} mJ",
        )
        for one in found.files
    )
    said = "median ms of the first, the last and the slowest minute; energy: of the whole device, per inference"
    yield Line(f"{found.minutes:.1f} minutes of lasting load, which the files shared", gap=True)
    yield without_empty(Table((Column("file"), *_right(*headings)), rows, said))
    for faster, other in found.overtaken:
        yield Line((Piece("overtaken", Role.CAUTION), f": {faster} is faster than {other} cold, and slower hot"))
    if len(found.files) > 1 and not found.overtaken:
        yield Line("heat does not change which file is faster, as far as they can be told apart")
    if found.no_energy:
        yield Line(f"no energy: {found.no_energy}", wrap=True)


def common_reasons(measurements: Sequence[Measurement]) -> list[str]:
    """What speaks against the figures of every one of several files, as the load of the device does."""
    judged = [one.validity.reasons for one in measurements if one.validity is not None]
    return [reason for reason in judged[0] if all(reason in other for other in judged)] if len(judged) > 1 else []


def remarks(one: Measurement, common: Sequence[str]) -> Iterator[Block]:
    yield Line(Piece(one.name, Role.STRONG), gap=True)
    engine = one.engine
    where = f", {engine.delegate}" if engine.delegate else ""
    yield Line(f"{engine.runtime} {engine.runtime_version} by the {engine.runner} runner{where}", indent=2)
    if one.inputs:
        given = listed([tensor.text for tensor in one.inputs])
        yield Line(f"inputs: {given}; {one.inputs_origin}", indent=2)
    if one.validity is not None and (own := [reason for reason in one.validity.reasons if reason not in common]):
        yield Line((_word(one.validity.verdict), f": {'; '.join(own)}"), indent=2)
    if one.verification is not None:
        yield _verification(one.verification)
    if one.operators is not None:
        yield from _shares(one.operators)
    if one.operator_counts is not None:
        yield from operator_counts(one.operator_counts)


def _verification(said: Verification) -> Line:
    found = "bit-exact" if said.bit_exact else f"max error {said.max_abs_error or 0:.2g}"
    if said.sqnr_db is not None:
        found += f", SQNR {said.sqnr_db:.1f} dB"
    detail = "; ".join(part for part in (found, f"demanded: {said.demanded}", said.inputs, said.reason) if part)
    return Line((f"outputs against {said.here}: ", _word(said.status), f" ({detail})"), indent=2)


def _shares(profile: OperatorProfile) -> Iterator[Block]:
    operators = (
        Bar(row.name, row.percent, (str(row.count), f"{row.median_ms:.3f}"))
        for row in profile.by_operator[:_SHARES_SHOWN]
    )
    modules = (Bar(row.name, row.percent, (f"{row.median_ms:.3f}",)) for row in profile.by_module[:_SHARES_SHOWN])
    yield Bars("operator", "%", tuple(operators), ("count", "ms"))
    yield Bars("module", "%", tuple(modules), ("ms",))
    if profile.attention_percent is not None:
        yield Line(f"attention costs {profile.attention_percent:.1f} % of the time in operators", indent=2)
    yield Line(f"{profile.source}, {profile.runs} runs of their own", indent=2)


def _shapes(one: Measurement) -> str:
    return listed(["x".join(map(str, tensor.shape)) or "scalar" for tensor in one.inputs])


def _ms(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _word(word: str) -> Piece:
    return Piece(word, (STATUSES | TRUST)[word])
