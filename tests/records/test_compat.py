"""Verdicts: what JSON says, what flags say, and which is worse."""

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.records.codec import decode, parse_json, to_json
from ca_deploy.records.compat import CompatRecord, CompatReport, Evidence, Finding, Verdict, verdict_named


def _finding(index: int, verdict: Verdict) -> Finding:
    return Finding(index, f"node {index}", "", "ADD", verdict, Evidence.RULE, "a document")


def test_json_says_the_values_and_is_read_back() -> None:
    record = CompatReport("xnnpack", "1", "a.tflite", (_finding(0, Verdict.FLOAT_IN_INT8),)).record()
    text = to_json(record)
    assert '"verdict": "float in an INT8 model"' in text and '"evidence": "rule"' in text
    assert decode(CompatRecord, parse_json(text)) == record


def test_a_plain_text_is_no_verdict() -> None:
    with pytest.raises(UsageError, match="instance of Verdict"):
        Finding(0, "node", "", "ADD", "falls back", Evidence.RULE, "a document")  # type: ignore[arg-type]


def test_flags_and_severity() -> None:
    flags = ("unsupported", "falls-back", "float", "unknown")
    assert [verdict_named(flag) for flag in flags] == list(Verdict)[:4]
    for name in ("", "accelerated", "falls back"):
        with pytest.raises(UsageError, match="verdict"):
            verdict_named(name)
    report = CompatReport("t", "1", "f", tuple(_finding(i, v) for i, v in enumerate(reversed(Verdict))))
    assert [f.verdict for f in report.findings] == list(Verdict)[:4]
    assert [f.verdict for f in report.at_least(Verdict.FALLS_BACK)] == [Verdict.UNSUPPORTED, Verdict.FALLS_BACK]
