"""Pareto and recommendation, on records of a real export in which single figures were changed."""

from dataclasses import replace

from ca_deploy.api.report import WITHIN
from ca_deploy.records.parity import Status
from ca_deploy.records.report import Basis
from ca_deploy.records.statistics import Rank, Trust
from ca_deploy.render.blocks import Table
from ca_deploy.render.report.choice import answer, chosen
from ca_deploy.reporting.chance import accuracy_interval
from ca_deploy.reporting.choose import choices
from ca_deploy.reporting.found import Measured, Shipped
from ca_deploy.reporting.pareto import points
from tests.reporting.made import accuracy, made, measured, on, only


def test_the_front_is_what_nothing_beats() -> None:
    figures = [("slow", 3, 90), ("best", 3, 95), ("cheap", 1, 80), ("beaten", 2, 79), ("same", 1, 80)]
    found = points(figures, [label for label, *_ in figures])
    assert [(one.file, one.on_front) for one in found] == [
        ("cheap", True), ("same", True), ("beaten", False), ("best", True), ("slow", False)
    ]  # fmt: skip
    assert points([], []) == ()


def test_what_may_not_be_shipped_beats_nothing(file: Shipped) -> None:
    assert [one.on_front for one in points([("bad", 1, 99), ("good", 2, 90)], ["good"])] == [False, True]
    parity = replace(file.manifest.parity, status=Status.FAIL, reason="SQNR too low")
    (plot, *_) = only(made(file, "bad", 99, 1, parity=parity), made(file, "good", 80, 5)).plots
    assert {point.file: point.on_front for point in plot.points} == {"bad": False, "good": True}


def test_of_those_good_enough_the_cheapest_is_recommended(file: Shipped) -> None:
    files = (made(file, "float", 91, 9), made(file, "int8", 90.2, 4), made(file, "int4", 85, 2))
    choice = only(*files)
    assert choice.recommended == "int8" and choice.basis is Basis.ACCURACY and choice.least == 90
    assert choice.rejected == {"int4": "its top-1 on tiny/photos is 6.00 points below the best; 1 may be given up"} or (
        "6.00 points below the best" in choice.rejected["int4"]
    )
    assert choice.reasons[0].startswith("Time on Pi 5 (ssh://pi): 4 ms, the least of the 2 files that are good enough")
    assert "float has 2.25 times as much" in choice.reasons[0] and "0.80 points below the best" in choice.reasons[1]
    assert [point.on_front for point in choice.plots[0].points] == [True, True, True]
    assert only(*files, within=0.5).recommended == "float"
    short = only(made(file, "a", 90.0, 2), made(file, "b", 89.638, 1), within=0.36)
    assert "is 0.362 points below the best; 0.36 may be given up" in short.rejected["b"]
    least = only(*files, within=6)
    assert least.recommended == "int4"
    assert "; int8 has 2.00 times as much and float has 4.50 times as much." in least.reasons[0]


def test_parity_that_fails_or_was_skipped_is_no_candidate(file: Shipped) -> None:
    for status in (Status.FAIL, Status.SKIPPED):
        parity = replace(file.manifest.parity, status=status, reason="SQNR too low")
        choice = only(made(file, "bad", 99, 1, parity=parity), made(file, "good", 80, 5))
        assert choice.recommended == "good" and "SQNR too low" in choice.rejected["bad"]
        nothing = only(made(file, "bad", 99, 1, parity=parity))
        assert nothing.recommended is None and not nothing.reasons and nothing.rejected


def test_a_later_parity_counts_too(file: Shipped) -> None:
    bad = made(file, "bad", 99, 1)
    bad = replace(bad, parities=(*bad.parities, replace(bad.parities[0], status=Status.FAIL, reason="in LiteRT 1.4")))
    assert "in LiteRT 1.4" in only(bad, made(file, "good", 98.5, 5)).rejected["bad"]


def test_invalid_times_decide_nothing_and_doubtful_ones_are_said(file: Shipped) -> None:
    hot = replace(made(file, "hot", 90), measured=(measured(file, 1, Trust.INVALID),))
    choice = only(hot, made(file, "cold", 90, 5))
    assert choice.recommended == "cold" and "invalid: too warm" in choice.rejected["hot"]
    assert "invalid" in choice.plots[0].left_out["hot"]
    warm = replace(made(file, "warm", 90), measured=(measured(file, 1, Trust.DOUBTFUL),))
    assert any("doubtful: too warm" in doubt for doubt in only(warm).doubts)


def test_what_was_not_measured_is_not_compared_in_silence(file: Shipped) -> None:
    choice = only(
        made(file, "a", 90, 5), made(file, "b", 90, 4), made(file, "no time", 90), made(file, "no photos", ms=1)
    )
    assert choice.recommended == "b"
    assert "was not measured" in choice.rejected["no time"] and "was not measured" in choice.rejected["no photos"]


