"""Which file to ship, and why: of the files as good as the best, the one that costs least."""

from collections.abc import Sequence
from dataclasses import replace

from ca_deploy.errors import listed
from ca_deploy.records.parity import Status
from ca_deploy.records.report import Basis, Choice, Plot
from ca_deploy.reporting.alike import are_alike
from ca_deploy.reporting.decision import Decision
from ca_deploy.reporting.doubts import doubts
from ca_deploy.reporting.found import Shipped
from ca_deploy.reporting.measures import CostKind, Costs, Qualities, costs_of, qualities_of
from ca_deploy.reporting.pareto import points


def choices(files: Sequence[Shipped], within: float) -> tuple[Choice, ...]:
    """One recommendation for each job that files do.

    Files do the same job where they have the same task and labels; those of several networks are only compared if
    accuracy was measured on the same photos of a file of each, because agreement with its own network says nothing of
    another one.
    """
    return tuple(_choice(group, within) for group in _groups(files))


def _groups(files: Sequence[Shipped]) -> list[list[Shipped]]:
    jobs: dict[object, list[Shipped]] = {}
    for file in files:
        labels = file.manifest.labels
        jobs.setdefault((file.manifest.task, labels) if labels else _network(file), []).append(file)
    groups: list[list[Shipped]] = []
    for together in jobs.values():
        known = qualities_of(together)
        networks: dict[object, list[Shipped]] = {}
        for file in together:
            networks.setdefault(_network(file), []).append(file)
        all_known = all(any(file.label in known.values for file in group) for group in networks.values())
        groups += [together] if known.basis is Basis.ACCURACY and all_known else list(networks.values())
    return groups


def _network(file: Shipped) -> object:
    """What tells networks apart: not what their files are called, nor where their weights and labels lie."""
    model = file.manifest.model
    return replace(model.source, name=None, weights=None, backbone_weights=None, labels=None), model.checkpoint_sha256


def _choice(files: Sequence[Shipped], within: float) -> Choice:
    quality, costs = qualities_of(files), costs_of(files)
    by_label = {file.label: file for file in files}
    rejected = {file.label: reason for file in files if (reason := _objection(file))}
    sound = [label for label in by_label if label not in rejected]
    unjudged = [label for label in sound if quality.basis is Basis.ACCURACY and label not in quality.values]
    rejected |= dict.fromkeys(unjudged, f"its {quality.measure.name} was not measured")
    first = costs[0]
    unknown = [label for label in sound if label not in rejected and label not in first.values]
    for label in unknown:
        rejected[label] = first.unusable.get(label, f"its {first.measure.name} was not measured")
    able = [label for label in sound if label not in rejected]
    best = max((quality.values[label] for label in able if label in quality.values), default=None)
    good = [label for label in able if best is None or _is_good(label, quality, best, within)]
    rejected |= {label: _too_far(label, quality, best, within) for label in able if label not in good}
    recommended = _cheapest(good, first, quality)
    unpriced = [label for label in unknown if best is None or _is_good(label, quality, best, within)]
    decision = Decision(by_label, quality, costs, within, good, unpriced, unjudged, recommended)
    names = sorted({file.manifest.model.name for file in files})
    networks = len({_network(file) for file in files})
    about = listed(names) if networks == 1 else f"{networks} networks for the same job: {listed(names)}"
    unlike = {label: rejected[label] for label in by_label if label in rejected}
    return Choice(
        about=about,
        files=tuple(by_label),
        quality=quality.measure,
        basis=quality.basis,
        within=within,
        least=None if best is None or quality.basis is Basis.SQNR else best - within,
        plots=tuple(_plot(files, quality, cost) for cost in costs if cost.values),
        recommended=recommended,
        reasons=_reasons(decision, by_label[recommended]) if recommended else (),
        doubts=doubts(decision),
        rejected=unlike,
    )


def _objection(file: Shipped) -> str:
    """Why a file is no candidate, whatever it costs; "" where nothing speaks against it."""
    for parity in file.parities:
        if parity.status is not Status.PASS:
            return (
                f"parity {'fails' if parity.status is Status.FAIL else 'was skipped'}: {parity.reason or 'no reason'}"
            )
    for one in file.measured:
        said = one.measurement.verification
        if said is not None and said.status is Status.FAIL:
            return f"its outputs on {one.report.device.name} are not those here: {said.reason or said.demanded}"
    return ""


