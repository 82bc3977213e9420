"""What the attention of a network does to one photo."""

import dataclasses
from collections.abc import Mapping

from ca_deploy.records.record import record

PICTURE_TITLE = "ca-deploy attention"  # the title inside a PNG of gates, by which it is found again


@record
class BlockGates:
    """The gates of one block: ``module`` is its path, ``size`` the height and width of its map.

    ``values`` has, for each kind of gate, its values averaged over the channels: ``rows`` one per row, ``columns`` one
    per column, ``elements`` one per row and column, row by row; of ``map`` one per channel, in their order.
    """

    module: str
    size: tuple[int, int]
    values: Mapping[str, tuple[float, ...]]
    differences: Mapping[str, float] = dataclasses.field(default_factory=dict)


@record
class AttentionReport:
    """The blocks of ``model`` in order; ``left_alone`` are places that resemble attention, with the reason.

    ``label`` is the class that Grad-CAM explains, and ``cam`` its map, row by row, from 0 to 1; None without a class,
    and for an exported file, which has no gradients.
    """

    model: str
    photo: str
    blocks: tuple[BlockGates, ...]
    left_alone: Mapping[str, str]
    label: str | None = None
    cam: tuple[tuple[float, ...], ...] | None = None
