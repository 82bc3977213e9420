"""A delivery killed at any system call leaves the old set or the new one, once the next command has run.

Between the kill and that command, other processes can see some new files beside old ones, each of them whole; and, on
a file system that cannot exchange two names, no package if the kill came between two renamings.
``benchmarks/delivery_kills.py`` goes through all calls.
"""

from pathlib import Path

from tests.delivery import child, kit


def test_killed_at_every_renaming(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    killed = list(kit.kills(folder, kit.RENAMES))
    assert [moment.call for moment in killed].count("renameat2") == len(kit.PLACES)
    for call in ("rename", "renameat2"):  # and these were all of them
        after = kit.Moment(call, 1 + max(moment.number for moment in killed if moment.call == call), "")
        assert kit.run(["deliver", str(kit.stage(folder)), "new"], *kit.inject("signal=KILL", after)) == 0
        assert set(kit.seen(folder).values()) == {"new"}


def test_killed_at_other_calls(tmp_path: Path) -> None:
    """Making, writing, flushing, locking, removing: every third call."""
    calls = {moment.call for moment in kit.kills(tmp_path / "out", kit.OTHERS + kit.RENAMES, every=3)}
    assert {"mkdir", "openat", "fsync", "unlinkat"} <= calls


def test_killed_where_names_cannot_be_exchanged(tmp_path: Path) -> None:
    """No file is ever missing there; a package is, after a kill between two renamings, until the next command."""
    package = frozenset({child.PACKAGE})
    killed = kit.kills(tmp_path / "out", ("rename", "linkat"), kit.NO_EXCHANGE, every=2, may_miss=package)
    assert len(list(killed)) >= 9


def test_killed_where_nothing_was_before(tmp_path: Path) -> None:
    assert len(list(kit.kills(tmp_path / "out", ("rename",), before="missing"))) == 2 * len(kit.PLACES) + 2


def test_the_next_command_may_be_killed_too(tmp_path: Path) -> None:
    calls = {
        moment.call for moment in kit.kills_of_the_next_command(tmp_path / "out", (*kit.RENAMES, "unlink", "rmdir"))
    }
    assert calls == {"rename", "renameat2", "unlink", "rmdir"}


def test_the_next_delivery_comes_after_the_one_that_was_cut_off(tmp_path: Path) -> None:
    folder = kit.stage(tmp_path / "out")
    killed = kit.inject("signal=KILL", kit.Moment("renameat2", 3, ""))
    assert kit.run(["deliver", str(folder), "new"], *killed) == -9
    assert kit.run(["deliver", str(folder), "third"]) == 0
    assert set(kit.seen(folder).values()) == {"third"}
    assert not kit.left(folder)


def test_all_is_on_disk_before_the_commit_point(tmp_path: Path) -> None:
    """The order that fsync(2) requires, so that a power cut, which no test can cause, is like a kill."""
    folder = kit.stage(tmp_path / "out")
    done = kit.moments(["deliver", str(folder), "new"], folder, ("fsync", *kit.RENAMES), tmp_path / "log")
    (commit,) = [number for number, moment in enumerate(done) if moment.commits]
    first, last = ([number for number, moment in enumerate(done) if moment.call == "renameat2"][end] for end in (0, -1))
    flushed = [moment.said.rpartition("<")[2].partition(">")[0] if moment.call == "fsync" else "" for moment in done]
    (root,) = {path for path in flushed[commit:first] if ".ca-deploy-" in path}
    made = [child.PACKAGE, *child.FILES, f"{child.PACKAGE}/Data", *(f"{child.PACKAGE}/{name}" for name in child.INSIDE)]
    assert {f"{root}/work/{name}" for name in made} | {f"{root}/outgoing"} == set(flushed[:commit]) - {""}
    assert {root, str(folder)} == set(flushed[commit:first]) - {""}
    assert {f"{root}/committed", str(folder)} == set(flushed[last:]) - {""}
