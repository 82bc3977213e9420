"""Recommendations -> what to ship, the reasons, what is not known, and the files beside it."""

from collections.abc import Iterator, Sequence

from ca_deploy.records.report import Choice, Plot, Point
from ca_deploy.render.blocks import Column, Phrase, Piece, Role, Table
from ca_deploy.render.report.figures import Answer, Dot, Part, Scatter


def chosen(choices: Sequence[Choice], numbers: dict[str, int]) -> Iterator[Part]:
    """For each job: the answer first, then why, then what it rests on."""
    for choice in choices:
        yield answer(choice, several=len(choices) > 1)
        for plot in choice.plots:
            if plot.points:
                yield scatter(choice, plot, numbers)
        yield _compared(choice, numbers)


def answer(choice: Choice, several: bool) -> Answer:
    """In sentences."""
    about = f"{choice.about}: " if several else ""
    if choice.recommended is None:
        title: Phrase = (f"{about}none of these {len(choice.files)} files may be shipped",)
    else:
        by = f", decided by {choice.plots[0].cost.name}"
        title = (f"{about}ship " if about else "Ship ", Piece(choice.recommended, Role.STRONG), by)
    return Answer(title, choice.recommended is not None, choice.reasons, choice.doubts)


def scatter(choice: Choice, plot: Plot, numbers: dict[str, int]) -> Scatter:
    front = [point for point in plot.points if point.on_front]
    named = ", ".join(f"{p.file} ({p.cost:.4g} {plot.cost.unit}, {p.quality:.4g} {choice.quality.unit})" for p in front)
    front_said = f"No other file that may be shipped beats these in both: {named}" if named else "None may be shipped"
    dots = (
        Dot(numbers[p.file], p.file, p.cost, p.quality, p.on_front, p.file == choice.recommended) for p in plot.points
    )
    return Scatter(
        f"{choice.quality.name} against {plot.cost.name}",
        f"{len(plot.points)} files. {front_said}.",
        plot.cost.name,
        plot.cost.unit,
        choice.quality.name,
        choice.quality.unit,
        tuple(dots),
        choice.least,
    )


def _compared(choice: Choice, numbers: dict[str, int]) -> Table:
    """What the plots draw as a table, with the reason against each other file."""
    plots = [plot for plot in choice.plots if plot.points]
    points = [{point.file: point for point in plot.points} for plot in plots]
    rows: list[tuple[Phrase, ...]] = []
    for label in choice.files:
        mine = [found.get(label) for found in points]
        quality = next((point.quality for point in mine if point), None)
        if label == choice.recommended:
            said: Phrase = Piece("recommended", Role.GOOD)
        else:
            on = [plot.cost.name for plot, point in zip(plots, mine, strict=True) if point and point.on_front]
            said = choice.rejected.get(label) or _dearer(choice, mine[0])
            both = " and ".join(f"in both {choice.quality.name} and {cost}" for cost in on)
            said += f"; no other that may be shipped beats it {both}" if on else ""
        figures = (figure_of(point.cost if point else None) for point in mine)
        rows.append((str(numbers[label]), label, figure_of(quality), *figures, said))
    headings = (f"{choice.quality.name} ({choice.quality.unit})", *(f"{p.cost.name} ({p.cost.unit})" for p in plots))
    columns = (Column("no.", "right"), Column("file"), *(Column(name, "right") for name in headings), Column("verdict"))
    return Table(columns, tuple(rows), f"{choice.about}: {choice.quality.name} was {choice.quality.how}")


def _dearer(choice: Choice, point: Point | None) -> str:
    """Of a file that is good enough: by what it is not the one."""
    name = choice.plots[0].cost.name
    least = next((one.cost for one in choice.plots[0].points if one.file == choice.recommended), None)
    is_more = point is not None and least is not None and point.cost > least
    return f"good enough, and costs {'more' if is_more else 'no more'}: {name}"


def figure_of(value: float | None) -> str:
    """Four digits; "" where there is none."""
    return "" if value is None else f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
