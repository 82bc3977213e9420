"""A report of accuracy as JSON."""

from ca_deploy.records.accuracy import AccuracyReport, Confusion, PairedReport
from ca_deploy.records.codec import decode, parse_json, to_json


def test_a_report_comes_back_from_its_json() -> None:
    paired = PairedReport(
        against="PyTorch net",
        against_top1=97.5,
        top1_difference=-0.5,
        both_right=190,
        only_model_right=4,
        only_other_right=5,
        both_wrong=1,
        p_value=1.0,
        agreement=None,
        sqnr_db=None,
    )
    report = AccuracyReport(
        model="net.onnx",
        runtime="ONNX Runtime",
        data="photos",
        images=200,
        top1=97.0,
        top5=None,
        top1_by_class={"Gänseblümchen": 100.0, "tulips": 94.0},
        confusions=(Confusion("tulips", "roses", 3),),
        unreadable=("photos/broken.jpg",),
        figures={"top1": 97.0},
        task="classification",
    )
    for each in (report, AccuracyReport(**{**vars(report), "paired": paired})):
        assert decode(AccuracyReport, parse_json(to_json(each))) == each
