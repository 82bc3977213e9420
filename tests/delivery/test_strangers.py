"""A journal is data that may come from anybody: only what this user's processes left behind is removed or finished."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ca_deploy.delivery import settle, staging
from ca_deploy.delivery.scratch import COMMITTED, MARKER
from tests.delivery import kit


def entry_of(root: Path) -> Path:
    (entry,) = (root / COMMITTED).iterdir()
    return entry


def rename(root: Path, name: str) -> None:
    """Make the entry name another place, with its own inode number."""
    entry = entry_of(root)
    entry.rename(entry.with_name(f"{entry.lstat().st_ino}-{name}"))


def copied(root: Path) -> None:
    """As if an archive or a repository had brought it."""
    shutil.copytree(root, root.with_name("copy"))
    shutil.rmtree(root)
    root.with_name("copy").rename(root)


def linked(root: Path) -> None:
    """The entry is a link to something else, with the link's own inode number."""
    entry = entry_of(root)
    entry.unlink()
    entry.symlink_to("/etc/hostname")
    rename(root, "a.json")


def journal_elsewhere(root: Path) -> None:
    """The folder of entries is a link to another folder."""
    (root / COMMITTED).rename(root.parent / "elsewhere")
    (root / COMMITTED).symlink_to(root.parent / "elsewhere")


def somebody_elses(root: Path) -> None:
    if os.getuid():
        pytest.skip("only root can give a folder away")
    os.chown(root, 12345, 12345)


STRANGE: dict[str, Callable[[Path], object]] = {
    "hidden name": lambda root: rename(root, ".git"),
    "no name": lambda root: rename(root, ""),
    "this folder": lambda root: rename(root, "."),
    "the folder above": lambda root: rename(root, ".."),
    "copied": copied,
    "a link": linked,
    "a journal elsewhere": journal_elsewhere,
    "somebody else's": somebody_elses,
    "all may write": lambda root: root.chmod(0o777),
    "no marker": lambda root: (root / MARKER).unlink(),
    "another prefix": lambda root: root.rename(root.with_name("ca-deploy-without-dot")),
}


@pytest.mark.parametrize("spoil", STRANGE.values(), ids=STRANGE)
def test_a_strangers_journal_moves_nothing(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a.json").write_text("mine")
    root = kit.cut_off(folder, {"a.json": b"a stranger's"})
    spoil(root)
    settle(folder)
    with staging(folder):
        pass
    assert (folder / "a.json").read_text() == "mine"
    assert not (folder / ".git").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_our_own_is_moved(tmp_path: Path) -> None:
    """The control for the test above."""
    (tmp_path / "a.json").write_text("mine")
    kit.cut_off(tmp_path, {"a.json": b"the new one"})
    settle(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "the new one"


def test_a_link_to_a_scratch_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    root = kit.cut_off(tmp_path / "other", {"a.json": b"the other's"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / root.name).symlink_to(root)
    settle(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [root.name]
    assert root.is_dir()


@pytest.mark.parametrize("where", [".ca-deploy-notes", ".ca-deploy-", "ca-deploy.lock"])
def test_folders_without_our_marker_stay(tmp_path: Path, where: str) -> None:
    (tmp_path / where).mkdir()
    (tmp_path / where / "notes.txt").write_text("mine")
    settle(tmp_path)
    with staging(tmp_path):
        pass
    assert (tmp_path / where / "notes.txt").read_text() == "mine"


def test_what_the_user_made_of_a_place_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """A folder where a file was to go."""
    kit.cut_off(tmp_path, {"a.json": b"the new one"})
    (tmp_path / "a.json").mkdir()
    (tmp_path / "a.json" / "notes.txt").write_text("mine")
    settle(tmp_path)
    assert (tmp_path / "a.json" / "notes.txt").read_text() == "mine"
