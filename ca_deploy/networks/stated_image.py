"""What is said of a network's images, without the network: what no image can be is refused before it is loaded."""

import math

from ca_deploy.errors import UsageError
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import CHANNEL_COUNT, LONGEST_SIDE, can_normalise, sides

MOST_VALUES = 2**28  # 1 GiB of float32


def check_sizes(source: ModelSource) -> None:
    """
    Raises:
        UsageError: a size has no pixels, or more than any network takes.
    """
    for option, size in (("--input-size", source.input_size), ("--crop", source.crop), ("--resize", source.resize)):
        if size is None:
            continue
        text = "x".join(map(str, dict.fromkeys(sides(size))))
        if not 1 <= min(sides(size)) <= max(sides(size)) <= LONGEST_SIDE:
            raise UsageError(
                f"{option} {text} is not possible: it is the size of the image in pixels, 1 to {LONGEST_SIDE}."
            )
        depth = CHANNEL_COUNT[source.channels] if source.channels else 1
        if option == "--input-size" and math.prod(sides(size)) * depth > MOST_VALUES:
            raise UsageError(f"{option} {text} is more than {MOST_VALUES:,} values: nothing runs that.")


def check_normalisation(source: ModelSource) -> None:
    """
    Raises:
        UsageError: a mean or std that nothing can be normalised with.
    """
    if not can_normalise(source.mean or (), source.std or ()):
        raise UsageError("--mean and --std are three finite numbers each, and those of --std are positive.")
