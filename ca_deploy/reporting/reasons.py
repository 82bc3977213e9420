"""Why a file is recommended, in sentences."""

from ca_deploy.records.report import Basis
from ca_deploy.reporting.decision import Decision
from ca_deploy.reporting.found import Shipped
from ca_deploy.reporting.measures import CostKind, Qualities


def reasons(decision: Decision, file: Shipped) -> tuple[str, ...]:
    """By its cost, its quality, its parity and its size."""
    good, quality, cost = decision.good, decision.quality, decision.cost
    label, reasons = file.label, []
    others = sorted((one for one in good if one != label), key=lambda one: cost.values[one])
    rank = "the least" if cost.values[label] == min(cost.values[one] for one in good) else "as little as the least"
    among = _among(rank, len(good), len(decision.unpriced) + len(decision.unjudged))
    ends = dict.fromkeys((others[0], others[-1]) if others else ())  # the next, and the dearest
    beside = " and ".join(f"{one} has {cost.values[one] / cost.values[label]:.2f} times as much" for one in ends)
    times = f"; {beside}" if ends else ""
    reasons.append(f"{_capital(cost.measure.name)}: {cost.values[label]:.4g} {cost.measure.unit}, {among}{times}.")
    if label in quality.values:
        best = max(quality.values[one] for one in decision.enough if one in quality.values)
        below = best - quality.values[label]
        beside = "the best" if below <= 0 else f"{below:.2f} {_points(quality)} below the best"
        if decision.unjudged:
            judged = len(decision.sound) - len(decision.unjudged)
            beside += f" of the {judged} evaluated" if judged > 1 else " that is known"
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
