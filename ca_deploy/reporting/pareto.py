"""Which of several files no other beats."""

from collections.abc import Collection, Sequence

from ca_deploy.records.report import Point


def points(figures: Sequence[tuple[str, float, float]], sound: Collection[str]) -> tuple[Point, ...]:
    """Files with (label, cost, quality), by cost. On the front are the ``sound`` ones that no other sound one
    dominates; equal ones all are."""

    def is_beaten(cost: float, quality: float) -> bool:
        return any(
            other <= cost and better >= quality and (other < cost or better > quality)
            for label, other, better in figures
            if label in sound
        )

    ordered = sorted(figures, key=lambda one: (one[1], -one[2], one[0]))
    return tuple(
        Point(label, cost, quality, label in sound and not is_beaten(cost, quality)) for label, cost, quality in ordered
    )
