"""What is printed is what was found, whatever the names look like."""

import pytest

from ca_deploy.evaluation.accuracy import AccuracyReport, Confusion
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
