"""What a registered network costs, computed, and the figures that its paper prints."""

from ca_deploy.records.record import record


@record
class PublishedFigures:
    """Figures of one width as a paper prints them, such as ``"3.89M"``.

    ``differs`` says why the computed ones are others, where they are. ``source`` is the paper.
    """

    parameters: str | None = None
    multiply_adds: str | None = None
    top1_percent: float | None = None
    width: float = 1.0
    differs: str | None = None
    source: str = "arXiv 2103.02907"


@record
class NetworkCost:
    """One network at one width, with 1000 classes where its factory's default says so.

    ``multiply_adds`` are those of convolutions and matrix products for one input of ``input_size`` pixels squared.
    Both figures are None where the network could not be built, and ``reason`` says why.
    """

    name: str
    description: str
    input_size: int
    width: float = 1.0
    parameters: int | None = None
    multiply_adds: int | None = None
    reason: str = ""
    published: PublishedFigures | None = None


def printed(value: int, like: str) -> str:
    """A figure with the unit and the digits of a printed one.

    >>> printed(3_890_136, "3.89M"), printed(306_666_368, "310M"), printed(6_480_000, "6.5M")
    ('3.89M', '310M', '6.5M')
    """
    number, unit = like[:-1], like[-1]
    scaled = value / {"K": 1e3, "M": 1e6, "G": 1e9}[unit]
    decimals = len(number.partition(".")[2])
    if decimals == 0 and number.endswith("0"):  # 310M: to ten millions
        return f"{10 * round(scaled / 10)}{unit}"
    return f"{scaled:.{decimals}f}{unit}"
