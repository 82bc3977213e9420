from dataclasses import replace

from ca_deploy.latency.protocol import PROTOCOLS
from ca_deploy.records.devices import Conditions, Core, DeviceInfo, InstructionCounts
from ca_deploy.records.latency import (
    SCHEMA_VERSION,
    Engine,
    LatencyReport,
    Measurement,
    OperatorProfile,
    OperatorTime,
    ProcessStart,
    Verification,
)
from ca_deploy.records.parity import Status
from ca_deploy.records.statistics import Rank, Statistics, Trust, Validity
from ca_deploy.records.tensors import FedInput
from ca_deploy.render.blocks import Bar, Bars, Line, Phrase, Piece, Role, Table
from ca_deploy.render.latency import page
from tests.hostile import MARKUP

ENGINE = Engine("c", "LiteRT", "2.1.0", None, None, "XNNPACK takes all of it")
START = ProcessStart(0.0, 12_340_000, 5_000_000, (), (1_000_000,), (0,), (0,), (0,), None, ())
MEASURED = Measurement(
    file="a.tflite",
    label=MARKUP,
    sha256="",
    size_bytes=1,
    threads=2,
    affinity=None,
    engine=ENGINE,
    starts=(START,),
    statistics=Statistics(150, 1.0, 1.2345, 123.4, 0.1, 2.0, 3.0, None, 4.0),
    validity=Validity(Trust.DOUBTFUL, ("too warm", MARKUP)),
    inputs=(FedInput(MARKUP, "float32", (1, 3, 8)), FedInput("n", "int64", ())),
    inputs_origin="made up",
)
REPORT = LatencyReport(
    schema_version=SCHEMA_VERSION,
    ca_deploy_version="0.1.0",
    command_line=(),
    measured_on="",
    device=DeviceInfo(MARKUP, "Pi 5", "Linux", "aarch64", (), (Core(0, "0xd0b", None), Core(1, "0xd0b", None))),
    emulated=False,
    protocol=PROTOCOLS["standard"],
    seed=0,
    before=Conditions(0.0),
    after=None,
    measurements=(MEASURED,),
    comparisons=(),
    failures={},
)


def test_device_table_and_what_has_to_be_said() -> None:
    device, table, *remarks = page(REPORT).blocks
    assert device == Line((Piece(MARKUP, Role.STRONG), ": Pi 5, Linux, aarch64, 2 cores (0xd0b)"))
    assert isinstance(table, Table)
    assert table.rows == (
        (
            MARKUP,
            "1x3x8, scalar",
            "2",
            "12.3",
            "5",
            "150",
            "1",
            "1.23",
            "123",
            "2",
            "3",
            "",
            "4",
            Piece("doubtful", Role.CAUTION),
        ),
    )
    assert len(table.columns) == len(table.rows[0])
    assert Piece("median", Role.STRONG) in [column.heading for column in table.columns]
    assert table.caption == "ms; standard protocol, 3 process starts, interleaved"
    assert remarks == [
        Line(Piece(f"{MARKUP}, 2 threads", Role.STRONG), gap=True),
        Line("LiteRT 2.1.0 by the c runner, XNNPACK takes all of it", indent=2),
        Line(f"inputs: {MARKUP} 1x3x8 float32, n scalar int64; made up", indent=2),
        Line((Piece("doubtful", Role.CAUTION), f": too warm; {MARKUP}"), indent=2),
    ]


def test_an_emulated_device_counts_instructions() -> None:
    counted = replace(
        MEASURED,
        starts=(),
        statistics=None,
        validity=None,
        instructions=InstructionCounts(123_456_789, 2_000_000, 300_000, 40_000, 5_000),
    )
    table = page(replace(REPORT, emulated=True, measurements=(counted,))).blocks[1]
    assert isinstance(table, Table)
    assert table.rows == ((MARKUP, "1x3x8, scalar", "123.46 M", "2.00 M", "0.30 M", "0.04 M", "0.01 M"),)
    assert "no milliseconds" in table.caption