def test_without_accuracy_agreement_decides_and_that_is_said(file: Shipped) -> None:
    choice = only(made(file, "a", ms=5), made(file, "b", ms=4))
    assert choice.basis is Basis.AGREEMENT and choice.recommended == "b"
    assert any(doubt.startswith("No accuracy was measured") for doubt in choice.doubts)
    tensors = replace(file.manifest.parity, agreement=None)
    choice = only(made(file, "a", ms=5, parity=tensors), made(file, "b", ms=4, parity=replace(tensors, sqnr_db=16.0)))
    assert choice.basis is Basis.SQNR and choice.recommended == "b" and choice.least is None


def test_without_times_size_decides_and_that_is_said(file: Shipped) -> None:
    choice = only(made(file, "a", 90, size_bytes=9), made(file, "b", 90, size_bytes=5))
    assert choice.recommended == "b" and choice.plots[0].cost.name == "size"
    assert any(doubt.startswith("No speed was measured") for doubt in choice.doubts)


def test_times_that_cannot_be_told_apart_leave_it_to_accuracy(file: Shipped) -> None:
    first, second = made(file, "first", 90, 4), made(file, "second", 90.5, 4.01)
    names = [one.measured[0].measurement.name for one in (first, second)]
    ranking = (Rank(names[0], 1, 1, 1, 1), Rank(names[1], 1, 1.01, 0.98, 1.02))
    report = replace(first.measured[0].report, ranking=ranking)
    files = [replace(one, measured=(replace(one.measured[0], report=report),)) for one in (first, second)]
    assert only(*files).recommended == "second"
    apart = replace(report, ranking=(ranking[0], replace(ranking[1], rank=2)))
    files = [replace(one, measured=(replace(one.measured[0], report=apart),)) for one in (first, second)]
    assert only(*files).recommended == "first"


def test_a_device_is_asked_before_this_computer(file: Shipped) -> None:
    here = Measured(file.measured[0].report, replace(measured(file, 1).measurement))
    there = measured(file, 7)
    both = replace(made(file, "both", 90), measured=(here, there))
    assert [plot.cost.unit for plot in only(both).plots] == ["ms", "ms", "MB"]
    assert "Pi 5" in only(both).plots[0].cost.name


def test_networks_are_compared_by_accuracy_only(file: Shipped) -> None:
    source = file.manifest.model.source
    other = replace(file.manifest.model, source=replace(source, model="another.package:net"))
    pair = (made(file, "a", 90, 5), made(file, "b", 92, 4, model=other))
    assert only(*pair).recommended == "b"
    apart = choices((made(file, "a", ms=5), made(file, "b", ms=4, model=other)), WITHIN)
    assert [choice.recommended for choice in apart] == ["a", "b"]
    renamed = replace(file.manifest.model, name="set_b", source=replace(source, name="set_b"))
    assert only(made(file, "a", ms=5), made(file, "b", ms=4, model=renamed)).recommended == "b"
    labels = tuple(reversed(file.manifest.labels or ()))
    assert len(choices((made(file, "a", 90, 5), made(file, "b", 92, 4, labels=labels)), WITHIN)) == 2


def test_accuracies_on_other_photos_are_not_compared(file: Shipped) -> None:
    elsewhere = replace(made(file, "c", ms=1), accuracies=(accuracy(file, 99, data="other/photos"),))
    choice = only(made(file, "a", 90, 5), made(file, "b", 90, 4), elsewhere)
    assert choice.recommended == "b" and "was not measured" in choice.rejected["c"]


def test_few_photos_are_said(file: Shipped) -> None:
    few = replace(made(file, "a", ms=1), accuracies=(replace(file.accuracies[0]),))
    assert any("95 % interval" in doubt for doubt in only(few).doubts)
    assert not any("95 % interval" in doubt for doubt in only(made(file, "a", 99.9, 1)).doubts)
    low, high = accuracy_interval(50, 100)  # Clopper and Pearson's table: 0.398 to 0.602
    assert (round(low, 1), round(high, 1)) == (39.8, 60.2)


def test_times_of_separate_runs_are_said(file: Shipped) -> None:
    apart = (made(file, "a", 90, 1), made(file, "b", 90, 2))
    assert any(doubt.startswith("The times are of 2 separate runs") for doubt in only(*apart).doubts)
    report = apart[0].measured[0].report
    together = [replace(one, measured=(replace(one.measured[0], report=report),)) for one in apart]
    assert not any("separate runs" in doubt for doubt in only(*together).doubts)


def test_random_weights_are_said(file: Shipped) -> None:
    random = replace(file.manifest.model, trained=False)
    assert any(doubt.startswith("Random weights: a") for doubt in only(made(file, "a", 90, 1, model=random)).doubts)


