"""Accuracies of files -> those that were measured on the same photos."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePath

from ca_deploy.errors import listed
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.reporting.found import Shipped

_Set = dict[str, list[AccuracyReport]]  # by the file's label


def accuracies(files: Sequence[Shipped], sound: Collection[str]) -> _Set:
    """On the photos that the most ``sound`` files were evaluated on, and of such sets on the largest; {} where there is
    none.

    A set is told by its folder, its number of photos, its classes and the metric. A folder that was named in several
    ways is one where the longer of two paths ends in the other, relative one, and in no other set's path.
    """
    alike: dict[tuple[int, str, frozenset[str]], dict[str, _Set]] = {}
    for file in files:
        for report in file.accuracies:
            key = (report.images, main_figure(report)[0], frozenset(report.top1_by_class))
            place = PurePath(report.data).as_posix()
            alike.setdefault(key, {}).setdefault(place, {}).setdefault(file.label, []).append(report)
    sets: list[tuple[int, int, str, _Set]] = []
    for (images, *_), by_place in alike.items():
        merged: dict[str, _Set] = {}
        for place, found in by_place.items():
            longer = [other for other in by_place if _ends_in(other, place)]
            whole = merged.setdefault(longer[0] if len(longer) == 1 else place, {})
            for label, reports in found.items():
                whole.setdefault(label, []).extend(reports)
        for place, found in merged.items():
            if known := sum(label in found for label in sound):
                sets.append((known, images, place, found))
    return max(sets, key=lambda one: one[:3])[3] if sets else {}


def _ends_in(longer: str, shorter: str) -> bool:
    parts = [part for part in PurePath(shorter).parts if part != ".."]
    is_end = PurePath(longer).parts[-len(parts) :] == tuple(parts) if parts else False
    return longer != shorter and is_end and not PurePath(shorter).is_absolute()


def doubts_of(found: Mapping[str, Sequence[AccuracyReport]]) -> Iterator[str]:
    """Folders that were taken for one, and files with several accuracies on the same photos."""
    places = sorted({PurePath(one.data).as_posix() for reports in found.values() for one in reports})
    if len(places) > 1:
        yield f"Taken for the same photos, because one path ends in the other: {listed(places)}."
    for label, reports in found.items():
        values = sorted({main_figure(one)[1] for one in reports})
        if len(values) > 1:
            yield (
                f"{label} has {len(values)} accuracies on the same photos, {values[0]:.2f} to {values[-1]:.2f} %. "
                "The lowest counts, because records of accuracy have no date."
            )


def main_figure(report: AccuracyReport) -> tuple[str, float]:
    """The metric that the task puts first, by its name, in percent."""
    if not report.figures or "top1" in report.figures:
        return report.right_name, report.top1
    return next(iter(report.figures.items()))
