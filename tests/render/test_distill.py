from pathlib import Path

from ca_deploy.render.blocks import Line, Page
from ca_deploy.render.distill import page


def test_one_line_that_stays_whole() -> None:
    folder = Path("a[b]")
    assert page(160, 12_340_000, folder) == Page((Line("160 images, 12.3 MB, in a[b]"),))
