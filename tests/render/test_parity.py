import pytest

from ca_deploy.records.parity import DefaultSettings, ParityReport, Status
from ca_deploy.records.recipe import Tolerances
from ca_deploy.render.blocks import Facts, Phrase, Piece, Role
from ca_deploy.render.parity import page
from tests.hostile import MARKUP


def facts(report: ParityReport) -> tuple[str, dict[Phrase, Phrase]]:
    (block,) = page(report).blocks
    assert isinstance(block, Facts)
    assert block.framed
    return block.title, dict(block.rows)


def test_every_figure_that_was_measured() -> None:
    report = ParityReport(
        Status.PASS,
        "",
        "a.onnx",
        "PyTorch net",
        "ONNX Runtime 1.32.0",
        Tolerances(),
        32,
        0.0123,
        31.44,
        0.9987654,
        96.875,
    )
    assert facts(report) == (
        "a.onnx against PyTorch net",
        {
            "parity": Piece("pass", Role.GOOD),
            "runtime": "ONNX Runtime 1.32.0",
            "compared on": "32",
            "max abs error": "0.012",
            "SQNR": "31.4 dB",
            "cosine": "0.998765",
            "top-1 agreement": "96.9 %",
        },
    )


def test_the_set_of_images_is_named() -> None:
    report = ParityReport(
        Status.PASS, "", "a", "b", "c", Tolerances(), images=120, image_set=f"held-out images of {MARKUP}/"
    )
    assert facts(report)[1]["compared on"] == f"120 held-out images of {MARKUP}/"


def test_agreement_is_called_what_the_task_calls_it() -> None:
    report = ParityReport(Status.PASS, "", "a", "b", "c", Tolerances(), agreement=96.875, agreement_name="equal order")
    _, rows = facts(report)
    assert rows["equal order"] == "96.9 %"
    assert "top-1 agreement" not in rows


def test_what_was_not_measured_is_left_out_and_names_stay_as_they_are() -> None:
    title, rows = facts(ParityReport(Status.SKIPPED, MARKUP, MARKUP, MARKUP, MARKUP, Tolerances()))
    assert title == f"{MARKUP} against {MARKUP}"
    assert rows == {
        "parity": Piece("skipped", Role.CAUTION), "runtime": MARKUP, "compared on": "0", "reason": MARKUP
    }  # fmt: skip


@pytest.mark.parametrize("worse", [True, False])
def test_what_the_default_settings_give_where_that_is_worse(worse: bool) -> None:
    runtime = "ONNX Runtime 1.32.0, CPU, default settings"
    defaults = DefaultSettings({"session.qdqisint8allowed": "1"}, runtime, 1.2, 12.73, 96.875, worse)
    _, rows = facts(ParityReport(Status.PASS, "", "a", "b", "c", Tolerances(), default_settings=defaults))
    note = str(rows.get("note", ""))
    assert ("With default settings, ONNX Runtime 1.32.0 gives other answers on this processor" in note) == worse
    assert ("SQNR 12.7 dB, agreement 96.9 %" in note) == worse
    assert ("set the session option session.qdqisint8allowed = 1" in note) == worse