def _is_good(label: str, quality: Qualities, best: float, within: float) -> bool:
    """SQNRs of different recipes say nothing of answers: there, parity's tolerances have decided."""
    if quality.basis is Basis.SQNR or label not in quality.values:
        return True
    return quality.values[label] >= best - within - 1e-9


def _too_far(label: str, quality: Qualities, best: float | None, within: float) -> str:
    below = (best or 0) - quality.values[label]
    return f"its {quality.measure.name} is {below:.2f} points below the best; {within:g} may be given up"


def _cheapest(good: Sequence[str], cost: Costs, quality: Qualities) -> str | None:
    """Of those that cannot be told apart from the one that costs least: the best, then the smallest by name."""
    if not good:
        return None
    least = min(good, key=lambda label: cost.values[label])
    alike = [label for label in good if label == least or are_alike(least, label, cost)]
    return min(alike, key=lambda label: (-quality.values.get(label, 0), cost.values[label], label))


def _plot(files: Sequence[Shipped], quality: Qualities, cost: Costs) -> Plot:
    both = [file.label for file in files if file.label in quality.values and file.label in cost.values]
    left_out = {
        file.label: cost.unusable.get(file.label, f"{cost.measure.name} was not measured")
        if file.label not in cost.values
        else f"{quality.measure.name} was not measured"
        for file in files
        if file.label not in both
    }
    return Plot(cost.measure, points([(label, cost.values[label], quality.values[label]) for label in both]), left_out)


def _reasons(decision: Decision, file: Shipped) -> tuple[str, ...]:
    good, quality, cost = decision.good, decision.quality, decision.cost
    label, reasons = file.label, []
    dearest = max(good, key=lambda one: cost.values[one])
    rank = "the least" if cost.values[label] == min(cost.values[one] for one in good) else "as little as the least"
    among = _among(rank, len(good), len(decision.unpriced) + len(decision.unjudged))
    times = f"; {dearest} has {cost.values[dearest] / cost.values[label]:.2f} times as much" if dearest != label else ""
    reasons.append(f"{_capital(cost.measure.name)}: {cost.values[label]:.4g} {cost.measure.unit}, {among}{times}.")
    if label in quality.values:
        best = max(quality.values[one] for one in good if one in quality.values)
        below = best - quality.values[label]
        beside = "the best" if below <= 0 else f"{below:.2f} {_points(quality)} below the best"
        if decision.unjudged or decision.unpriced:
            beside += f" of the {len(good)} measured" if len(good) > 1 else " that is known"
        bar = "" if quality.basis is Basis.SQNR else f"; up to {decision.within:g} may be given up"
        reasons.append(
            f"{_capital(quality.measure.name)}: {quality.values[label]:.2f} "
            f"{quality.measure.unit}, {beside} ({quality.measure.how}{bar})."
        )
    parity = file.parities[0]
    reasons.append(f"Parity with PyTorch: passed on {parity.images} {parity.image_set or 'held-out samples'}.")
    if cost.kind is CostKind.SIZE:
        return tuple(reasons)
    share = file.manifest.size_bytes / file.manifest.float32_size_bytes if file.manifest.float32_size_bytes else 1
    of_float = "" if round(share, 2) == 1 else f", {share:.2f} of the float32 file"
    reasons.append(f"Size: {file.manifest.size_bytes / 1e6:.2f} MB{of_float}.")
    return tuple(reasons)


def _among(rank: str, measured: int, missing: int) -> str:
    """How many files the cost was compared of; ``missing``: those that may be good enough too."""
    if missing:
        other = f"{missing} other{' was' if missing == 1 else 's were'} not measured"
        if measured == 1:
            return f"the only file measured that is good enough; {other}"
        return f"{rank} of the {measured} measured that are good enough; {other}"
    return f"{rank} of the {measured} files that are good enough" if measured > 1 else "the only file good enough"


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _points(quality: Qualities) -> str:
    return "dB" if quality.basis is Basis.SQNR else "points"
