from dataclasses import replace

from ca_deploy.records.accuracy import AccuracyReport, Confusion, PairedReport
from ca_deploy.render.accuracy import page
from ca_deploy.render.blocks import Facts, Line, Page, Piece, Role
from tests.hostile import MARKUP

REPORT = AccuracyReport(
    model=MARKUP,
    runtime="ONNX Runtime",
    data="[new]",
    images=40,
    top1=50.0,
    top5=97.5,
    top1_by_class={},
    confusions=(),
    unreadable=(),
    figures={"top1": 50.0, "top5": 97.5},
    task="classification",
)
ROWS = (("runtime", "ONNX Runtime"), ("photos", "40"), ("top-1", "50.00 %"), ("top-5", "97.50 %"))


def test_accuracy_then_confusions_then_what_was_left_out() -> None:
    confusions = tuple(Confusion(MARKUP, f"class {number}", 20 - number) for number in range(12))
    report = replace(REPORT, confusions=confusions, unreadable=(f"{MARKUP} is damaged",))
    assert page(report) == Page(
        (
            Facts(f"{MARKUP} on [new]", ROWS, framed=True),
            *(Line(f"{20 - number} x {MARKUP} taken for class {number}", wrap=True) for number in range(10)),
            Line((Piece("left out", Role.CAUTION), f": {MARKUP} is damaged")),
        )
    )


def test_the_paired_difference() -> None:
    paired = PairedReport(MARKUP, 52.5, -2.5, 18, 2, 3, 17, 0.98765, 90.0, 20.04)
    rows = (
        (f"top-1 of {MARKUP}", "52.50 %"),
        ("difference", "-2.50 points, McNemar p = 0.988"),
        ("both right / only this / only that / neither", "18 / 2 / 3 / 17"),
        ("agreement", "90.00 %"),
        ("SQNR", "20.0 dB"),
    )
    assert page(replace(REPORT, paired=paired)).blocks == (Facts(f"{MARKUP} on [new]", ROWS + rows, framed=True),)
    (other,) = page(replace(REPORT, paired=paired, right_name="in order")).blocks
    assert isinstance(other, Facts)
    assert (f"in order of {MARKUP}", "52.50 %") in other.rows
    (same,) = page(replace(REPORT, paired=replace(paired, sqnr_db=None))).blocks
    assert isinstance(same, Facts)
    assert same.rows[-1] == ("SQNR", "no difference")
