"""Of several comparisons of one file, the worst decides, whatever the order."""

from itertools import permutations

from ca_deploy.evaluation.worst import in_runtimes, with_sizes
from ca_deploy.records.parity import ParityReport, Status
from ca_deploy.records.recipe import Tolerances


def report(status: Status, runtime: str, sqnr_db: float | None, reason: str = "") -> ParityReport:
    return ParityReport(status, reason, "file", "network", runtime, Tolerances(), 128, 0.1, sqnr_db, agreement=100.0)


GOOD, BAD = report(Status.PASS, "one 1.0", None), report(Status.FAIL, "two 2.0", 3.0, "SQNR 3.0 dB is below 15 dB")
UNKNOWN = report(Status.SKIPPED, "three 3.0", 30.0, "too few images")


def test_any_failure_fails_and_a_skipped_one_is_no_pass() -> None:
    for order in permutations([GOOD, BAD, UNKNOWN]):
        found = in_runtimes(order)
        assert (found.status, found.sqnr_db) == (Status.FAIL, 3.0)
        assert "in two 2.0: SQNR 3.0 dB is below 15 dB" in found.reason
        assert [one.runtime for one in found.runtimes] == [one.runtime for one in order]
    assert in_runtimes([GOOD, UNKNOWN]).status == Status.SKIPPED
    assert in_runtimes([GOOD, GOOD]).status == Status.PASS


def test_one_runtime_alone_stays_as_it_is() -> None:
    assert in_runtimes([BAD]) is BAD


def test_sizes_are_named() -> None:
    found = with_sizes(GOOD, {(64, 96): BAD, (32, 32): UNKNOWN})
    assert found.status == Status.FAIL
    assert found.reason == "at 64x96 px: SQNR 3.0 dB is below 15 dB; at 32x32 px: too few images"
