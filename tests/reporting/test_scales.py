"""Figures that do not mean the same are not compared, and those that do are compared as far as they tell."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ca_deploy.records.image_sizes import ImageSizes
from ca_deploy.records.latency import MeasuringProtocol
from ca_deploy.records.report import Choice
from ca_deploy.records.statistics import Difference, Heat, Heated, Rank, Ratio
from ca_deploy.records.tensors import FedInput
from ca_deploy.reporting.found import Measured, Shipped
from ca_deploy.reporting.plausible import impossible
from tests.reporting.made import made, measured, only, sampleless


def _fed(*shape: int) -> Callable[[Measured], Measured]:
    return lambda one: replace(one, measurement=replace(one.measurement, inputs=(FedInput("image", "float32", shape),)))


def _with(**changes: object) -> Callable[[Measured], Measured]:
    return lambda one: replace(one, measurement=replace(one.measurement, **changes))  # type: ignore[arg-type]


def _by(**changes: object) -> Callable[[Measured], Measured]:
    return lambda one: replace(
        one,
        report=replace(one.report, protocol=replace(one.report.protocol, **changes)),  # type: ignore[arg-type]
    )


def _timed(file: Shipped, label: str, ms: float, change: Callable[[Measured], Measured]) -> Shipped:
    return replace(made(file, label, 90), measured=(change(measured(file, ms)),))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_fed(1, 3, 96, 96), "fed with 1x3x96x96"),
        (_with(affinity="0xf0"), "cores 0xf0"),
        (_with(signature="encode"), "function encode"),
        (_with(threads=4), "4 threads"),
        (_by(headline="p90"), "p90"),
        (_by(is_sustained=True), "after lasting load"),
    ],
)
def test_what_was_measured_otherwise_is_another_cost(
    file: Shipped, change: Callable[[Measured], Measured], said: str
) -> None:
    choice = only(made(file, "a", 90, 5), _timed(file, "b", 1, change))
    assert choice.recommended == "a" and choice.plots[0].cost.name == "time on Pi 5 (ssh://pi)"
    assert "was not measured" in choice.rejected["b"] and any("not known: b" in doubt for doubt in choice.doubts)
    assert said in choice.plots[1].cost.name
    assert any(doubt.startswith(f"a has no {choice.plots[1].cost.name}") for doubt in choice.doubts)


def test_a_batch_is_another_cost(file: Shipped) -> None:
    (image,) = file.manifest.inputs
    eight = (replace(image, shape=(8, *image.shape[1:])),)
    b = replace(made(file, "b", 90, inputs=eight), measured=(_fed(8, *image.shape[1:])(measured(file, 1)),))
    choice = only(made(file, "a", 90, 5), b)
    assert choice.recommended == "a" and choice.plots[1].cost.name.endswith(", 8 samples at once")


def test_what_the_file_itself_takes_is_as_usual(file: Shipped) -> None:
    """So that networks of several image sizes are compared by what each takes."""
    (image,) = file.manifest.inputs
    small = (replace(image, shape=(1, 3, 16, 16)),)
    b = replace(made(file, "b", 90, inputs=small), measured=(_fed(1, 3, 16, 16)(measured(file, 1)),))
    assert only(made(file, "a", 90, 5), b).recommended == "b"


def test_other_programs_and_protocols_are_said(file: Shipped) -> None:
    def by(runner: str) -> Callable[[Measured], Measured]:
        return lambda one: _with(engine=replace(one.measurement.engine, runner=runner))(one)

    choice = only(_timed(file, "a", 5, by("c")), _timed(file, "b", 4, by("python")))
    assert any("different programs" in doubt and "(c: a; python: b)" in doubt for doubt in choice.doubts)
    choice = only(_timed(file, "a", 5, _by(name="quick")), _timed(file, "b", 4, _by(name="standard")))
    assert any("different protocols" in doubt and "(quick: a; standard: b)" in doubt for doubt in choice.doubts)
    choice = only(made(file, "a", 90, 5), made(file, "b", 90, 4))
    assert not any("different" in doubt for doubt in choice.doubts)


def _sustained(file: Shipped, **first_and_last: tuple[float, float]) -> Choice:
    """Of files that were heated together; over all rounds they share a rank, and the first is the smallest."""
    labels = list(first_and_last)
    found = {label: _with(label=label)(measured(file, last)) for label, (_, last) in first_and_last.items()}
    names = {label: found[label].measurement.name for label in labels}
    slower = Ratio(1, 1, 1, Difference.NONE)

    def ranked(number: int) -> tuple[Rank, ...]:
        ordered = sorted(labels, key=lambda label: first_and_last[label][number])
        return tuple(Rank(names[label], place, 1, 1, 1) for place, label in enumerate(ordered, start=1))

    first, last = ([rank.measurement for rank in ranked(number)] for number in (0, 1))
    overtaken = tuple(
        (one, other)
        for one in names.values()
        for other in names.values()
        if first.index(one) < first.index(other) and last.index(one) > last.index(other)
    )
    files = tuple(
        Heated(names[label], cold, hot, hot, slower, 60.0, None, None) for label, (cold, hot) in first_and_last.items()
    )
    heat = Heat(30, files, ranked(0), ranked(1), overtaken)
    one = found[labels[0]].report
    protocol = MeasuringProtocol("sustained", 30, 1, 0, 1, 60, 120, is_sustained=True)
    report = replace(one, protocol=protocol, heat=heat, ranking=tuple(Rank(names[x], 1, 1, 1, 1) for x in labels))
    heated = [
        replace(made(file, label, 90, size_bytes=size), measured=(Measured(report, found[label].measurement),))
        for size, label in enumerate(labels, start=1)
    ]
    return only(*heated)


def test_after_lasting_load_the_last_round_decides(file: Shipped) -> None:
    choice = _sustained(file, a=(5, 20), b=(8, 9))
    assert choice.recommended == "b" and "9 ms, the least" in choice.reasons[0]
    assert any("Before the device is hot, a is faster: 5 ms, where b has 8 ms" in doubt for doubt in choice.doubts)
    cool = _sustained(file, a=(5, 6), b=(8, 9))
    assert cool.recommended == "a" and not any("Before the device" in doubt for doubt in cool.doubts)


def _unsampled(file: Shipped, label: str, top1: float, ms: float) -> Shipped:
    return replace(made(file, label, top1), measured=(sampleless(file, ms),))


def test_times_without_samples_that_are_close_are_alike(file: Shipped) -> None:
    choice = only(_unsampled(file, "a", 90, 5.00), _unsampled(file, "b", 90.9, 5.01))
    assert choice.recommended == "b" and any("2 % are taken for alike" in doubt for doubt in choice.doubts)
    assert only(_unsampled(file, "a", 90, 5.00), _unsampled(file, "b", 90.9, 5.2)).recommended == "a"


def test_of_files_alike_in_time_and_quality_the_smaller_is_taken(file: Shipped) -> None:
    large = made(file, "a", 90, 5.0, size_bytes=9_000_000)
    assert only(large, made(file, "b", 90, 5.0001, size_bytes=1000)).recommended == "b"
    assert only(made(file, "a", 90, size_bytes=5), made(file, "b", 90.5, size_bytes=5)).recommended == "b"


def test_inputs_that_are_not_those_of_the_network_are_named(file: Shipped) -> None:
    sizes = ImageSizes((32, 32))
    assert not impossible(replace(file.manifest, image_sizes=sizes))
    assert "inputs" in impossible(replace(file.manifest, image_sizes=sizes, inputs=()))
