"""Errors by layer of a file -> a curve, and a table of its figures."""

import math
from collections.abc import Iterator

from ca_deploy.errors import listed
from ca_deploy.records.parity import LayersParity
from ca_deploy.render import parity
from ca_deploy.render.report.figures import Levels, Part

_NAMED = 3


def layers(file: str, found: LayersParity, most: int) -> Iterator[Part]:
    """Of a table, the ``most`` layers that lose most."""
    levels = tuple(
        (one.module, one.sqnr_db) for one in found.layers if one.sqnr_db is not None and math.isfinite(one.sqnr_db)
    )
    if len(levels) > 1:
        yield Levels(f"SQNR of what each layer of {file} gives, beside PyTorch", _said(found, levels), levels)
    yield parity.layers(found, most)


def _said(found: LayersParity, levels: tuple[tuple[str, float], ...]) -> str:
    (_, first), *_, (_, last) = levels
    least, value = min(levels, key=lambda one: one[1])
    losing = [one.module for one in found.by_loss[:_NAMED] if (one.lost_db or 0) > 0]
    most = f" Most is lost in {listed(losing)}." if losing else ""
    return f"{first:.1f} dB in the first layer, {last:.1f} in the last; the least is {value:.1f}, in {least}.{most}"
