"""Accuracies of files -> those that were measured on the same photos."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ca_deploy.errors import listed
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.reporting.found import Shipped

_Reports = dict[str, list[AccuracyReport]]  # by the file's label


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Photos that files were evaluated on, by the metric that the task puts first: accuracies by the file's label."""

    place: str
    images: int
    metric: str
    reports: Mapping[str, Sequence[AccuracyReport]]

    @property
    def lowest(self) -> dict[str, AccuracyReport]:
        """Of several accuracies of one file the lowest, because they have no date."""
        return {label: min(found, key=lambda one: main_figure(one)[1]) for label, found in self.reports.items()}

    @property
    def values(self) -> dict[str, float]:
        """In percent."""
        return {label: main_figure(report)[1] for label, report in self.lowest.items()}

    def doubts(self) -> Iterator[str]:
        """Folders that were taken for one, and files with several accuracies on the same photos."""
        places = sorted({PurePath(one.data).as_posix() for found in self.reports.values() for one in found})
        if len(places) > 1:
            yield f"Taken for the same photos, because one path ends in the other: {listed(places)}."
        for label, found in self.reports.items():
            values = sorted({main_figure(one)[1] for one in found})
            if len(values) > 1:
                yield (
                    f"{label} has {len(values)} accuracies on the same photos, {values[0]:.2f} to {values[-1]:.2f} %. "
                    "The lowest counts, because records of accuracy have no date."
                )


def labelled_sets(files: Sequence[Shipped], sound: Collection[str]) -> list[LabelledSet]:
    """Those of ``sound`` files, the one to judge by first: that of the most such files; of several the one with more
    photos, then the one with the lower accuracies.

    A set is told by its folder, its number of photos, its classes and the metric. A folder that was named in several
    ways is one where the longer of two paths ends in the other, relative one, and in no other set's path.
    """
    alike: dict[tuple[int, str, frozenset[str]], dict[str, _Reports]] = {}
    for file in files:
        for report in file.accuracies:
            key = (report.images, main_figure(report)[0], frozenset(report.top1_by_class))
            place = PurePath(report.data).as_posix()
            alike.setdefault(key, {}).setdefault(place, {}).setdefault(file.label, []).append(report)
    sets: list[LabelledSet] = []
    for (images, metric, _), by_place in alike.items():
        merged: dict[str, _Reports] = {}
        for place, found in by_place.items():
            longer = [other for other in by_place if _ends_in(other, place)]
            whole = merged.setdefault(longer[0] if len(longer) == 1 else place, {})
            for label, reports in found.items():
                whole.setdefault(label, []).extend(reports)
        sets += [LabelledSet(place, images, metric, found) for place, found in merged.items()]

    def rank(one: LabelledSet) -> tuple[int, int, float, str]:
        known = [value for label, value in one.values.items() if label in sound]
        return -len(known), -one.images, sum(known), one.place

    return sorted((one for one in sets if one.reports.keys() & sound), key=rank)


def _ends_in(longer: str, shorter: str) -> bool:
    parts = [part for part in PurePath(shorter).parts if part != ".."]
    is_end = PurePath(longer).parts[-len(parts) :] == tuple(parts) if parts else False
    return longer != shorter and is_end and not PurePath(shorter).is_absolute()


def main_figure(report: AccuracyReport) -> tuple[str, float]:
    """The metric that the task puts first, by its name, in percent."""
    if not report.figures or "top1" in report.figures:
        return report.right_name, report.top1
    return next(iter(report.figures.items()))