def test_the_time_by_operator_and_by_module_is_bars() -> None:
    operators = tuple(OperatorTime(f"op{n}", n, n / 1000, float(n)) for n in range(15))
    profile = OperatorProfile(20, 1.0, operators, (OperatorTime(MARKUP, 3, 0.5, 50.04),), 12.34, "XNNPACK's profiler")
    first, second, *rest = page(replace(REPORT, measurements=(replace(MEASURED, operators=profile),))).blocks[-4:]
    bars = tuple(Bar(f"op{n}", float(n), (str(n), f"0.{n:03}")) for n in range(12))
    assert first == Bars("operator", "%", bars, ("count", "ms"))
    assert second == Bars("module", "%", (Bar(MARKUP, 50.04, ("0.500",)),), ("ms",))
    assert rest == [
        Line("attention costs 12.3 % of the time in operators", indent=2),
        Line("XNNPACK's profiler, 20 runs of their own", indent=2),
    ]


def test_outputs_against_this_machine() -> None:
    said = Verification(Status.FAIL, MARKUP, "32 images", "bit-exact", False, 0.25, 20.04, "LiteRT here")
    *_, verified = page(replace(REPORT, measurements=(replace(MEASURED, verification=said),))).blocks
    assert verified == Line(
        (
            "outputs against LiteRT here: ",
            Piece("fail", Role.BAD),
            f" (max error 0.25, SQNR 20.0 dB; demanded: bit-exact; 32 images; {MARKUP})",
        ),
        indent=2,
    )


def _ranked(report: LatencyReport) -> tuple[tuple[Phrase, ...], ...]:
    _, _, heading, table, *_ = page(report).blocks
    assert isinstance(heading, Line) and str(heading.text).startswith("ranking by ")
    assert isinstance(table, Table)
    return table.rows


def test_files_are_ranked_and_those_alike_share_a_rank_aloud() -> None:
    ranks = (Rank(MARKUP, 1, 1, 1, 1), Rank("b", 1, 1.01, 0.97, 1.05), Rank("c", 3, 2, 1.9, 2.125))
    report = replace(REPORT, measurements=(MEASURED, MEASURED), ranking=ranks)
    assert _ranked(report) == (
        ("1", MARKUP, "1.000", "", ""),
        ("1", "b", "1.010", "0.970 to 1.050", "not distinguishable from the first of this rank"),
        ("3", "c", "2.000", "1.900 to 2.125", ""),
    )
    counted = (Rank("a", 1, 1, None, None), Rank("b", 2, 1.001, None, None))
    assert _ranked(replace(report, emulated=True, ranking=counted))[1] == ("2", "b", "1.001", "exact", "")


def test_figures_without_samples_are_said_not_to_be_ranked() -> None:
    blocks = page(replace(REPORT, measurements=(MEASURED, MEASURED))).blocks
    name = f"{MARKUP}, 2 threads"
    assert blocks[2] == Line(f"not ranked, because a benchmark program keeps no samples: {name}, {name}")


def test_what_speaks_against_every_file_stands_once() -> None:
    busy = "other programs were running: load 3.0 before the start"
    unknown = replace(MEASURED, inputs=())  # as in reports of earlier versions
    first = replace(unknown, validity=Validity(Trust.DOUBTFUL, (busy,)))
    second = replace(unknown, label="b", validity=Validity(Trust.INVALID, ("too few runs: 5", busy)))
    ranks = (Rank(first.name, 1, 1, 1, 1), Rank(second.name, 2, 2, 2, 2))
    blocks = page(replace(REPORT, measurements=(first, second), ranking=ranks)).blocks
    assert blocks[4:] == (
        Line((Piece("all files", Role.CAUTION), f": {busy}"), gap=True),
        Line(Piece(first.name, Role.STRONG), gap=True),
        Line("LiteRT 2.1.0 by the c runner, XNNPACK takes all of it", indent=2),
        Line(Piece(second.name, Role.STRONG), gap=True),
        Line("LiteRT 2.1.0 by the c runner, XNNPACK takes all of it", indent=2),
        Line((Piece("invalid", Role.BAD), ": too few runs: 5"), indent=2),
    )
