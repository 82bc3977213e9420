"""By which cost files are compared: that of the files that come into question."""

from dataclasses import replace

from ca_deploy.records.devices import InstructionCounts
from ca_deploy.records.parity import Status
from ca_deploy.reporting.found import Measured, Shipped
from tests.reporting.made import accuracy, made, measured, on, only


def test_files_that_are_not_good_enough_do_not_choose_the_device(file: Shipped) -> None:
    files = [on(file, "a", 95, Q=5), on(file, "b", 95, Q=6), *(on(file, name, 60, P=50) for name in "cde")]
    choice = only(*files)
    assert choice.recommended == "a" and "time on Q" in choice.plots[0].cost.name
    assert "35.00 points below the best" in choice.rejected["c"]
    assert "the least of the 2 files that are good enough" in choice.reasons[0]


def test_files_that_failed_do_not_choose_the_device(file: Shipped) -> None:
    failed = replace(file.manifest.parity, status=Status.FAIL, reason="bad")
    bad = [on(file, name, 95, parity=failed, P=50) for name in "cde"]
    choice = only(on(file, "a", 95, Q=5), on(file, "b", 95, Q=6, P=7), *bad)
    assert choice.recommended == "a" and "time on Q" in choice.plots[0].cost.name


def test_files_that_failed_do_not_choose_the_photos(file: Shipped) -> None:
    failed = replace(file.manifest.parity, status=Status.FAIL, reason="bad")
    bad = [
        replace(made(file, name, ms=1, parity=failed), accuracies=(accuracy(file, 99, data="/other"),)) for name in "cd"
    ]
    choice = only(made(file, "a", 90, 5), *bad)
    assert choice.recommended == "a" and not choice.doubts
    alone = only(made(file, "a", ms=5), *bad)
    assert alone.recommended == "a" and any(doubt.startswith("No accuracy") for doubt in alone.doubts)


def test_the_best_is_the_best_of_all_whether_timed_or_not(file: Shipped) -> None:
    choice = only(made(file, "timed", 80, 5), made(file, "better", 95))
    assert choice.recommended == "better" and "15.00 points below the best" in choice.rejected["timed"]
    assert any("only of others: the choice rests on size" in doubt for doubt in choice.doubts)
    choice = only(made(file, "timed", 94.5, 5), made(file, "better", 95))
    assert choice.recommended == "timed" and "0.50 points below the best (" in choice.reasons[1]
    assert any("better (95.00 %)" in doubt for doubt in choice.doubts)


def counted(file: Shipped, millions: float) -> Measured:
    found = measured(file, 1)
    device = replace(found.report.device, name="emulated:cortex-a76", model="cortex-a76")
    counts = InstructionCounts(round(millions * 1e6), 0, 0, 0, 0)
    return Measured(
        replace(found.report, device=device, emulated=True),
        replace(found.measurement, statistics=None, validity=None, instructions=counts),
    )


def test_a_phone_that_ran_few_of_the_files_is_said(file: Shipped) -> None:
    def both(label: str, millions: float, ms: float | None = None) -> Shipped:
        one = on(file, label, Galaxy=ms) if ms else made(file, label, 90)
        return replace(one, measured=(counted(file, millions), *one.measured))

    choice = only(both("a", 10), both("b", 11, 5), both("c", 12, 9))
    assert choice.recommended == "a" and "instructions" in choice.plots[0].cost.name
    (said,) = (doubt for doubt in choice.doubts if doubt.startswith("a has no time on Galaxy"))
    assert "good enough and have one (2 of 3), b has the least, 5 ms" in said
    assert any("2 of the 3 files were timed on a device: b, c" in doubt for doubt in choice.doubts)
    assert not any("no phone has run" in doubt for doubt in choice.doubts)
    assert any("no phone has run" in doubt for doubt in only(both("a", 10), both("b", 11)).doubts)
