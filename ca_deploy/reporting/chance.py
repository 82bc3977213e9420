"""What of a recommendation may be chance, because few images were tried; in sentences."""

from collections.abc import Iterator

from ca_deploy.evaluation.metrics import at_most_percent
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.report import Basis
from ca_deploy.reporting.decision import Decision
from ca_deploy.reporting.found import Shipped
from ca_deploy.reporting.photos import main_figure

_MOST_BY_CHANCE = 5  # photos: 2 / 2^5 > 0.05


def accuracy_interval(percent: float, images: int) -> tuple[float, float]:
    """The 95 % interval of a share of photos, in percent (Clopper and Pearson, Biometrika 1934)."""
    right = min(max(round(percent * images / 100), 0), images)  # of a percentage, rounding may have made more of it
    return 100 - at_most_percent(images - right, images, 0.975), at_most_percent(right, images, 0.975)


def few_images(decision: Decision) -> Iterator[str]:
    """Where the points that may be given up are fewer than chance makes."""
    quality, within = decision.quality, decision.within
    if quality.basis is Basis.ACCURACY:
        lowest = quality.sets[0].lowest
        shares = [(lowest[label].top1, lowest[label].images) for label in decision.enough]
        what = "photos give each accuracy"
        more = " A paired comparison says more: ca-deploy evaluate FILE --against OTHER."
    elif quality.basis is Basis.AGREEMENT:
        parities = [decision.files[label].manifest.parity for label in decision.enough]
        shares = [(parity.agreement, parity.images) for parity in parities if parity.agreement is not None]
        what, more = "images give each agreement", ""
    else:
        return
    for images in sorted({images for _, images in shares}):
        intervals = [accuracy_interval(percent, count) for percent, count in shares if count == images]
        half = max((high - low) / 2 for low, high in intervals)
        if half > within:
            one = f": one of them is {100 / images:.2g} points" if images else ""
            yield (
                f"{images} {what} a 95 % interval of about ±{half:.1f} points, wider than the {within:g} that may be "
                f"given up{one}.{more}"
            )


def narrow_exclusions(decision: Decision) -> Iterator[str]:
    """Each file that costs less and was left out for so few photos that no test tells them from chance.

    McNemar's test has p = 2 / 2^n at least, if one model is right on n photos more than the other.
    """
    values, cost = decision.quality.values, decision.cost
    best = max(decision.enough, key=lambda label: values.get(label, 0), default=None)
    if best is None or decision.recommended is None:
        return
    for label in decision.too_far:
        images = _images_of(decision, label)
        photos = round((values[best] - values[label]) * images / 100)
        is_cheaper = label in cost.values and cost.values[label] < cost.values[decision.recommended]
        if is_cheaper and images == _images_of(decision, best) and 0 < photos <= _MOST_BY_CHANCE:
            yield (
                f"{label} costs less, {cost.values[label]:.4g} {cost.measure.unit}, and was left out for {photos} of "
                f"{images} images, which may be chance. Only more images can tell."
            )


def no_better_than_guessing(file: Shipped, report: AccuracyReport) -> Iterator[str]:
    """An accuracy that guessing has as well: the interval reaches down to one in as many as there are labels."""
    labels = len(file.manifest.labels or report.top1_by_class)
    name, value = main_figure(report)
    if labels > 1 and name == report.right_name and accuracy_interval(value, report.images)[0] <= 100 / labels:
        yield f"An accuracy of {value:.2f} % is not told apart from guessing among {labels} labels."


def _images_of(decision: Decision, label: str) -> int:
    """How many images give the quality of a file as the share of them that is right; 0 where it is no such share."""
    if decision.quality.basis is Basis.AGREEMENT:
        return decision.files[label].manifest.parity.images if label in decision.quality.values else 0
    report = decision.quality.sets[0].lowest.get(label) if decision.quality.basis is Basis.ACCURACY else None
    return report.images if report is not None and main_figure(report)[0] == report.right_name else 0
