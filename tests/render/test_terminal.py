"""What is printed is what was found, whatever the names look like."""

import pytest

from ca_deploy.evaluation.accuracy import AccuracyReport, Confusion
from ca_deploy.records.parity import DefaultSettings, ParityReport
from ca_deploy.records.recipe import Tolerances
from ca_deploy.render import terminal as render


def test_brackets_in_names_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    report = AccuracyReport(
        model="model[/v2].onnx",
        runtime="ONNX Runtime",
        data="[new]",
        images=2,
        top1=50.0,
        top5=100.0,
        top1_by_class={},
        confusions=(Confusion("[a]", "[/b]", 1),),
        unreadable=("[/c].jpg is damaged",),
    )
    render.accuracy(report)
    printed = capsys.readouterr().out
    for text in ("model[/v2].onnx", "[new]", "1 x [a] taken for [/b]", "[/c].jpg is damaged"):
        assert text in printed


@pytest.mark.parametrize("worse", [True, False])
def test_parity_says_what_the_default_settings_give_where_that_is_worse(
    worse: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    defaults = DefaultSettings(
        {"session.qdqisint8allowed": "1"}, "ONNX Runtime 1.32.0, CPU, default settings", 1.2, 12.73, 96.875, worse
    )
    report = ParityReport(
        "pass",
        "",
        "a.onnx",
        "PyTorch",
        "ONNX Runtime 1.32.0, CPU, exact INT8 sums",
        Tolerances(),
        default_settings=defaults,
    )
    render.parity(report)
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert ("With default settings, ONNX Runtime 1.32.0 gives other answers on this processor" in printed) == worse
    assert ("SQNR 12.7 dB, agreement 96.9 %" in printed) == worse
    assert ("set the session option session.qdqisint8allowed = 1" in printed) == worse
