"""By what files are compared: what a file costs, on each device or in size, and how good it is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePath

from ca_deploy.records.report import Basis, Measure
from ca_deploy.records.statistics import Trust
from ca_deploy.reporting.found import Measured, Shipped
from ca_deploy.reporting.photos import LabelledSet, labelled_sets
from ca_deploy.reporting.scales import Scale, figure_of, scale_of

_HERE = ("x86_64", "AMD64")


class CostKind(IntEnum):
    """What a cost is, the most telling first."""

    DEVICE_TIME = 0
    INSTRUCTIONS = 1
    DESKTOP_TIME = 2
    SIZE = 3


@dataclass(frozen=True, slots=True)
class Costs:
    """One cost of several files, by label. ``unusable`` says why a file that was measured has no figure here."""

    measure: Measure
    kind: CostKind
    values: Mapping[str, float]
    measured: Mapping[str, Measured]
    unusable: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Qualities:
    """How good several files are, by label; higher is better.

    If ``values`` are accuracies, they are those on the first of ``sets``, the photos that files were evaluated on.
    """

    measure: Measure
    basis: Basis
    values: Mapping[str, float]
    sets: Sequence[LabelledSet] = ()


def costs_of(files: Sequence[Shipped], enough: Collection[str]) -> list[Costs]:
    """Every cost, the one to decide by first: known of the most files that are good ``enough``, and of those the most
    telling."""

    def rank(one: Costs) -> tuple[bool, int, CostKind]:
        known = sum(label in one.values for label in enough)
        return one.kind is CostKind.SIZE or not known, -known, one.kind

    scales: dict[Scale, dict[str, Measured]] = {}
    for file in files:
        for one in sorted(file.measured, key=_order):  # the last stays
            scales.setdefault(scale_of(file, one), {})[file.label] = one
    found = [_on_device(scale, scales[scale]) for scale in sorted(scales)]
    sizes = {file.label: file.manifest.size_bytes / 1e6 for file in files}
    found.append(Costs(Measure("size", "MB", "of the file"), CostKind.SIZE, sizes, {}, {}))
    return sorted(found, key=rank)


def _order(one: Measured) -> tuple[bool, str]:
    """By time; but whatever may be quoted is after what is invalid."""
    return not is_invalid(one), one.report.measured_on


def is_invalid(one: Measured) -> bool:
    return one.measurement.validity is not None and one.measurement.validity.verdict is Trust.INVALID


def _on_device(scale: Scale, measured: Mapping[str, Measured]) -> Costs:
    values, unusable = {}, {}
    for label, one in measured.items():
        figure = figure_of(one)
        if one.measurement.validity is not None and is_invalid(one):
            why = "; ".join(one.measurement.validity.reasons)
            unusable[label] = f"its figures on {scale.device} are invalid: {why}"
        elif figure is None:
            unusable[label] = f"it has no figure on {scale.device}"
        else:
            values[label] = figure
    on = next(iter(measured.values())).report.device
    is_desktop = scale.device == "local" and on.architecture in _HERE
    time = CostKind.DESKTOP_TIME if is_desktop else CostKind.DEVICE_TIME
    return Costs(scale.measure, CostKind.INSTRUCTIONS if scale.emulated else time, values, measured, unusable)


def qualities_of(files: Sequence[Shipped], sound: Collection[str]) -> Qualities:
    """Accuracy on the photos that the most ``sound`` files were evaluated on; else agreement with PyTorch, else SQNR.

    Where no file is sound, it is that of any.
    """
    sound = sound or [file.label for file in files]
    if sets := labelled_sets(files, sound):
        first = sets[0]
        place = "/".join(PurePath(first.place).parts[-2:])
        measure = Measure(f"{first.metric} on {place}", "%", f"measured on {first.images} labelled photos")
        return Qualities(measure, Basis.ACCURACY, first.values, tuple(sets))
    agreed = {file.label: file.manifest.parity for file in files if file.manifest.parity.agreement is not None}
    if any(label in agreed for label in sound):
        names = sorted({parity.agreement_name for parity in agreed.values()})
        values = {label: parity.agreement for label, parity in agreed.items() if parity.agreement is not None}
        measure = Measure(" or ".join(names), "%", "with its own network in PyTorch, on held-out images; not accuracy")
        return Qualities(measure, Basis.AGREEMENT, values)
    noisy = {file.label: file.manifest.parity.sqnr_db for file in files}
    values = {label: value for label, value in noisy.items() if value is not None}
    measure = Measure("SQNR", "dB", "against its own network in PyTorch, on held-out samples; not accuracy")
    return Qualities(measure, Basis.SQNR, values)