def test_devices_that_disagree_are_said(file: Shipped) -> None:
    choice = only(on(file, "a", P=5, Q=10), on(file, "b", P=10, Q=5))
    assert choice.recommended is not None
    (said,) = (doubt for doubt in choice.doubts if doubt.startswith("Another file has the least"))
    first, other = ("P", "Q") if choice.recommended == "a" else ("Q", "P")
    assert f"time on {other}" in said and f"Decided by time on {first}" in said and "5 ms" in said and "10 ms" in said
    agreed = only(on(file, "a", P=5, Q=5), on(file, "b", P=10, Q=10))
    assert agreed.recommended == "a" and not any("Another file" in doubt for doubt in agreed.doubts)
    assert f"decided by time on {first}" in str(answer(choice, several=False).title)


def test_how_many_were_measured_is_said(file: Shipped) -> None:
    choice = only(made(file, "a", 90, 50), made(file, "b", 90), made(file, "c", 80))
    assert (
        choice.recommended == "a" and "the only file measured that is good enough; 1 other was not" in choice.reasons[0]
    )
    assert any("1 of the 3 files, whose time on Pi 5" in doubt and ": b (90.00 %)." in doubt for doubt in choice.doubts)
    choice = only(made(file, "a", 70), made(file, "b"), made(file, "c"))
    assert choice.recommended == "a" and "2 others were not" in choice.reasons[0]
    assert (
        any("2 of the 3 files, whose top-1" in doubt for doubt in choice.doubts)
        and "that is known" in choice.reasons[1]
    )


def test_times_of_separate_runs_are_compared_by_their_samples(file: Shipped) -> None:
    assert only(made(file, "a", 90, 5.0), made(file, "b", 90.5, 5.0001)).recommended == "b"
    assert only(made(file, "a", 90, 5.0), made(file, "b", 90.5, 5.5)).recommended == "a"


def test_the_last_time_that_is_valid_counts(file: Shipped) -> None:
    old, new = measured(file, 5), measured(file, 1, Trust.INVALID)
    new = replace(new, report=replace(new.report, measured_on="2999-01-01"))
    choice = only(replace(made(file, "a", 90), measured=(old, new)), made(file, "b", 90, 9))
    assert choice.recommended == "a" and choice.reasons[0].startswith("Time on Pi 5 (ssh://pi): 5 ms")
    assert any(doubt.startswith("A newer measurement of a is invalid") for doubt in choice.doubts)
    alone = only(replace(made(file, "a", 90), measured=(new,)))
    assert any("though there are measurements of a" in doubt and "Measure it again" in doubt for doubt in alone.doubts)
    assert not any(doubt.startswith("No speed was measured") for doubt in alone.doubts)


def test_one_folder_with_two_names_is_one_and_that_is_said(file: Shipped) -> None:
    def of(label: str, top1: float, *places: str) -> Shipped:
        return replace(made(file, label, ms=1), accuracies=tuple(accuracy(file, top1, data=one) for one in places))

    choice = only(of("a", 90, "/x/val"), of("b", 95, "../val/"))
    assert choice.recommended == "b" and "5.00 points" in choice.rejected["a"]
    assert any("Taken for the same photos" in doubt and "/x/val" in doubt for doubt in choice.doubts)
    for other in ("/y/val", "eval", "al"):
        assert any(
            "was not measured" in why for why in only(of("a", 90, "/x/val"), of("b", 95, other)).rejected.values()
        )
    unclear = only(of("a", 90, "/x/val"), of("b", 95, "val"), of("c", 95, "/y/val"))
    assert not any("Taken for the same" in doubt for doubt in unclear.doubts) and len(unclear.rejected) == 2


def test_of_two_accuracies_on_the_same_photos_the_lowest_counts(file: Shipped) -> None:
    a = replace(made(file, "a", ms=1), accuracies=(accuracy(file, 90), accuracy(file, 50)))
    choice = only(a, made(file, "b", 89.5, 2))
    assert choice.recommended == "b" and any("a has 2 accuracies" in doubt for doubt in choice.doubts)


def test_what_guessing_reaches_is_said(file: Shipped) -> None:
    assert any("guessing among 5 labels" in doubt for doubt in only(made(file, "a", 20.5, 1)).doubts)
    assert not any("guessing" in doubt for doubt in only(made(file, "a", 22, 1)).doubts)


def test_in_what_another_file_is_not_beaten_is_said(file: Shipped) -> None:
    """The slower and larger one of two is beaten in size; not in accuracy and size together."""
    choice = only(made(file, "large", 91, 9, size_bytes=9), made(file, "small", 90.5, 4, size_bytes=5))
    *_, table = chosen([choice], {"large": 1, "small": 2})
    assert isinstance(table, Table)
    said = table.rows[0][-1]
    name = choice.quality.name
    assert (
        f"no other that may be shipped beats it in both {name} and time on Pi 5 (ssh://pi) and in both {name} and size"
        in str(said)
    )
    alone = only(made(file, "large", 90, 9, size_bytes=9), made(file, "small", 90.5, 4, size_bytes=5))
    *_, table = chosen([alone], {"large": 1, "small": 2})
    assert isinstance(table, Table) and "beats" not in str(table.rows[0][-1])
