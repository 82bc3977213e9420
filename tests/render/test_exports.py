from dataclasses import replace
from pathlib import Path

from ca_deploy.pipeline.export import Export
from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.records.conversion import FloatOperator
from ca_deploy.records.manifest import SpeedRecord
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.statistics import Difference, Ratio
from ca_deploy.render.blocks import Hint, Line, Phrase, Piece, Role, Table
from ca_deploy.render.exports import page
from tests.hostile import MARKUP, manifest

PARITY = ParityReport(Status.PASS, "", "net", "PyTorch net", "LiteRT", Tolerances(), 32, 0.0123, 31.44, 0.99, 96.875)
MANIFEST = replace(
    manifest("tflite_static_wi8_ai8", "net", None), size_bytes=2_500_000, float32_size_bytes=10_000_000, parity=PARITY
)


def test_one_table_of_figures() -> None:
    done = Export(Path("out/net.tflite"), MANIFEST, Path("net.log"), 12.4)
    table, name, signature, only_remark, hint = page([done]).blocks
    assert isinstance(table, Table)
    assert [column.heading for column in table.columns if column.align == "left"] == ["recipe", "parity"]
    assert table.rows == (
        ("tflite_static_wi8_ai8", "2.50 MB", "0.25", "12 s", Piece("pass", Role.GOOD), "0.012", "31.4 dB", "96.9 %"),
    )
    assert name == Line(Piece("out/net.tflite", Role.STRONG), gap=True)
    assert signature == Line("net in (1, 32, 32, 3) -> net out (1, 5)", indent=2)
    assert only_remark == Line("no operator stayed float", indent=2)
    assert isinstance(hint, Hint)
    assert hint.text.startswith("Beside each file: its manifest")


def test_what_was_assumed_of_all_files_is_said_once() -> None:
    told = replace(MANIFEST, assumptions=("mean 0 (--mean)", MARKUP))
    done = Export(Path("net"), told, Path("net.log"), 1.0)
    *_, assumed, hint = page([done, done]).blocks
    text = (Piece("assumed", Role.CAUTION), f": mean 0 (--mean); {MARKUP}")
    assert assumed == Line(text, gap=True, wrap=True)
    assert isinstance(hint, Hint)


def _speed(low: float, high: float, load: float = 0.5) -> Phrase:
    verdict = Difference.FASTER if high < 1 else Difference.SLOWER if low > 1 else Difference.NONE
    ratio = (low + high) / 2
    speed = SpeedRecord(ratio * 5, 5.0, 15, 1, "x86_64", Ratio(ratio, low, high, verdict), load, 2)
    *_, said, _ = page([Export(Path("net"), replace(MANIFEST, speed=speed), Path("net.log"), 1.0)]).blocks
    assert isinstance(said, Line)
    return said.text


def test_one_sentence_on_the_speed_with_its_interval_and_the_load_of_a_busy_machine() -> None:
    assert _speed(0.4, 0.6) == (
        "2.00 x the speed of float32 on this machine (1.67 to 2.50; a hint, not a phone's latency)"
    )
    assert _speed(0.95, 1.05) == (
        "about as fast as float32 on this machine (0.95 to 1.05 x its speed; a hint, not a phone's latency)"
    )
    assert _speed(1.5, 2.5, load=7.25) == (
        Piece("slower than float32", Role.CAUTION),
        ": 0.50 x the speed of float32 on this machine (0.40 to 0.67; a hint, not a phone's latency; "
        "a busy machine: load 7.2 on 2 cores, this export's included)",
    )


def test_everything_that_has_to_be_said_about_a_file() -> None:
    nodes = tuple(Finding(n, "n", "", MARKUP, Verdict.FALLS_BACK, Evidence.RULE, "a source") for n in range(2))
    told = replace(
        MANIFEST,
        float_operators=(FloatOperator("HARD_SWISH", 2, MARKUP),),
        speed=SpeedRecord(2.0, 5.0, 50, 1, "x86_64"),
        acceleration=("XNNPACK takes 98 of 100 operators, in 2 pieces",),
        compatibility=(
            CompatReport("nnapi", "", "net.tflite", nodes).record(),
            CompatReport("xnnpack", "", "net.tflite", skipped=MARKUP).record(),
        ),
        warnings=(MARKUP,),
        parity=replace(PARITY, status=Status.FAIL, reason=MARKUP, image_set="held-out images of photos/"),
        task="classification",
        task_reason=MARKUP,
    )
    name, *remarks, _ = page([Export(Path(MARKUP), told, Path("net.log"), 1.0)]).blocks[1:]
    assert name == Line(Piece(MARKUP, Role.STRONG), gap=True)
    said: list[Phrase] = [
        f"net in (1, 32, 32, 3) -> net out (1, 5); task classification: {MARKUP} (--task says otherwise)",
        "compared on 32 held-out images of photos/",
        f"stayed float: 2 x HARD_SWISH ({MARKUP})",
        "2.50 x the speed of float32 on this machine (a hint, not a phone's latency)",
        "XNNPACK takes 98 of 100 operators, in 2 pieces (why, and what to write instead: ca-deploy check FILE)",
        f"on nnapi: nothing of it is accelerated: 2 x {MARKUP} (falls back)",
        f"on xnnpack: {MARKUP}",
        (Piece("note", Role.CAUTION), f": {MARKUP}"),
        ("parity ", Piece("fail", Role.BAD), f": {MARKUP}"),
    ]
    assert remarks == [Line(remark, indent=2) for remark in said]
