"""Which of several files no other beats."""

from collections.abc import Sequence

from ca_deploy.records.report import Point


def points(figures: Sequence[tuple[str, float, float]]) -> tuple[Point, ...]:
    """Files with (label, cost, quality), by cost. On the front are those that nothing dominates; equal ones all are."""

    def is_beaten(cost: float, quality: float) -> bool:
        return any(
            other <= cost and better >= quality and (other < cost or better > quality) for _, other, better in figures
        )

    ordered = sorted(figures, key=lambda one: (one[1], -one[2], one[0]))
    return tuple(Point(label, cost, quality, not is_beaten(cost, quality)) for label, cost, quality in ordered)
