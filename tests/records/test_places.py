"""Paths in a manifest are relative to it, and lead back from there."""

import shutil
from pathlib import Path

import pytest

from ca_deploy.records.model import ModelSource
from ca_deploy.records.places import place_beside, place_from, source_beside, source_from


@pytest.mark.parametrize("place", ["net.pth", "data/net.pth", "../net.pth", "../../elsewhere/net.pth"])
def test_a_path_is_relative_and_leads_back(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "a" / "out"
    path = (folder / place).resolve()
    seen = place_beside(path, folder)
    assert (seen, place_from(seen, folder)) == (Path(place), path)


def test_links_do_not_lead_astray(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er" / "out").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er" / "out")
    (tmp_path / "net.pth").touch()
    seen = place_beside(tmp_path / "net.pth", tmp_path / "link")
    assert (tmp_path / "link" / seen).resolve() == place_from(seen, tmp_path / "link") == tmp_path / "net.pth"


def test_all_paths_of_a_source_are_relative_and_move_with_the_folder(tmp_path: Path) -> None:
    here = tmp_path / "here"
    source = ModelSource("package.module:net", weights=here / "net.pth", labels=here / "labels.txt")
    program = ModelSource(str(here / "net.pt2"), labels=here / "labels.txt")
    for one in (source, program):
        seen = source_beside(one, here / "out")
        assert str(tmp_path) not in repr(seen)
        assert source_from(seen, here / "out") == one
    (here / "out").mkdir(parents=True)
    shutil.move(here, tmp_path / "there")
    moved = source_from(source_beside(source, here / "out"), tmp_path / "there" / "out")
    assert moved.weights == tmp_path / "there" / "net.pth"


def test_absolute_paths_of_earlier_manifests_stay() -> None:
    assert place_from(Path("/data/net.pth"), Path("out")) == Path("/data/net.pth")
