"""Which file to ship, and why: of the files as good as the best, the one that costs least."""

from collections.abc import Mapping, Sequence

from ca_deploy.errors import listed
from ca_deploy.records.report import Basis, Choice, Plot
from ca_deploy.reporting.alike import are_alike
from ca_deploy.reporting.decision import Decision
from ca_deploy.reporting.doubts import doubts
from ca_deploy.reporting.found import Shipped
from ca_deploy.reporting.jobs import Job, jobs, network_of
from ca_deploy.reporting.measures import Costs, Qualities, costs_of, qualities_of
from ca_deploy.reporting.objections import objection
from ca_deploy.reporting.pareto import points
from ca_deploy.reporting.reasons import reasons


def choices(files: Sequence[Shipped], within: float) -> tuple[Choice, ...]:
    """One recommendation for each job that files do, and for each network that cannot be compared with others for it.

    Agreement with its own network says nothing of another one.
    """
    return tuple(_choice(job, within) for job in jobs(files))


def _choice(job: Job, within: float) -> Choice:
    files = job.files
    by_label = {file.label: file for file in files}
    objections = {file.label: reason for file in files if (reason := objection(file))}
    sound = [label for label in by_label if label not in objections]
    quality = qualities_of(files, sound)
    unjudged = [label for label in sound if quality.basis is Basis.ACCURACY and label not in quality.values]
    judged = [label for label in sound if label not in unjudged]
    best = max((quality.values[label] for label in judged if label in quality.values), default=None)
    enough = [label for label in judged if best is None or _is_good(label, quality, best, within)]
    costs = costs_of(files, enough)
    first = costs[0]
    good = [label for label in enough if label in first.values]
    unpriced = [label for label in enough if label not in first.values]
    rejected = objections | dict.fromkeys(unjudged, f"its {quality.measure.name} was not measured")
    rejected |= {label: _too_far(label, quality, best, within) for label in judged if label not in enough}
    rejected |= {label: first.unusable.get(label, f"its {first.measure.name} was not measured") for label in unpriced}
    recommended = _cheapest(good, first, quality, by_label)
    decision = Decision(by_label, quality, costs, within, sound, good, unpriced, unjudged, recommended, job.apart)
    names = sorted({file.manifest.model.name for file in files})
    networks = len({network_of(file) for file in files})
    about = listed(names) if networks == 1 else f"{networks} networks for the same job: {listed(names)}"
    return Choice(
        about=about,
        files=tuple(by_label),
        quality=quality.measure,
        basis=quality.basis,
        within=within,
        least=None if best is None or quality.basis is Basis.SQNR else best - within,
        plots=tuple(_plot(files, quality, cost, sound) for cost in costs if cost.values),
        recommended=recommended,
        reasons=reasons(decision, by_label[recommended]) if recommended else (),
        doubts=doubts(decision),
        rejected={label: rejected[label] for label in by_label if label in rejected},
    )


def _is_good(label: str, quality: Qualities, best: float, within: float) -> bool:
    """SQNRs of different recipes say nothing of answers: there, parity's tolerances have decided."""
    if quality.basis is Basis.SQNR or label not in quality.values:
        return True
    return quality.values[label] >= best - within - 1e-9


def _too_far(label: str, quality: Qualities, best: float | None, within: float) -> str:
    below = (best or 0) - quality.values[label]
    digits = f"{below:.2f}" if round(below, 2) > within else f"{below:.6g}"
    return f"its {quality.measure.name} is {digits} points below the best; {within:g} may be given up"


def _cheapest(good: Sequence[str], cost: Costs, quality: Qualities, files: Mapping[str, Shipped]) -> str | None:
    """Of those that cannot be told apart from the one that costs least: the best, then the smallest, then by name."""
    if not good:
        return None
    values = cost.values
    least = min(good, key=lambda label: values[label])
    alike = [label for label in good if values[label] == values[least] or are_alike(least, label, cost)]
    return min(
        alike,
        key=lambda label: (-quality.values.get(label, 0), files[label].manifest.size_bytes, values[label], label),
    )


def _plot(files: Sequence[Shipped], quality: Qualities, cost: Costs, sound: Sequence[str]) -> Plot:
    both = [file.label for file in files if file.label in quality.values and file.label in cost.values]
    left_out = {
        file.label: cost.unusable.get(file.label, f"{cost.measure.name} was not measured")
        if file.label not in cost.values
        else f"{quality.measure.name} was not measured"
        for file in files
        if file.label not in both
    }
    figures = [(label, cost.values[label], quality.values[label]) for label in both]
    return Plot(cost.measure, points(figures, sound), left_out)
